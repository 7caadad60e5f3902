#include <fmt/format.h>

#include <map>
#include <set>

#include "vswitchd/daemon/commands.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

std::set<std::string> bridge_names(Switch& sw) {
  std::set<std::string> names;
  for (const auto& [row, bridge] : sw.bridges()) names.insert(bridge.bridge->settings().name);
  return names;
}

std::string list_bridges(Switch& sw) {
  std::string text;
  for (const std::string& name : bridge_names(sw)) text += name + "\n";
  return text;
}

std::string list_datapaths(Switch& sw) {
  std::string text;
  for (const std::string& name : bridge_names(sw)) {
    const std::string& type = sw.find_bridge(name)->bridge->settings().datapath_type;
    text += fmt::format("{}@{}\n", type.empty() ? "system" : type, name);
  }
  return text;
}

std::string options_text(const Interface& interface) {
  std::string text;
  for (const auto& [key, value] : interface.settings.options) {
    text += fmt::format("{}{}={}", text.empty() ? ": " : ", ", key, value);
  }
  return text;
}

std::string port_text(const Interface& interface) {
  const std::string type = interface.settings.type.empty() ? "system" : interface.settings.type;
  const std::string datapath_port =
      interface.is_patch ? "none" : std::to_string(static_cast<std::uint32_t>(interface.id) + 1);
  return fmt::format("    {} {}/{}: ({}{})\n", interface.settings.name, *interface.number,
                     datapath_port, type, options_text(interface));
}

/// All bridges share one datapath.  It has no cache of flows yet, so every frame is a miss.
std::string show_datapath(Switch& sw) {
  std::string text = fmt::format("netdev@ovs-netdev: hit:0 missed:{}\n", sw.datapath().forwarded());
  for (const std::string& name : bridge_names(sw)) {
    text += fmt::format("  {}:\n", name);
    std::map<std::string, const Interface*> interfaces;
    for (const Interface* interface : sw.interfaces().all()) {
      if (interface->is_open() && interface->bridge == sw.find_bridge(name)->id) {
        interfaces[interface->settings.name] = interface;
      }
    }
    for (const auto& [interface_name, interface] : interfaces) text += port_text(*interface);
  }
  return text;
}

}  // namespace

void add_datapath_commands(process::CommandTable& table, Switch& sw) {
  table.add("ofproto/list", "", 0, 0,
            [&sw](const Args&) -> Result<std::string> { return list_bridges(sw); });
  table.add("dpif/dump-dps", "", 0, 0,
            [&sw](const Args&) -> Result<std::string> { return list_datapaths(sw); });
  table.add("dpif/show", "", 0, 0,
            [&sw](const Args&) -> Result<std::string> { return show_datapath(sw); });
  const auto nothing = [](const Args&) -> Result<std::string> { return ""; };
  table.add("revalidator/wait", "", 0, 0, nothing);
  table.add("revalidator/purge", "", 0, 0, nothing);
}

}  // namespace bondway::daemon
