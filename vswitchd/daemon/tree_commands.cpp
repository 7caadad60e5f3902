#include <functional>

#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/stp/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

/// Calls `use` with the named bridge, or with all, by name, that have a spanning tree.
Result<void> for_trees(Switch& sw, const Args& args,
                       const std::function<void(SwitchBridge&)>& use) {
  std::map<std::string, SwitchBridge*> found;
  for (auto& [row, bridge] : sw.bridges()) {
    const std::string& name = bridge.bridge->settings().name;
    if (bridge.bridge->tree() != nullptr && (args.empty() || args[0] == name)) {
      found[name] = &bridge;
    }
  }
  if (!args.empty() && found.empty()) return fail("no such stp object");
  for (const auto& [name, bridge] : found) use(*bridge);
  return {};
}

Result<std::string> show(Switch& sw, const Args& args) {
  std::string text;
  const auto shown = for_trees(sw, args, [&](SwitchBridge& bridge) {
    text += stp::to_text(stp::view(*bridge.bridge->tree(), bridge.bridge->settings().name));
  });
  if (!shown) return tl::unexpected(shown.error());
  return text;
}

Result<std::string> note_change(Switch& sw, const Args& args) {
  const auto noted =
      for_trees(sw, args, [&](SwitchBridge& bridge) { sw.note_topology_change(bridge); });
  if (!noted) return tl::unexpected(noted.error());
  return "OK";
}

}  // namespace

void add_tree_commands(process::CommandTable& table, Switch& sw) {
  table.add("stp/show", "[bridge]", 0, 1, [&sw](const Args& args) { return show(sw, args); });
  table.add("stp/tcn", "[bridge]", 0, 1, [&sw](const Args& args) { return note_change(sw, args); });
}

}  // namespace bondway::daemon
