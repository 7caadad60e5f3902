#include <cctype>
#include <cstdlib>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

/// Leading digits count, as they always did; without any the argument is refused.
Result<std::int64_t> parse_number(const std::string& text) {
  char* end = nullptr;
  const std::int64_t number = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str()) return fail("Invalid argument {}", text);
  return number;
}

struct Mapping {
  std::int64_t isid = 0, vlan = 0;
};

Result<Mapping> parse_mapping(Context& context) {
  const Result<std::int64_t> isid = parse_number(context.argument(1));
  if (!isid) return tl::unexpected(isid.error());
  const Result<std::int64_t> vlan = parse_number(context.argument(2));
  if (!vlan) return tl::unexpected(vlan.error());
  return Mapping{*isid, *vlan};
}

Row* find_auto_attach(View& view, Row& bridge) {
  const db::Table& table = view.table("AutoAttach");
  const Datum references = view.get(bridge, "auto_attach");
  const auto rows = view.rows(table, references.keys(), columns_of(table, {"mappings"}));
  return rows.empty() ? nullptr : rows[0];
}

// ---------------------------------------------------------------- zones

std::int64_t leading_number(std::string_view text) {
  return std::strtoll(std::string(text).c_str(), nullptr, 10);
}

Result<std::int64_t> parse_zone(const std::string& argument) {
  constexpr std::string_view kPrefix = "zone=";
  const bool valid = argument.starts_with(kPrefix) && argument.size() > kPrefix.size() &&
                     std::isdigit(static_cast<unsigned char>(argument[kPrefix.size()])) != 0;
  if (!valid) return fail("invalid zone argument, {}", argument);
  return leading_number(std::string_view(argument).substr(kPrefix.size()));
}

/// The row of Open_vSwitch.datapaths by the datapath's type.
Row* find_datapath(View& view, const std::string& name,
                   std::initializer_list<std::string_view> columns) {
  const db::Table& table = view.table("Datapath");
  const Atom* uuid = view.get(root_of(view, {"datapaths"}), "datapaths").find(Atom(name));
  if (uuid == nullptr) return nullptr;
  return view.row(table, std::get<Uuid>(*uuid), columns_of(table, columns));
}

/// `K=V` arguments; a key given again counts the first time, a value without digits is 0, and one
/// beyond 32 bits loses those that are too many.
Datum parse_timeouts(std::span<const std::string> arguments) {
  Datum timeouts;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const Atom key(argument.substr(0, equals));
    if (timeouts.contains(key)) continue;
    const std::int64_t seconds =
        equals == std::string::npos ? 0 : leading_number(argument.substr(equals + 1));
    timeouts.insert(key, Atom(std::int64_t{static_cast<std::uint32_t>(seconds)}));
  }
  return timeouts;
}

/// Zones share policies: one with the same timeouts, or a new one.
Row& policy_for(View& view, const Datum& timeouts) {
  const db::Table& table = view.table("CT_Timeout_Policy");
  for (Row* row : view.select(table, Where::all(), columns_of(table, {"timeouts"}))) {
    if (!row->removed && view.get(*row, "timeouts") == timeouts) return *row;
  }
  Row& policy = view.insert(table, Uuid::random());
  view.set(policy, "timeouts", timeouts);
  return policy;
}

Row* find_zone(View& view, Row& datapath, std::int64_t number) {
  const Atom* uuid = view.get(datapath, "ct_zones").find(Atom(number));
  if (uuid == nullptr) return nullptr;
  const db::Table& table = view.table("CT_Zone");
  return view.row(table, std::get<Uuid>(*uuid), columns_of(table, {"timeout_policy"}));
}

std::string describe_policy(View& view, Row& zone) {
  const db::Table& policies = view.table("CT_Timeout_Policy");
  const Datum& policy = view.get(zone, "timeout_policy");
  if (policy.empty()) return "system default";
  Row* row =
      view.row(policies, std::get<Uuid>(policy.keys()[0]), columns_of(policies, {"timeouts"}));
  std::string text;
  if (row == nullptr) return text;
  const Datum& timeouts = view.get(*row, "timeouts");
  for (std::size_t i = 0; i < timeouts.size(); ++i) {
    if (i > 0) text += ' ';
    text += fmt::format("{}={}", std::get<std::string>(timeouts.keys()[i]),
                        std::get<std::int64_t>(timeouts.values()[i]));
  }
  return text;
}

}  // namespace

// ---------------------------------------------------------------- Auto Attach

Done add_aa_mapping(Context& context) {
  View& view = context.view();
  const Result<Mapping> mapping = parse_mapping(context);
  if (!mapping) return tl::unexpected(mapping.error());
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  Row* row = find_auto_attach(view, *bridge->row);
  if (row == nullptr) {
    row = &view.insert(view.table("AutoAttach"), Uuid::random());
    view.set(*bridge->row, "auto_attach", Datum(Atom(row->uuid)));
  }
  Datum mappings = view.get(*row, "mappings");
  const Atom isid(mapping->isid);
  if (const Atom* known = mappings.find(isid)) {
    if (*known == Atom(mapping->vlan)) return Next::go_on;
    // It replaces a VLAN that was there before the run; one of this run stays, and the database
    // only checks the new one.
    const std::size_t column = column_of(*row->table, "mappings");
    const std::optional<Datum>& stored = row->stored[column];
    const Atom* before = stored ? stored->find(isid) : nullptr;
    if (before == nullptr || *before != *known) {
      Mutation mutation{column, {}, {}};
      mutation.added.insert(isid, Atom(mapping->vlan));
      view.mutate(*row, std::move(mutation));
      return Next::go_on;
    }
    mappings.erase(isid);
  }
  mappings.insert(isid, Atom(mapping->vlan));
  view.set(*row, "mappings", std::move(mappings));
  return Next::go_on;
}

Done delete_aa_mapping(Context& context) {
  View& view = context.view();
  const Result<Mapping> mapping = parse_mapping(context);
  if (!mapping) return tl::unexpected(mapping.error());
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  Row* row = find_auto_attach(view, *bridge->row);
  if (row == nullptr) return Next::go_on;
  const Datum mappings = view.get(*row, "mappings");
  const Atom isid(mapping->isid);
  const Atom vlan(mapping->vlan);
  const Atom* exact = mappings.find(isid);
  if (exact == nullptr || *exact != vlan) return Next::go_on;
  Datum rest;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    if (mappings.keys()[i] == isid || mappings.values()[i] == vlan) continue;
    rest.insert(mappings.keys()[i], mappings.values()[i]);
  }
  view.set(*row, "mappings", std::move(rest));
  return Next::go_on;
}

Done get_aa_mapping(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  Row* row = find_auto_attach(view, *bridge->row);
  if (row == nullptr) return Next::go_on;
  const Datum& mappings = view.get(*row, "mappings");
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    context.output.text += fmt::format("{} {}\n", std::get<std::int64_t>(mappings.keys()[i]),
                                       std::get<std::int64_t>(mappings.values()[i]));
  }
  return Next::go_on;
}

// ---------------------------------------------------------------- zones

Done add_zone_policy(Context& context) {
  View& view = context.view();
  Row* datapath = find_datapath(view, context.argument(0), {"ct_zones"});
  if (datapath == nullptr) return fail("datapath {} does not exist", context.argument(0));
  const Result<std::int64_t> number = parse_zone(context.argument(1));
  if (!number) return tl::unexpected(number.error());
  Row* zone = find_zone(view, *datapath, *number);
  if (zone != nullptr && !context.call.has("may-exist")) {
    return fail("zone id {} already exists", *number);
  }
  const Datum timeouts = parse_timeouts(context.arguments_from(2));
  if (timeouts.empty()) return fail("No timeout policy");
  Row& policy = policy_for(view, timeouts);
  if (zone != nullptr) {
    view.set(*zone, "timeout_policy", Datum(Atom(policy.uuid)));
    return Next::go_on;
  }
  Row& added = view.insert(view.table("CT_Zone"), Uuid::random());
  view.set(added, "timeout_policy", Datum(Atom(policy.uuid)));
  Datum entry;
  entry.insert(Atom(*number), Atom(added.uuid));
  view.mutate(*datapath, Mutation{column_of(*datapath->table, "ct_zones"), {}, std::move(entry)});
  return Next::go_on;
}

Done delete_zone_policy(Context& context) {
  View& view = context.view();
  Row* datapath = find_datapath(view, context.argument(0), {"ct_zones"});
  if (datapath == nullptr) return fail("datapath {} does not exist", context.argument(0));
  const Result<std::int64_t> number = parse_zone(context.argument(1));
  if (!number) return tl::unexpected(number.error());
  if (find_zone(view, *datapath, *number) == nullptr) {
    if (context.call.has("if-exists")) return Next::go_on;
    return fail("zone id {} does not exist", *number);
  }
  view.mutate(*datapath,
              Mutation{column_of(*datapath->table, "ct_zones"), Datum(Atom(*number)), {}});
  return Next::go_on;
}

Done list_zone_policies(Context& context) {
  View& view = context.view();
  Row* datapath = find_datapath(view, context.argument(0), {"ct_zones"});
  if (datapath == nullptr) return fail("datapath: {} record not found", context.argument(0));
  const Datum zones = view.get(*datapath, "ct_zones");
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const std::int64_t number = std::get<std::int64_t>(zones.keys()[i]);
    Row* zone = find_zone(view, *datapath, number);
    if (zone == nullptr) continue;
    context.output.text +=
        fmt::format("Zone:{}, Timeout Policies: {}\n", number, describe_policy(view, *zone));
  }
  return Next::go_on;
}

Done list_datapath_capabilities(Context& context) {
  View& view = context.view();
  Row* datapath = find_datapath(view, context.argument(0), {"capabilities"});
  if (datapath == nullptr) return fail("datapath \"{}\" record not found", context.argument(0));
  const Datum& capabilities = view.get(*datapath, "capabilities");
  for (std::size_t i = 0; i < capabilities.size(); ++i) {
    if (i > 0) context.output.text += ' ';
    context.output.text += std::get<std::string>(capabilities.keys()[i]) + '=' +
                           std::get<std::string>(capabilities.values()[i]);
  }
  context.output.text += '\n';
  return Next::go_on;
}

}  // namespace bondway::ctl
