#include <fmt/format.h>

#include <functional>

#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/stp/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

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

/// Which spanning tree a command is about.
struct Protocol {
  const char* name;
  const char* missing;  ///< what it says where there is none
  bool (*runs)(const bridge::Bridge&);
  std::string (*describe)(const bridge::Bridge&);
};

constexpr Protocol kProtocols[] = {
    {"stp", "no such stp object",
     [](const bridge::Bridge& bridge) { return bridge.tree() != nullptr; },
     [](const bridge::Bridge& bridge) {
       return stp::to_text(stp::view(*bridge.tree(), bridge.settings().name));
     }},
    {"rstp", "No such RSTP object",
     [](const bridge::Bridge& bridge) { return bridge.rapid_tree() != nullptr; },
     [](const bridge::Bridge& bridge) {
       return describe(*bridge.rapid_tree(), bridge.settings().name);
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

Result<std::string> show(Switch& sw, const Protocol& protocol, const Args& args) {
  std::string text;
  return for_trees(sw, protocol, args,
                   [&](SwitchBridge& bridge) { text += protocol.describe(*bridge.bridge); })
      .map([&] { return text; });
}

Result<std::string> note_change(Switch& sw, const Protocol& protocol, const Args& args) {
  return for_trees(sw, protocol, args,
                   [&](SwitchBridge& bridge) { sw.note_topology_change(bridge); })
      .map([] { return std::string("OK"); });
}

}  // namespace

void add_tree_commands(process::CommandTable& table, Switch& sw) {
  for (const Protocol& protocol : kProtocols) {
    table.add(fmt::format("{}/show", protocol.name), "[bridge]", 0, 1,
              [&sw, &protocol](const Args& args) { return show(sw, protocol, args); });
    table.add(fmt::format("{}/tcn", protocol.name), "[bridge]", 0, 1,
              [&sw, &protocol](const Args& args) { return note_change(sw, protocol, args); });
  }
}

}  // namespace bondway::daemon
