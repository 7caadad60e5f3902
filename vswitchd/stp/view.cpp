#include "vswitchd/stp/view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bondway::stp {
namespace {

long long seconds(Duration span) { return span / 1s; }

std::string describe(const TreeView::Bridge& bridge) {
  return fmt::format(
      "  stp-priority  {}\n"
      "  stp-system-id   {}\n"
      "  stp-hello-time  {}s\n"
      "  stp-max-age     {}s\n"
      "  stp-fwd-delay   {}s\n",
      bridge.id.priority, to_string(bridge.id.mac), seconds(bridge.hello_time),
      seconds(bridge.max_age), seconds(bridge.forward_delay));
}

std::string describe(const TreeView::Port& port) {
  return fmt::format("  {:<11.10}{:<11.10}{:<11.10}{:<6}{}.{}\n", port.name, to_string(port.role),
                     to_string(port.state), port.path_cost, port.priority, port.number);
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
    view.ports.push_back({port.config.name, tree.role(handle), port.state, port.config.path_cost,
                          port.config.priority, port.config.number});
  }
  std::ranges::sort(view.ports, {}, &TreeView::Port::number);
  return view;
}

std::string to_text(const TreeView& view) {
  std::string text = fmt::format("---- {} ----\nRoot ID:\n{}", view.name, describe(view.root));
  if (view.root_port) {
    text += fmt::format("  root-port       {}\n  root-path-cost  {}\n", *view.root_port,
                        view.root_path_cost);
  } else {
    text += "  This bridge is the root\n";
  }
  text += fmt::format("\nBridge ID:\n{}\n", describe(view.bridge));
  text +=
      "  Interface  Role       State      Cost  Pri.Nbr \n"
      "  ---------- ---------- ---------- ----- -------\n";
  for (const TreeView::Port& port : view.ports) text += describe(port);
  return text + "\n";
}

std::string to_text(const BridgeId& id) {
  return fmt::format("{:04x}.{:012x}", id.priority, id.mac.number());
}

}  // namespace bondway::stp
