#include <fmt/format.h>

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

void describe(std::string& text, const stp::BridgeId& id, const rstp::Times& times) {
  text += fmt::format(
      "  stp-priority    {}\n  stp-system-id   {}\n  stp-hello-time  {}s\n"
      "  stp-max-age     {}s\n  stp-fwd-delay   {}s\n",
      id.priority, to_string(id.mac), times.hello_time / 1s, times.max_age / 1s,
      times.forward_delay / 1s);
}

std::string describe(const rstp::RapidTree& tree, const std::string& name) {
  std::string text = fmt::format("---- {} ----\nRoot ID:\n", name);
  describe(text, tree.root_priority().root, tree.root_times());
  if (tree.root_port()) {
    text += fmt::format("  root-port       {}\n  root-path-cost  {}\n",
                        tree.ports().at(*tree.root_port()).config.name, tree.root_priority().cost);
  } else {
    text += "  This bridge is the root\n";
  }
  text += "\nBridge ID:\n";
  const rstp::BridgeConfig& own = tree.config();
  describe(text, own.id, {{}, own.max_age, own.forward_delay, rstp::kHelloTime});
  text +=
      "\n  Interface  Role       State      Cost     Pri.Nbr \n"
      "  ---------- ---------- ---------- -------- -------\n";
  for (const auto& [handle, port] : tree.ports()) {
    text += fmt::format("  {:<11.10}{:<11.10}{:<11.10}{:<9}{}.{}\n", port.config.name,
                        to_string(port.role), to_string(port.state()), port.config.path_cost,
                        port.config.id.number >> 12 << 4, port.config.id.number & 0xfff);
  }
  return text + "\n";
}

Result<std::string> show_rapid(Switch& sw, const Args& args) {
  std::map<std::string, std::string> texts;
  for (const auto& [row, bridge] : sw.bridges()) {
    const std::string& name = bridge.bridge->settings().name;
    const rstp::RapidTree* tree = bridge.bridge->rapid_tree();
    if (tree != nullptr && (args.empty() || args[0] == name)) texts[name] = describe(*tree, name);
  }
  if (!args.empty() && texts.empty()) return fail("No such RSTP object");
  std::string all;
  for (const auto& [name, text] : texts) all += text;
  return all;
}

Result<std::string> note_rapid_change(Switch& sw, const Args& args) {
  bool found = args.empty();
  for (auto& [row, bridge] : sw.bridges()) {
    if (bridge.bridge->rapid_tree() == nullptr) continue;
    if (!args.empty() && args[0] != bridge.bridge->settings().name) continue;
    sw.note_topology_change(bridge);
    found = true;
  }
  if (!found) return fail("No such RSTP object");
  return "OK";
}

}  // namespace

void add_tree_commands(process::CommandTable& table, Switch& sw) {
  table.add("rstp/show", "[bridge]", 0, 1,
            [&sw](const Args& args) { return show_rapid(sw, args); });
  table.add("rstp/tcn", "[bridge]", 0, 1,
            [&sw](const Args& args) { return note_rapid_change(sw, args); });
  table.add("stp/show", "[bridge]", 0, 1, [&sw](const Args& args) { return show(sw, args); });
  table.add("stp/tcn", "[bridge]", 0, 1, [&sw](const Args& args) { return note_change(sw, args); });
}

}  // namespace bondway::daemon
