#include "process/show_command.hpp"
#include "vswitchd/bond/view.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/daemon/json_views.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

bond::Bond* find_bond(Switch& sw, const std::string& name) {
  const SwitchPort* port = sw.find_port(name);
  return port == nullptr ? nullptr : sw.port(*port).bond();
}

bond::BondView view_of(Switch& sw, const SwitchPort& port) {
  sw.collect_load(port);
  return sw.port(port).bond()->view(sw.now());
}

using Views = std::vector<bond::BondView>;

/// The bond that is asked for, or all.
Result<Views> take(Switch& sw, const Args& args) {
  if (!args.empty()) {
    if (find_bond(sw, args[0]) == nullptr) return fail("no such bond");
    return Views{view_of(sw, *sw.find_port(args[0]))};
  }
  Views views;
  for (const std::string& name : sw.bonds()) views.push_back(view_of(sw, *sw.find_port(name)));
  return views;
}

std::string show(const Views& bonds, bond::Layout layout) {
  std::string text;
  for (const bond::BondView& bond : bonds) text += bond::show(bond, layout);
  return text;
}

using MemberCommand = Result<std::string> (bond::Bond::*)(std::string_view);

void add_member_command(process::CommandTable& table, Switch& sw, const std::string& name,
                        const std::string& old_name, MemberCommand change) {
  const auto run = [&sw, change](const Args& args) -> Result<std::string> {
    bond::Bond* bond = find_bond(sw, args[0]);
    if (bond == nullptr) return fail("no such bond");
    auto answer = (bond->*change)(args[1]);
    sw.settle_bond(*sw.find_port(args[0]));
    return answer;
  };
  table.add(name, "port member", 2, 2, run);
  process::Command old{old_name, "", 2, 2, run, {}, {}, true};
  table.add(std::move(old));
}

Result<std::string> migrate(Switch& sw, const Args& args) {
  bond::Bond* bond = find_bond(sw, args[0]);
  if (bond == nullptr) return fail("no such bond");
  auto answer = bond->migrate(args[1], args[2]);
  sw.settle_bond(*sw.find_port(args[0]));
  return answer;
}

Result<std::string> hash(const Args& args) {
  const auto argument = [&args](std::size_t i) -> std::optional<std::string_view> {
    return i < args.size() ? std::optional<std::string_view>(args[i]) : std::nullopt;
  };
  return bond::hash_command(args[0], argument(1), argument(2));
}

}  // namespace

void add_bond_commands(process::CommandTable& table, Switch& sw) {
  const auto snapshot = [&sw](const Args& args) { return take(sw, args); };
  table.add(process::show_command(
      "bond/list", "", 0, 0, snapshot,
      [&sw](const Views& bonds) { return bond::list(bonds, sw.settings().layout); },
      bond_list_json));
  table.add(process::show_command(
      "bond/show", "[port]", 0, 1, snapshot,
      [&sw](const Views& bonds) { return show(bonds, sw.settings().layout); }, bond_show_json));
  table.add("bond/migrate", "port hash member", 3, 3,
            [&sw](const Args& args) { return migrate(sw, args); });
  add_member_command(table, sw, "bond/set-active-member", "bond/set-active-slave",
                     &bond::Bond::set_active_member);
  add_member_command(table, sw, "bond/enable-member", "bond/enable-slave",
                     &bond::Bond::enable_member);
  add_member_command(table, sw, "bond/disable-member", "bond/disable-slave",
                     &bond::Bond::disable_member);
  table.add("bond/hash", "mac [vlan] [basis]", 1, 3, hash);
}

}  // namespace bondway::daemon
