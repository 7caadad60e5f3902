#include <algorithm>
#include <array>
#include <cstdlib>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

const std::string& string_of(View& view, Row& row, std::string_view column) {
  static const std::string empty;
  const Datum& datum = view.get(row, column);
  return datum.empty() ? empty : std::get<std::string>(datum.keys()[0]);
}

/// The rows that a column of references names.
std::vector<Row*> referred(View& view, Row& row, std::string_view column, std::string_view table,
                           std::initializer_list<std::string_view> columns) {
  const db::Table& to = view.table(table);
  const Datum references = view.get(row, column);
  return view.rows(to, references.keys(), columns_of(to, columns));
}

std::string sorted_targets(View& view, const std::vector<Row*>& rows) {
  std::vector<std::string> targets;
  for (Row* row : rows) targets.push_back(string_of(view, *row, "target"));
  std::sort(targets.begin(), targets.end());
  std::string text;
  for (const std::string& target : targets) text += target + '\n';
  return text;
}

void clear_references(View& view, Row& row, std::string_view column, std::string_view table) {
  for (Row* old : referred(view, row, column, table, {"target"})) view.remove(*old);
  view.set(row, column, Datum());
}

void check_target(Context& context, const std::string& target) {
  constexpr std::array<std::string_view, 6> kKinds = {
      "unix:", "tcp:", "ssl:", "punix:", "ptcp:", "pssl:"};
  const bool known = std::any_of(kKinds.begin(), kKinds.end(),
                                 [&](std::string_view kind) { return target.starts_with(kind); });
  if (known) return;
  context.run.warnings.push_back(
      {"vsctl", fmt::format("target type \"{}\" is possibly erroneous", target)});
}

/// Replaces what `column` of `row` refers to by new rows of `table`, one for each target.
void set_targets(Context& context, Row& row, std::string_view column, std::string_view table,
                 std::span<const std::string> targets) {
  View& view = context.view();
  clear_references(view, row, column, table);
  Datum references;
  for (const std::string& target : targets) {
    check_target(context, target);
    Row& added = view.insert(view.table(table), Uuid::random());
    view.set(added, "target", Datum(Atom(target)));
    if (const auto probe = context.call.option("inactivity-probe")) {
      const std::int64_t milliseconds = std::strtoll(probe->c_str(), nullptr, 10);
      view.set(added, "inactivity_probe", Datum(Atom(milliseconds)));
    }
    references.insert(added.uuid);
  }
  view.set(row, column, std::move(references));
}

Row* find_ssl(View& view) {
  const auto rows = referred(view, root_of(view, {"ssl"}), "ssl", "SSL",
                             {"bootstrap_ca_cert", "ca_cert", "certificate", "private_key"});
  return rows.empty() ? nullptr : rows[0];
}

}  // namespace

// ---------------------------------------------------------------- controllers

Done get_controller(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  context.output.text =
      sorted_targets(view, referred(view, *bridge->row, "controller", "Controller", {"target"}));
  return Next::go_on;
}

Done delete_controller(Context& context) {
  const Result<Bridge> bridge = existing_real_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  clear_references(context.view(), *bridge->row, "controller", "Controller");
  return Next::go_on;
}

Done set_controller(Context& context) {
  const Result<Bridge> bridge = existing_real_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  set_targets(context, *bridge->row, "controller", "Controller", context.arguments_from(1));
  return Next::go_on;
}

// ---------------------------------------------------------------- fail mode

Done get_fail_mode(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  const std::string& mode = string_of(view, *bridge->row, "fail_mode");
  if (!mode.empty()) context.output.text = mode + '\n';
  return Next::go_on;
}

Done delete_fail_mode(Context& context) {
  const Result<Bridge> bridge = existing_real_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  context.view().set(*bridge->row, "fail_mode", Datum());
  return Next::go_on;
}

Done set_fail_mode(Context& context) {
  const std::string& mode = context.argument(1);
  const Result<Bridge> bridge = existing_real_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  if (mode != "standalone" && mode != "secure") {
    return fail("fail-mode must be \"standalone\" or \"secure\"");
  }
  context.view().set(*bridge->row, "fail_mode", Datum(Atom(mode)));
  return Next::go_on;
}

// ---------------------------------------------------------------- managers

Done get_manager(Context& context) {
  View& view = context.view();
  context.output.text = sorted_targets(view, referred(view, root_of(view, {"manager_options"}),
                                                      "manager_options", "Manager", {"target"}));
  return Next::go_on;
}

Done delete_manager(Context& context) {
  View& view = context.view();
  clear_references(view, root_of(view, {"manager_options"}), "manager_options", "Manager");
  return Next::go_on;
}

Done set_manager(Context& context) {
  View& view = context.view();
  set_targets(context, root_of(view, {"manager_options"}), "manager_options", "Manager",
              context.arguments_from(0));
  return Next::go_on;
}

// ---------------------------------------------------------------- SSL

Done get_ssl(Context& context) {
  View& view = context.view();
  Row* ssl = find_ssl(view);
  if (ssl == nullptr) return Next::go_on;
  const Datum& bootstrap = view.get(*ssl, "bootstrap_ca_cert");
  context.output.text = fmt::format(
      "Private key: {}\nCertificate: {}\nCA Certificate: {}\nBootstrap: {}\n",
      string_of(view, *ssl, "private_key"), string_of(view, *ssl, "certificate"),
      string_of(view, *ssl, "ca_cert"), !bootstrap.empty() && std::get<bool>(bootstrap.keys()[0]));
  return Next::go_on;
}

Done delete_ssl(Context& context) {
  View& view = context.view();
  if (Row* ssl = find_ssl(view)) {
    view.remove(*ssl);
    view.set(root_of(view, {"ssl"}), "ssl", Datum());
  }
  return Next::go_on;
}

Done set_ssl(Context& context) {
  View& view = context.view();
  if (Row* old = find_ssl(view)) view.remove(*old);
  Row& ssl = view.insert(view.table("SSL"), Uuid::random());
  view.set(ssl, "private_key", Datum(Atom(context.argument(0))));
  view.set(ssl, "certificate", Datum(Atom(context.argument(1))));
  view.set(ssl, "ca_cert", Datum(Atom(context.argument(2))));
  view.set(ssl, "bootstrap_ca_cert", Datum(Atom(context.call.has("bootstrap"))));
  view.set(root_of(view, {"ssl"}), "ssl", Datum(Atom(ssl.uuid)));
  return Next::go_on;
}

}  // namespace bondway::ctl
