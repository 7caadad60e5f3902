#include <algorithm>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

constexpr auto kRead = Writes::no;
constexpr auto kWrite = Writes::yes;

// One command, one line.
// clang-format off
constexpr Command kCommands[] = {
    {"comment", 0, kAnyNumber, "*ARG", "", nullptr, do_nothing, kRead, "General", "do nothing; the arguments go into the database's log"},
    {"get", 2, kAnyNumber, "!TABLE !RECORD *COLUMN?:KEY", "--if-exists,--id=", prepare_get, get_values, kRead, "Database", "print values of a record's columns"},
    {"list", 1, kAnyNumber, "!TABLE *RECORD", "--if-exists,--columns=", prepare_list, list_records, kRead, "Database", "print records, or all of a table"},
    {"find", 1, kAnyNumber, "!TABLE *COLUMN?:KEY=VALUE", "--columns=", prepare_find, find_records, kRead, "Database", "print the records that meet all conditions"},
    {"wait-until", 2, kAnyNumber, "!TABLE !RECORD *COLUMN?:KEY=VALUE", "", prepare_wait, wait_until, kRead, "Database", "wait until a record exists and meets all conditions"},
    {"set", 3, kAnyNumber, "!TABLE !RECORD +COLUMN?:KEY=VALUE", "--if-exists", prepare_set, set_values, kWrite, "Database", "set columns of a record, or keys of their maps"},
    {"add", 4, kAnyNumber, "!TABLE !RECORD !COLUMN +?KEY=VALUE", "--if-exists", prepare_add, add_values, kWrite, "Database", "add values to a column"},
    {"clear", 3, kAnyNumber, "!TABLE !RECORD +COLUMN", "--if-exists", prepare_clear, clear_columns, kWrite, "Database", "empty columns"},
    {"create", 2, kAnyNumber, "!TABLE +COLUMN?:KEY=VALUE", "--id=", prepare_create, create_record, kWrite, "Database", "create a record"},
    {"destroy", 1, kAnyNumber, "!TABLE *RECORD", "--if-exists,--all", prepare_destroy, destroy_records, kWrite, "Database", "delete records that nothing refers to"},
    {"remove", 4, kAnyNumber, "!TABLE !RECORD !COLUMN +KEY|VALUE|KEY=VALUE", "--if-exists", prepare_add, remove_values, kWrite, "Database", "remove values from a column"},
    {"init", 0, 0, "", "", nullptr, do_nothing, kWrite, "General", "make sure that the database has its one Open_vSwitch row"},
    {"show", 0, 0, "", "", prepare_show, show, kRead, "General", "print an overview of the configuration"},
    {"emer-reset", 0, 0, "", "", prepare_reset, emergency_reset, kWrite, "General", "take away controllers, managers, mirrors and other settings of the moment"},
    {"add-br", 1, 3, "!NEW-BRIDGE ?PARENT ?NEW-VLAN", "--may-exist", prepare_bridge, add_bridge, kWrite, "Bridge", "create a bridge, or a fake one for a VLAN of PARENT"},
    {"del-br", 1, 1, "!BRIDGE", "--if-exists", prepare_bridge, delete_bridge, kWrite, "Bridge", "delete a bridge with all of its ports"},
    {"list-br", 0, 0, "", "--real,--fake", prepare_bridges, list_bridges, kRead, "Bridge", "print the names of all bridges"},
    {"br-exists", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_exists, kRead, "Bridge", "exit with status 2 unless the bridge exists"},
    {"br-to-vlan", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_to_vlan, kRead, "Bridge", "print the VLAN of a fake bridge, 0 for a real one"},
    {"br-to-parent", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_to_parent, kRead, "Bridge", "print the parent of a fake bridge, a real one's own name"},
    {"br-set-external-id", 2, 3, "!BRIDGE !KEY ?VALUE", "", prepare_bridge, set_external_id, kWrite, "Bridge", "set an external id of a bridge, or remove it"},
    {"br-get-external-id", 1, 2, "!BRIDGE ?KEY", "", prepare_bridge, get_external_id, kRead, "Bridge", "print an external id of a bridge, or all of them"},
    {"list-ports", 1, 1, "!BRIDGE", "", prepare_bridge, list_ports, kRead, "Port", "print the names of a bridge's ports"},
    {"add-port", 2, kAnyNumber, "!BRIDGE !NEW-PORT *COLUMN?:KEY=VALUE", "--may-exist", prepare_add_port, add_port, kWrite, "Port", "add a network device to a bridge"},
    {"add-bond", 4, kAnyNumber, "!BRIDGE !BOND +IFACE *COLUMN?:KEY=VALUE", "--may-exist,--fake-iface", prepare_add_port, add_bond, kWrite, "Port", "add a bond of two or more network devices to a bridge"},
    {"del-port", 1, 2, "?BRIDGE !PORT|IFACE", "--if-exists,--with-iface", prepare_delete_port, delete_port, kWrite, "Port", "delete a port, which may be a bond"},
    {"port-to-br", 1, 1, "!PORT", "", prepare_port, port_to_bridge, kRead, "Port", "print the name of a port's bridge"},
    {"add-bond-iface", 2, 2, "!BOND !IFACE", "--may-exist", prepare_bond_interface, add_bond_interface, kWrite, "Port", "add a network device to a bond"},
    {"del-bond-iface", 1, 2, "?BOND !IFACE", "--if-exists", prepare_bond_interface, delete_bond_interface, kWrite, "Port", "take a network device out of its bond"},
    {"list-ifaces", 1, 1, "!BRIDGE", "", prepare_bridge, list_interfaces, kRead, "Interface", "print the names of a bridge's interfaces"},
    {"iface-to-br", 1, 1, "!IFACE", "", prepare_interface, interface_to_bridge, kRead, "Interface", "print the name of an interface's bridge"},
    {"get-controller", 1, 1, "!BRIDGE", "", prepare_bridge, get_controller, kRead, "Controller", "print the controllers of a bridge"},
    {"del-controller", 1, 1, "!BRIDGE", "", prepare_bridge, delete_controller, kWrite, "Controller", "remove the controllers of a bridge"},
    {"set-controller", 1, kAnyNumber, "!BRIDGE +TARGET", "--inactivity-probe=", prepare_bridge, set_controller, kWrite, "Controller", "replace the controllers of a bridge"},
    {"get-fail-mode", 1, 1, "!BRIDGE", "", prepare_bridge, get_fail_mode, kRead, "Controller", "print the fail mode of a bridge"},
    {"del-fail-mode", 1, 1, "!BRIDGE", "", prepare_bridge, delete_fail_mode, kWrite, "Controller", "remove the fail mode of a bridge"},
    {"set-fail-mode", 2, 2, "!BRIDGE !MODE", "", prepare_bridge, set_fail_mode, kWrite, "Controller", "set the fail mode of a bridge, standalone or secure"},
    {"get-manager", 0, 0, "", "", nullptr, get_manager, kRead, "Manager", "print the managers"},
    {"del-manager", 0, 0, "", "", nullptr, delete_manager, kWrite, "Manager", "remove the managers"},
    {"set-manager", 1, kAnyNumber, "+TARGET", "--inactivity-probe=", nullptr, set_manager, kWrite, "Manager", "replace the managers"},
    {"get-ssl", 0, 0, "", "", nullptr, get_ssl, kRead, "SSL", "print the SSL configuration"},
    {"del-ssl", 0, 0, "", "", nullptr, delete_ssl, kWrite, "SSL", "remove the SSL configuration"},
    {"set-ssl", 3, 3, "!PRIVATE-KEY !CERTIFICATE !CA-CERT", "--bootstrap", nullptr, set_ssl, kWrite, "SSL", "set the SSL configuration"},
    {"add-aa-mapping", 3, 3, "!BRIDGE !ARG !ARG", "", prepare_bridge, add_aa_mapping, kWrite, "Auto Attach", "map an I-SID to a VLAN on a bridge"},
    {"del-aa-mapping", 3, 3, "!BRIDGE !ARG !ARG", "", prepare_bridge, delete_aa_mapping, kWrite, "Auto Attach", "remove a mapping of an I-SID to a VLAN"},
    {"get-aa-mapping", 1, 1, "!BRIDGE", "", prepare_bridge, get_aa_mapping, kRead, "Auto Attach", "print the mappings of a bridge"},
    {"add-zone-tp", 3, kAnyNumber, "", "--may-exist", nullptr, add_zone_policy, kWrite, "Datapath", "add a timeout policy for a connection tracking zone"},
    {"del-zone-tp", 2, 2, "", "--if-exists", nullptr, delete_zone_policy, kWrite, "Datapath", "remove the timeout policy of a zone"},
    {"list-zone-tp", 1, 1, "", "", nullptr, list_zone_policies, kRead, "Datapath", "print the timeout policies of all zones"},
    {"list-dp-cap", 1, 1, "", "", nullptr, list_datapath_capabilities, kRead, "Datapath", "print what a datapath is able to do"},
};
// clang-format on

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                   [name](const Command& c) { return c.name == name; });
  return found != std::end(kCommands) ? found : nullptr;
}

std::optional<std::string> Call::option(std::string_view name) const {
  const auto found = options.find(name);
  if (found == options.end()) return std::nullopt;
  return found->second;
}

std::string Call::text() const {
  std::string text;
  for_each_option(*command, [&](std::string_view name, bool has_value) {
    const auto value = option(name);
    if (!value) return;
    text += fmt::format("--{}{}{} ", name, has_value ? "=" : "", *value);
  });
  text += command->name;
  for (const std::string& argument : arguments) text += ' ' + quote_argument(argument);
  return text;
}

std::string quote_arguments(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) text += ' ';
    text += quote_argument(argv[i]);
  }
  return text;
}

std::string quote_argument(std::string_view argument) {
  if (argument.find_first_of(" \t\n\v\r\"'\\") == std::string_view::npos)
    return std::string(argument);
  std::string text = "\"";
  for (const char c : argument) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace bondway::ctl
