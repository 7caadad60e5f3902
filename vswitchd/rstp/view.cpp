#include "vswitchd/rstp/view.hpp"

#include <fmt/format.h>

#include <utility>

namespace bondway::rstp {
namespace {

std::string describe(const RapidTreeView::Bridge& bridge) {
  return fmt::format(
      "  stp-priority    {}\n"
      "  stp-system-id   {}\n"
      "  stp-hello-time  {}s\n"
      "  stp-max-age     {}s\n"
      "  stp-fwd-delay   {}s\n",
      bridge.id.priority, to_string(bridge.id.mac), bridge.hello_time / 1s, bridge.max_age / 1s,
      bridge.forward_delay / 1s);
}

std::string describe(const RapidTreeView::Port& port) {
  return fmt::format("  {:<11.10}{:<11.10}{:<11.10}{:<9}{}.{}\n", port.name, to_string(port.role),
                     to_string(port.state), port.path_cost, port.priority, port.number);
}

}  // namespace

RapidTreeView view(const RapidTree& tree, std::string name) {
  RapidTreeView view;
  view.name = std::move(name);
  const Times& times = tree.root_times();
  view.root = {tree.root_priority().root, times.hello_time, times.max_age, times.forward_delay};
  const BridgeConfig& own = tree.config();
  view.bridge = {own.id, kHelloTime, own.max_age, own.forward_delay};
  if (tree.root_port()) view.root_port = tree.ports().at(*tree.root_port()).config.name;
  view.root_path_cost = tree.root_priority().cost;
  for (const auto& [handle, port] : tree.ports()) {
    const std::uint32_t id = port.config.id.number;
    view.ports.push_back({port.config.name, port.role, port.state(), port.config.path_cost,
                          id >> 12 << 4, id & 0xfff});
  }
  return view;
}

std::string to_text(const RapidTreeView& view) {
  std::string text = fmt::format("---- {} ----\nRoot ID:\n{}", view.name, describe(view.root));
  if (view.root_port) {
    text += fmt::format("  root-port       {}\n  root-path-cost  {}\n", *view.root_port,
                        view.root_path_cost);
  } else {
    text += "  This bridge is the root\n";
  }
  text += fmt::format("\nBridge ID:\n{}", describe(view.bridge));
  text +=
      "\n  Interface  Role       State      Cost     Pri.Nbr \n"
      "  ---------- ---------- ---------- -------- -------\n";
  for (const RapidTreeView::Port& port : view.ports) text += describe(port);
  return text + "\n";
}

}  // namespace bondway::rstp
