#include "vswitchd/stp/view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bondway::stp {
namespace {

std::string describe(const TreeView::Bridge& bridge, bool is_rapid) {
  return fmt::format(
      "  stp-priority  {}{}\n"
      "  stp-system-id   {}\n"
      "  stp-hello-time  {}s\n"
      "  stp-max-age     {}s\n"
      "  stp-fwd-delay   {}s\n",
      is_rapid ? "  " : "", bridge.id.priority, to_string(bridge.id.mac), bridge.hello_time / 1s,
      bridge.max_age / 1s, bridge.forward_delay / 1s);
}

}  // namespace

TreeView view(const SpanningTree& tree, std::string name) {
  TreeView view;
  view.name = std::move(name);
  view.root = {tree.root(), tree.hello_time(), tree.max_age(), tree.forward_delay()};
  const BridgeConfig& own = tree.config();
  view.bridge = {own.id, own.hello_time, own.max_age, own.forward_delay};
  view.root_path_cost = tree.root_path_cost();
  if (tree.root_port()) view.root_port = tree.ports().at(*tree.root_port()).config.name;
  for (const auto& [handle, port] : tree.ports()) {
    view.ports.push_back({port.config.name, to_string(tree.role(handle)), to_string(port.state),
                          port.config.path_cost, port.config.priority, port.config.number});
  }
  std::ranges::sort(view.ports, {}, &TreeView::Port::number);
  return view;
}

std::string to_text(const TreeView& view) {
  std::string text =
      fmt::format("---- {} ----\nRoot ID:\n{}", view.name, describe(view.root, view.is_rapid));
  if (view.root_port) {
    text += fmt::format("  root-port       {}\n  root-path-cost  {}\n", *view.root_port,
                        view.root_path_cost);
  } else {
    text += "  This bridge is the root\n";
  }
  text += fmt::format("\nBridge ID:\n{}\n", describe(view.bridge, view.is_rapid));
  const int cost_width = view.is_rapid ? 9 : 6;
  text += fmt::format(
      "  Interface  Role       State      {:<{}}Pri.Nbr \n"
      "  ---------- ---------- ---------- {:-<{}} -------\n",
      "Cost", cost_width, "", cost_width - 1);
  for (const TreeView::Port& port : view.ports) {
    if (port.state == to_string(State::disabled)) continue;  // a word of the older protocol only
    text += fmt::format("  {:<11.10}{:<11.10}{:<11.10}{:<{}}{}.{}\n", port.name, port.role,
                        port.state, port.path_cost, cost_width, port.priority, port.number);
  }
  return text + "\n";
}

std::string to_text(const BridgeId& id) {
  return fmt::format("{:04x}.{:012x}", id.priority, id.mac.number());
}

}  // namespace bondway::stp
