#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "process/show_command.hpp"
#include "vswitchd/daemon/commands.hpp"

namespace bondway::daemon {
namespace {

using nlohmann::json;
using process::Args;

std::set<std::string> bridge_names(Switch& sw) {
  std::set<std::string> names;
  for (const auto& [row, bridge] : sw.bridges()) names.insert(bridge.bridge->settings().name);
  return names;
}

using Names = std::vector<std::string>;

Names list_bridges(Switch& sw) {
  const std::set<std::string> names = bridge_names(sw);
  return {names.begin(), names.end()};
}

Names list_datapaths(Switch& sw) {
  Names datapaths;
  for (const std::string& name : bridge_names(sw)) {
    const std::string& type = sw.find_bridge(name)->bridge->settings().datapath_type;
    datapaths.push_back(fmt::format("{}@{}", type.empty() ? "system" : type, name));
  }
  return datapaths;
}

std::string lines(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

/// What dpif/show says of the bridges of one datapath type.  All of them share one datapath, whose
/// counters are shown with each.
struct DatapathView {
  struct Port {
    std::string name, type;
    std::uint16_t number = 0;
    std::optional<std::uint32_t> datapath_port;  ///< none: a patch
    std::map<std::string, std::string> options;
  };
  struct Bridge {
    std::string name;
    std::vector<Port> ports;  ///< sorted by name
  };
  std::string name;
  std::uint64_t hit = 0, missed = 0;
  std::vector<Bridge> bridges;  ///< sorted by name
};

/// The type as it is configured, except that a dummy stands in for an internal device.
std::string type_of(const Interface& interface) {
  const std::string& type = interface.settings.type;
  if (type == "internal" && interface.type == "dummy") return "dummy-internal";
  return type.empty() ? "system" : type;
}

DatapathView::Port view_of(const Interface& interface) {
  const bridge::InterfaceSettings& settings = interface.settings;
  DatapathView::Port port{.name = settings.name,
                          .type = type_of(interface),
                          .number = *interface.number,
                          .datapath_port = {},
                          .options = settings.options};
  if (!interface.is_patch) port.datapath_port = static_cast<std::uint32_t>(interface.id) + 1;
  return port;
}

using Datapaths = std::vector<DatapathView>;  ///< sorted by name

Datapaths take(Switch& sw) {
  const datapath::Worker::Frames frames = sw.datapath().frames();
  std::map<std::string, DatapathView> views;
  std::map<bridge::BridgeId, std::map<std::string, const Interface*>> interfaces;
  for (const Interface* interface : sw.interfaces().all()) {
    if (interface->is_open()) interfaces[interface->bridge][interface->settings.name] = interface;
  }
  for (const std::string& name : bridge_names(sw)) {
    const std::string& type = sw.find_bridge(name)->bridge->settings().datapath_type;
    const std::string datapath = fmt::format("{0}@ovs-{0}", type.empty() ? "system" : type);
    DatapathView& view = views[datapath];
    view.name = datapath;
    view.hit = frames.cached;
    view.missed = frames.decided;
    DatapathView::Bridge& bridge = view.bridges.emplace_back();
    bridge.name = name;
    for (const auto& [port_name, interface] : interfaces[sw.find_bridge(name)->id]) {
      bridge.ports.push_back(view_of(*interface));
    }
  }
  Datapaths sorted;
  for (auto& [name, view] : views) sorted.push_back(std::move(view));
  return sorted;
}

std::string port_text(const DatapathView::Port& port) {
  std::string options;
  for (const auto& [key, value] : port.options) {
    options += fmt::format("{}{}={}", options.empty() ? ": " : ", ", key, value);
  }
  return fmt::format("    {} {}/{}: ({}{})\n", port.name, port.number,
                     port.datapath_port ? std::to_string(*port.datapath_port) : "none", port.type,
                     options);
}

std::string to_text(const Datapaths& datapaths) {
  std::string text;
  for (const DatapathView& view : datapaths) {
    text += fmt::format("{}: hit:{} missed:{}\n", view.name, view.hit, view.missed);
    for (const DatapathView::Bridge& bridge : view.bridges) {
      text += fmt::format("  {}:\n", bridge.name);
      for (const DatapathView::Port& port : bridge.ports) text += port_text(port);
    }
  }
  return text;
}

json datapath_json(const DatapathView& view) {
  json bridges = json::array();
  for (const DatapathView::Bridge& bridge : view.bridges) {
    json ports = json::array();
    for (const DatapathView::Port& port : bridge.ports) {
      ports.push_back({{"name", port.name},
                       {"type", port.type},
                       {"ofport", port.number},
                       {"datapath_port", port.datapath_port ? json(*port.datapath_port) : json()},
                       {"options", port.options}});
    }
    bridges.push_back({{"name", bridge.name}, {"ports", std::move(ports)}});
  }
  return {{"name", view.name},
          {"hit", view.hit},
          {"missed", view.missed},
          {"bridges", std::move(bridges)}};
}

json to_json(const Datapaths& datapaths) {
  json array = json::array();
  for (const DatapathView& view : datapaths) array.push_back(datapath_json(view));
  return process::versioned("datapaths", std::move(array));
}

/// No interface has queues of ours.
Result<std::string> answer_of_interface(Switch& sw, const Args& args, const char* format) {
  const Interface* interface = sw.interfaces().find(args[0]);
  if (interface == nullptr || !interface->is_open()) return fail("no such interface");
  return fmt::format(fmt::runtime(format), args[0]);
}

}  // namespace

void add_datapath_commands(process::CommandTable& table, Switch& sw) {
  const auto add_list = [&](const char* name, Names (*list)(Switch&), const char* what) {
    table.add(process::show_command(
        name, "", 0, 0, [&sw, list](const Args&) -> Result<Names> { return list(sw); }, lines,
        [what](const Names& names) { return process::versioned(what, names); }));
  };
  add_list("ofproto/list", list_bridges, "bridges");
  add_list("dpif/dump-dps", list_datapaths, "datapaths");
  table.add(process::show_command(
      "dpif/show", "", 0, 0, [&sw](const Args&) -> Result<Datapaths> { return take(sw); }, to_text,
      to_json));
  table.add("qos/show", "interface", 1, 1, [&sw](const Args& args) {
    return answer_of_interface(sw, args, "QoS not configured on {}");
  });
  table.add("qos/show-types", "interface", 1, 1, [&sw](const Args& args) {
    return answer_of_interface(sw, args, "No QoS types supported for interface: {}");
  });
  add_worker_commands(table, sw);
  const auto nothing = [](const Args&) -> Result<std::string> { return ""; };
  table.add("revalidator/wait", "", 0, 0, nothing);
  table.add("revalidator/purge", "", 0, 0, nothing);
}

}  // namespace bondway::daemon
