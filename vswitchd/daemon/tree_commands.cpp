#include <fmt/format.h>

#include <functional>

#include "process/show_command.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/daemon/json_views.hpp"
#include "vswitchd/rstp/view.hpp"
#include "vswitchd/stp/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

using Views = std::vector<stp::TreeView>;

/// Which spanning tree a command is about.
struct Protocol {
  const char* name;
  const char* missing;  ///< what it says where there is none
  bool (*runs)(const bridge::Bridge&);
  stp::TreeView (*view)(const bridge::Bridge&);
};

constexpr Protocol kProtocols[] = {
    {"stp", "no such stp object",
     [](const bridge::Bridge& bridge) { return bridge.tree() != nullptr; },
     [](const bridge::Bridge& bridge) {
       return stp::view(*bridge.tree(), bridge.settings().name);
     }},
    {"rstp", "No such RSTP object",
     [](const bridge::Bridge& bridge) { return bridge.rapid_tree() != nullptr; },
     [](const bridge::Bridge& bridge) {
       return rstp::view(*bridge.rapid_tree(), bridge.settings().name);
     }},
};

/// Calls `use` with the named bridge, or with all, by name, that run the protocol.
Result<void> for_trees(Switch& sw, const Protocol& protocol, const Args& args,
                       const std::function<void(SwitchBridge&)>& use) {
  std::map<std::string, SwitchBridge*> found;
  for (auto& [row, bridge] : sw.bridges()) {
    const std::string& name = bridge.bridge->settings().name;
    if (protocol.runs(*bridge.bridge) && (args.empty() || args[0] == name)) found[name] = &bridge;
  }
  if (!args.empty() && found.empty()) return fail("{}", protocol.missing);
  for (const auto& [name, bridge] : found) use(*bridge);
  return {};
}

Result<std::string> note_change(Switch& sw, const Protocol& protocol, const Args& args) {
  return for_trees(sw, protocol, args,
                   [&](SwitchBridge& bridge) { sw.note_topology_change(bridge); })
      .map([] { return std::string("OK"); });
}

Result<Views> take(Switch& sw, const Protocol& protocol, const Args& args) {
  Views views;
  return for_trees(sw, protocol, args,
                   [&](SwitchBridge& bridge) { views.push_back(protocol.view(*bridge.bridge)); })
      .map([&] { return views; });
}

std::string text(const Views& bridges) {
  std::string all;
  for (const stp::TreeView& bridge : bridges) all += to_text(bridge);
  return all;
}

}  // namespace

void add_tree_commands(process::CommandTable& table, Switch& sw) {
  for (const Protocol& protocol : kProtocols) {
    table.add(process::show_command(
        fmt::format("{}/show", protocol.name), "[bridge]", 0, 1,
        [&sw, &protocol](const Args& args) { return take(sw, protocol, args); }, text,
        tree_show_json));
    table.add(fmt::format("{}/tcn", protocol.name), "[bridge]", 0, 1,
              [&sw, &protocol](const Args& args) { return note_change(sw, protocol, args); });
  }
}

}  // namespace bondway::daemon
