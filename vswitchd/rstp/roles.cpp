// Which port plays which role: the machine of 17.28.

#include <algorithm>

#include "vswitchd/rstp/rapid_tree.hpp"

namespace bondway::rstp {

using InfoIs = PortVariables::InfoIs;

bool RapidTree::port_role_selection() {
  const auto wants = [](const auto& port) { return port.second.reselect; };
  if (std::ranges::none_of(ports_, wants)) return false;
  for (auto& [handle, port] : ports_) port.reselect = false;
  updt_roles_tree();
  for (auto& [handle, port] : ports_) port.selected = true;
  return true;
}

void RapidTree::updt_roles_tree() {
  select_root();
  for (auto& [handle, port] : ports_) {
    port.designated_priority = {root_priority_.root, root_priority_.cost, config_.id,
                                port.config.id, port.config.id};
    port.designated_times = root_times_;
    port.designated_times.hello_time = kHelloTime;
    select_role(handle, port);
  }
}

void RapidTree::select_root() {
  root_priority_ = {config_.id, 0, config_.id, {}, {}};
  root_times_ = {{}, config_.max_age, config_.forward_delay, kHelloTime};
  root_port_.reset();
  for (const auto& [handle, port] : ports_) {
    if (port.info_is != InfoIs::received || port.port_priority.bridge.mac == config_.id.mac) {
      continue;
    }
    PriorityVector path = port.port_priority;
    path.cost += port.config.path_cost;
    path.receiver = port.config.id;
    if (!(path < root_priority_)) continue;
    root_priority_ = path;
    root_port_ = handle;
    root_times_ = port.port_times;
    root_times_.message_age += 1s;
  }
}

void RapidTree::select_role(Handle handle, Port& port) {
  port.updt_info = false;
  if (port.info_is == InfoIs::disabled) {
    port.selected_role = Role::disabled;
  } else if (port.info_is != InfoIs::received) {
    port.selected_role = Role::designated;
    port.updt_info = port.info_is == InfoIs::aged ||
                     port.port_priority != port.designated_priority ||
                     port.port_times != port.designated_times;
  } else if (root_port_ == handle) {
    port.selected_role = Role::root;
  } else if (port.designated_priority < port.port_priority) {
    port.selected_role = Role::designated;
    port.updt_info = true;
  } else {
    const bool is_own = port.port_priority.bridge.mac == config_.id.mac;
    port.selected_role = is_own ? Role::backup : Role::alternate;
  }
}

}  // namespace bondway::rstp
