#include "vswitchd/rstp/view.hpp"

#include <utility>

namespace bondway::rstp {

stp::TreeView view(const RapidTree& tree, std::string name) {
  stp::TreeView view;
  view.name = std::move(name);
  view.is_rapid = true;
  const Times& times = tree.root_times();
  view.root = {tree.root_priority().root, times.hello_time, times.max_age, times.forward_delay};
  const BridgeConfig& own = tree.config();
  view.bridge = {own.id, kHelloTime, own.max_age, own.forward_delay};
  if (tree.root_port()) view.root_port = tree.ports().at(*tree.root_port()).config.name;
  view.root_path_cost = tree.root_priority().cost;
  for (const Handle handle : tree.ports_in_order()) {
    const PortVariables& port = tree.ports().at(handle);
    const std::uint32_t id = port.config.id.number;
    view.ports.push_back({port.config.name, to_string(port.role), to_string(port.state()),
                          port.config.path_cost, id >> 12 << 4, id & 0xfff});
  }
  return view;
}

}  // namespace bondway::rstp
