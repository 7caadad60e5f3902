// How a port comes to its role and state: the machines of 17.29 to 17.31.

#include <algorithm>

#include "vswitchd/rstp/rapid_tree.hpp"

namespace bondway::rstp {

using TopologyChange = PortVariables::TopologyChange;

/// A rapid neighbour answers; with an older one only time tells.
Duration RapidTree::forward_delay(const Port& port) const {
  return port.send_rstp ? kHelloTime : port.designated_times.forward_delay;
}

bool RapidTree::all_synced() const {
  return std::ranges::all_of(ports_, [](const auto& entry) {
    const Port& port = entry.second;
    return port.selected && port.role == port.selected_role &&
           (port.role == Role::root || port.synced);
  });
}

bool RapidTree::re_rooted(Handle handle) const {
  return std::ranges::all_of(ports_, [&](const auto& entry) {
    return entry.first == handle || !runs(entry.second.rr_while);
  });
}

bool RapidTree::port_role_transitions(Handle handle, Port& port) {
  if (!port.selected || port.updt_info) return false;
  const bool is_new = port.role != port.selected_role;
  port.role = port.selected_role;
  switch (port.role) {
    case Role::disabled:
      if (is_new) port.learn = port.forward = false;
      return disabled_port(port) || is_new;
    case Role::root:
      return root_port(handle, port) || is_new;
    case Role::designated:
      // Nobody waits for what an alternate port would have waited for.
      if (is_new && !runs(port.fd_while)) port.fd_while = now_ + forward_delay(port);
      return designated_port(port) || is_new;
    case Role::alternate:
    case Role::backup:
      if (is_new) port.learn = port.forward = false;
      return alternate_port(port) || is_new;
  }
  return false;
}

bool RapidTree::disabled_port(Port& port) {
  if (port.learning || port.forwarding) return false;
  const bool changed = port.sync || port.re_root || !port.synced;
  port.fd_while = now_ + port.designated_times.max_age;
  port.synced = true;
  port.rr_while.reset();
  port.sync = port.re_root = false;
  return changed;
}

/// PROPOSED and AGREED of a root, alternate or backup port.
bool RapidTree::agree(Port& port) {
  if (port.proposed && !port.agree) {
    for (auto& [handle, other] : ports_) other.sync = true;  // setSyncTree, 17.21.15
    port.proposed = false;
    return true;
  }
  if (!(all_synced() && !port.agree) && !(port.proposed && port.agree)) return false;
  port.proposed = port.sync = false;
  port.agree = port.new_info = true;
  return true;
}

bool RapidTree::root_port(Handle handle, Port& port) {
  port.rr_while = now_ + port.designated_times.forward_delay;
  if (agree(port)) return true;
  if (!port.forward && !port.re_root) {
    for (auto& [other, each] : ports_) each.re_root = true;  // setReRootTree, 17.21.16
    return true;
  }
  const bool may =
      !runs(port.fd_while) || (config_.rapid && re_rooted(handle) && !runs(port.rb_while));
  if (may && !port.learn) {
    port.learn = true;
    port.fd_while = now_ + forward_delay(port);
  } else if (may && !port.forward) {
    port.forward = true;
    port.fd_while.reset();
  } else if (port.re_root && port.forward) {
    port.re_root = false;
  } else {
    return false;
  }
  return true;
}

bool RapidTree::designated_port(Port& port) {
  const bool may = (!runs(port.fd_while) || port.agreed || port.oper_edge) &&
                   (!runs(port.rr_while) || !port.re_root) && !port.sync;
  const bool must_discard =
      (port.sync && !port.synced) || (port.re_root && runs(port.rr_while)) || port.disputed;
  if (!port.forward && !port.agreed && !port.proposing && !port.oper_edge) {  // PROPOSE
    port.proposing = port.new_info = true;
    port.edge_delay_while =
        now_ + (port.config.point_to_point ? kMigrateTime : port.designated_times.max_age);
  } else if ((!port.synced &&
              (port.agreed || port.oper_edge || (!port.learning && !port.forwarding))) ||
             (port.sync && port.synced)) {  // SYNCED
    port.rr_while.reset();
    port.synced = true;
    port.sync = false;
  } else if (!runs(port.rr_while) && port.re_root) {  // RETIRED
    port.re_root = false;
  } else if (must_discard && !port.oper_edge && (port.learn || port.forward)) {
    port.learn = port.forward = port.disputed = false;
    port.fd_while = now_ + forward_delay(port);
  } else if (may && !port.learn) {
    port.learn = true;
    port.fd_while = now_ + forward_delay(port);
  } else if (may && !port.forward) {
    port.forward = true;
    port.fd_while.reset();
    port.agreed = port.send_rstp;
  } else {
    return false;
  }
  return true;
}

bool RapidTree::alternate_port(Port& port) {
  if (port.learning || port.forwarding) return false;
  if (port.role == Role::backup) port.rb_while = now_ + 2 * kHelloTime;
  const bool changed = port.sync || port.re_root || !port.synced;
  port.fd_while = now_ + forward_delay(port);
  port.synced = true;
  port.rr_while.reset();
  port.sync = port.re_root = false;
  return agree(port) || changed;
}

bool RapidTree::port_state_transition(Handle handle, Port& port) {
  if (port.learning == port.learn && port.forwarding == port.forward) return false;
  port.learning = port.learn;
  port.forwarding = port.forward;
  actions_.push_back(StateChanged{handle});
  return true;
}

void RapidTree::set_tc_prop_tree(Handle handle) {
  for (auto& [other, port] : ports_) port.tc_prop = port.tc_prop || other != handle;
}

void RapidTree::new_tc_while(Port& port) {
  if (runs(port.tc_while)) return;
  if (port.send_rstp) {
    port.tc_while = now_ + kHelloTime + 1s;
    port.new_info = true;
  } else {
    port.tc_while = now_ + root_times_.max_age + root_times_.forward_delay;
  }
}

bool RapidTree::topology_change(Handle handle, Port& port) {
  const bool is_active_role = port.role == Role::root || port.role == Role::designated;
  if (port.topology_change == TopologyChange::active) {
    if (is_active_role && port.forward && !port.oper_edge) {
      return active_topology_change(handle, port);
    }
    port.topology_change = TopologyChange::learning;
    return true;
  }
  port.rcvd_tc = port.rcvd_tcn = port.rcvd_tc_ack = port.tc_prop = false;
  if (port.topology_change == TopologyChange::inactive) {
    if (!port.learn) return false;
    port.topology_change = TopologyChange::learning;
  } else if (is_active_role && port.forward && !port.oper_edge) {  // DETECTED
    new_tc_while(port);
    set_tc_prop_tree(handle);
    port.new_info = true;
    port.topology_change = TopologyChange::active;
  } else if (!port.learn && !port.learning) {
    port.topology_change = TopologyChange::inactive;
    port.tc_while.reset();
    port.tc_ack = false;
    actions_.push_back(FlushPort{handle});
  } else {
    return false;
  }
  return true;
}

bool RapidTree::active_topology_change(Handle handle, Port& port) {
  if (port.rcvd_tcn || port.rcvd_tc) {  // NOTIFIED_TCN, NOTIFIED_TC
    if (port.rcvd_tcn) new_tc_while(port);
    port.tc_ack = port.tc_ack || (port.rcvd_tcn && port.role == Role::designated);
    port.rcvd_tcn = port.rcvd_tc = false;
    set_tc_prop_tree(handle);
  } else if (port.tc_prop) {  // PROPAGATING
    new_tc_while(port);
    port.tc_prop = false;
    actions_.push_back(FlushPort{handle});
  } else if (port.rcvd_tc_ack) {  // ACKNOWLEDGED
    port.tc_while.reset();
    port.rcvd_tc_ack = false;
  } else {
    return false;
  }
  return true;
}

}  // namespace bondway::rstp
