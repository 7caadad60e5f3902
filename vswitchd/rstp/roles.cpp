#include "vswitchd/rstp/roles.hpp"

#include <algorithm>
#include <limits>

namespace bondway::rstp {
namespace {

using InfoIs = PortVariables::InfoIs;

constexpr std::uint32_t kMostCost = std::numeric_limits<std::uint32_t>::max();

bool is_own(const BridgeVariables& bridge, const PortVariables& port) {
  return port.port_priority.bridge.mac == bridge.config.id.mac;
}

/// The best of what the ports have heard and of the bridge itself.  17.21.25, a to c.
void select_root(BridgeVariables& bridge) {
  const BridgeConfig& config = bridge.config;
  bridge.root_priority = {config.id, 0, config.id, {}, {}};
  bridge.root_times = {{}, config.max_age, config.forward_delay, kHelloTime};
  bridge.root_port.reset();
  for (const auto& [handle, port] : bridge.ports) {
    if (port.info_is != InfoIs::received || is_own(bridge, port)) continue;
    PriorityVector path = port.port_priority;
    path.cost += std::min(port.config.path_cost, kMostCost - path.cost);
    path.receiver = port.config.id;
    if (!(path < bridge.root_priority)) continue;
    bridge.root_priority = path;
    bridge.root_port = handle;
    bridge.root_times = port.port_times;
    bridge.root_times.message_age += 1s;
  }
}

/// 17.21.25, f to l.
void select_role(const BridgeVariables& bridge, PortVariables& port) {
  port.updt_info = false;
  switch (port.info_is) {
    case InfoIs::disabled:
      port.selected_role = Role::disabled;
      return;
    case InfoIs::aged:
      port.selected_role = Role::designated;
      port.updt_info = true;
      return;
    case InfoIs::mine:
      port.selected_role = Role::designated;
      port.updt_info = port.port_priority != port.designated_priority ||
                       port.port_times != port.designated_times;
      return;
    case InfoIs::received:
      break;
  }
  if (bridge.root_port == port.handle) {
    port.selected_role = Role::root;
  } else if (port.designated_priority < port.port_priority) {
    port.selected_role = Role::designated;
    port.updt_info = true;
  } else {
    port.selected_role = is_own(bridge, port) ? Role::backup : Role::alternate;
  }
}

}  // namespace

void update_roles(BridgeVariables& bridge) {
  select_root(bridge);
  for (auto& [handle, port] : bridge.ports) {
    port.designated_priority = {bridge.root_priority.root, bridge.root_priority.cost,
                                bridge.config.id, port.config.id, port.config.id};
    port.designated_times = bridge.root_times;
    port.designated_times.hello_time = kHelloTime;
    select_role(bridge, port);
  }
}

void RoleSelection::begin(BridgeVariables& bridge) {
  select_root(bridge);
  for (auto& [handle, port] : bridge.ports) port.selected_role = Role::disabled;
}

bool RoleSelection::step(BridgeVariables& bridge) {
  const auto wants = [](const auto& entry) { return entry.second.reselect; };
  if (std::ranges::none_of(bridge.ports, wants)) return false;
  for (auto& [handle, port] : bridge.ports) port.reselect = false;  // clearReselectTree()
  update_roles(bridge);
  for (auto& [handle, port] : bridge.ports) port.selected = true;  // setSelectedTree()
  return true;
}

}  // namespace bondway::rstp
