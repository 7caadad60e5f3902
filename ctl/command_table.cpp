#include <algorithm>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

constexpr auto kRead = Writes::no;
constexpr auto kWrite = Writes::yes;

// clang-format off: one command, one line
constexpr Command kCommands[] = {
    {"comment", 0, kAnyNumber, "*ARG", "", nullptr, do_nothing, kRead},
    {"get", 2, kAnyNumber, "!TABLE !RECORD *COLUMN?:KEY", "--if-exists,--id=", prepare_get,
     get_values, kRead},
    {"list", 1, kAnyNumber, "!TABLE *RECORD", "--if-exists,--columns=", prepare_list, list_records,
     kRead},
    {"find", 1, kAnyNumber, "!TABLE *COLUMN?:KEY=VALUE", "--columns=", prepare_find, find_records,
     kRead},
    {"wait-until", 2, kAnyNumber, "!TABLE !RECORD *COLUMN?:KEY=VALUE", "", prepare_wait, wait_until,
     kRead},
    {"set", 3, kAnyNumber, "!TABLE !RECORD +COLUMN?:KEY=VALUE", "--if-exists", prepare_set,
     set_values, kWrite},
    {"add", 4, kAnyNumber, "!TABLE !RECORD !COLUMN +?KEY=VALUE", "--if-exists", prepare_add,
     add_values, kWrite},
    {"clear", 3, kAnyNumber, "!TABLE !RECORD +COLUMN", "--if-exists", prepare_clear, clear_columns,
     kWrite},
    {"create", 2, kAnyNumber, "!TABLE +COLUMN?:KEY=VALUE", "--id=", prepare_create, create_record,
     kWrite},
    {"destroy", 1, kAnyNumber, "!TABLE *RECORD", "--if-exists,--all", prepare_destroy,
     destroy_records, kWrite},
    {"remove", 4, kAnyNumber, "!TABLE !RECORD !COLUMN +KEY|VALUE|KEY=VALUE", "--if-exists",
     prepare_add, remove_values, kWrite},

    {"init", 0, 0, "", "", nullptr, do_nothing, kWrite},
    {"show", 0, 0, "", "", prepare_show, show, kRead},
    {"emer-reset", 0, 0, "", "", prepare_reset, emergency_reset, kWrite},

    {"add-br", 1, 3, "!NEW-BRIDGE ?PARENT ?NEW-VLAN", "--may-exist", prepare_bridge, add_bridge,
     kWrite},
    {"del-br", 1, 1, "!BRIDGE", "--if-exists", prepare_bridge, delete_bridge, kWrite},
    {"list-br", 0, 0, "", "--real,--fake", prepare_bridges, list_bridges, kRead},
    {"br-exists", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_exists, kRead},
    {"br-to-vlan", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_to_vlan, kRead},
    {"br-to-parent", 1, 1, "!BRIDGE", "", prepare_bridge, bridge_to_parent, kRead},
    {"br-set-external-id", 2, 3, "!BRIDGE !KEY ?VALUE", "", prepare_bridge, set_external_id,
     kWrite},
    {"br-get-external-id", 1, 2, "!BRIDGE ?KEY", "", prepare_bridge, get_external_id, kRead},

    {"list-ports", 1, 1, "!BRIDGE", "", prepare_bridge, list_ports, kRead},
    {"add-port", 2, kAnyNumber, "!BRIDGE !NEW-PORT *COLUMN?:KEY=VALUE", "--may-exist",
     prepare_add_port, add_port, kWrite},
    {"add-bond", 4, kAnyNumber, "!BRIDGE !BOND +IFACE *COLUMN?:KEY=VALUE",
     "--may-exist,--fake-iface", prepare_add_port, add_bond, kWrite},
    {"del-port", 1, 2, "?BRIDGE !PORT|IFACE", "--if-exists,--with-iface", prepare_delete_port,
     delete_port, kWrite},
    {"port-to-br", 1, 1, "!PORT", "", prepare_port, port_to_bridge, kRead},
    {"add-bond-iface", 2, 2, "!BOND !IFACE", "--may-exist", prepare_bond_interface,
     add_bond_interface, kWrite},
    {"del-bond-iface", 1, 2, "?BOND !IFACE", "--if-exists", prepare_bond_interface,
     delete_bond_interface, kWrite},
    {"list-ifaces", 1, 1, "!BRIDGE", "", prepare_bridge, list_interfaces, kRead},
    {"iface-to-br", 1, 1, "!IFACE", "", prepare_interface, interface_to_bridge, kRead},

    {"get-controller", 1, 1, "!BRIDGE", "", prepare_bridge, get_controller, kRead},
    {"del-controller", 1, 1, "!BRIDGE", "", prepare_bridge, delete_controller, kWrite},
    {"set-controller", 1, kAnyNumber, "!BRIDGE +TARGET", "--inactivity-probe=", prepare_bridge,
     set_controller, kWrite},
    {"get-fail-mode", 1, 1, "!BRIDGE", "", prepare_bridge, get_fail_mode, kRead},
    {"del-fail-mode", 1, 1, "!BRIDGE", "", prepare_bridge, delete_fail_mode, kWrite},
    {"set-fail-mode", 2, 2, "!BRIDGE !MODE", "", prepare_bridge, set_fail_mode, kWrite},

    {"get-manager", 0, 0, "", "", nullptr, get_manager, kRead},
    {"del-manager", 0, 0, "", "", nullptr, delete_manager, kWrite},
    {"set-manager", 1, kAnyNumber, "+TARGET", "--inactivity-probe=", nullptr, set_manager, kWrite},

    {"get-ssl", 0, 0, "", "", nullptr, get_ssl, kRead},
    {"del-ssl", 0, 0, "", "", nullptr, delete_ssl, kWrite},
    {"set-ssl", 3, 3, "!PRIVATE-KEY !CERTIFICATE !CA-CERT", "--bootstrap", nullptr, set_ssl,
     kWrite},

    {"add-aa-mapping", 3, 3, "!BRIDGE !ARG !ARG", "", prepare_bridge, add_aa_mapping, kWrite},
    {"del-aa-mapping", 3, 3, "!BRIDGE !ARG !ARG", "", prepare_bridge, delete_aa_mapping, kWrite},
    {"get-aa-mapping", 1, 1, "!BRIDGE", "", prepare_bridge, get_aa_mapping, kRead},

    {"add-zone-tp", 3, kAnyNumber, "", "--may-exist", nullptr, add_zone_policy, kWrite},
    {"del-zone-tp", 2, 2, "", "--if-exists", nullptr, delete_zone_policy, kWrite},
    {"list-zone-tp", 1, 1, "", "", nullptr, list_zone_policies, kRead},
    {"list-dp-cap", 1, 1, "", "", nullptr, list_datapath_capabilities, kRead},
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
