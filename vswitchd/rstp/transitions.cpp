#include "vswitchd/rstp/transitions.hpp"

namespace bondway::rstp {
namespace {

/// setSyncTree().  17.21.15.
void set_sync_tree(BridgeVariables& bridge) {
  for (auto& [handle, port] : bridge.ports) port.sync = true;
}

/// setReRootTree().  17.21.16.
void set_re_root_tree(BridgeVariables& bridge) {
  for (auto& [handle, port] : bridge.ports) port.re_root = true;
}

/// setTcPropTree().  17.21.18.
void set_tc_prop_tree(BridgeVariables& bridge, const PortVariables& from) {
  for (auto& [handle, port] : bridge.ports) {
    if (handle != from.handle) port.tc_prop = true;
  }
}

bool has_active_role(const PortVariables& port) {
  return port.role == Role::root || port.role == Role::designated;
}

/// DISABLED_PORT and ALTERNATE_PORT: nobody waits for a port that discards for good.
bool rest(PortVariables& port, Seconds fd_while) {
  if (port.fd_while == fd_while && !port.sync && !port.re_root && port.synced) return false;
  port.fd_while = fd_while;
  port.synced = true;
  port.rr_while = 0;
  port.sync = port.re_root = false;
  return true;
}

/// ROOT_PROPOSED, ROOT_AGREED, and the same of an alternate port.
bool agree(BridgeVariables& bridge, PortVariables& port) {
  if (port.proposed && !port.agree) {
    set_sync_tree(bridge);
    port.proposed = false;
    return true;
  }
  if ((port.agree || !bridge.all_synced()) && !(port.proposed && port.agree)) return false;
  port.proposed = false;
  if (port.role == Role::root) port.sync = false;
  port.agree = port.new_info = true;
  return true;
}

}  // namespace

// ---- Port Role Transitions

/// INIT_PORT.
void RoleTransitions::begin(PortVariables& port) {
  port.role = Role::disabled;
  port.learn = port.forward = port.synced = false;
  port.sync = port.re_root = true;
  port.rr_while = fwd_delay(port);
  port.fd_while = max_age(port);
  port.rb_while = 0;
}

bool RoleTransitions::step(BridgeVariables& bridge, PortVariables& port) {
  if (!port.selected || port.updt_info) return false;
  if (port.role != port.selected_role) return change_role(port);
  switch (port.role) {
    case Role::disabled:
      return step_disabled(port);
    case Role::root:
      return step_root(bridge, port);
    case Role::designated:
      return step_designated(bridge, port);
    case Role::alternate:
    case Role::backup:
      return step_alternate(bridge, port);
  }
  return false;
}

/// DISABLE_PORT, ROOT_PORT, DESIGNATED_PORT, BLOCK_PORT.
bool RoleTransitions::change_role(PortVariables& port) {
  port.role = port.selected_role;
  if (port.role == Role::root) {
    port.rr_while = fwd_delay(port);
  } else if (port.role != Role::designated) {
    port.learn = port.forward = false;
  }
  return true;
}

bool RoleTransitions::step_disabled(PortVariables& port) {
  if (port.learning || port.forwarding) return false;
  return rest(port, max_age(port));
}

bool RoleTransitions::step_root(BridgeVariables& bridge, PortVariables& port) {
  if (agree(bridge, port)) return true;
  const bool may_proceed =
      port.fd_while == 0 || (bridge.re_rooted(port) && port.rb_while == 0 && bridge.config.rapid);
  if (!port.forward && !port.re_root) {  // REROOT
    set_re_root_tree(bridge);
  } else if (may_proceed && !port.learn) {  // ROOT_LEARN
    port.fd_while = bridge.forward_delay(port);
    port.learn = true;
  } else if (may_proceed && !port.forward) {  // ROOT_FORWARD
    port.fd_while = 0;
    port.forward = true;
  } else if (port.re_root && port.forward) {  // REROOTED
    port.re_root = false;
  } else if (port.rr_while != fwd_delay(port)) {  // ROOT_PORT
    port.rr_while = fwd_delay(port);
  } else {
    return false;
  }
  return true;
}

bool RoleTransitions::step_designated(const BridgeVariables& bridge, PortVariables& port) {
  const bool has_retired = port.rr_while == 0 || !port.re_root;
  const bool may_proceed =
      (port.fd_while == 0 || port.agreed || port.oper_edge) && has_retired && !port.sync;
  const bool discards = !port.learning && !port.forwarding;
  if (!port.forward && !port.agreed && !port.proposing && !port.oper_edge) {  // DESIGNATED_PROPOSE
    port.proposing = true;
    port.edge_delay_while = bridge.edge_delay(port);
    port.new_info = true;
  } else if ((!port.synced && (discards || port.agreed || port.oper_edge)) ||
             (port.sync && port.synced)) {  // DESIGNATED_SYNCED
    port.rr_while = 0;
    port.synced = true;
    port.sync = false;
  } else if (port.rr_while == 0 && port.re_root) {  // DESIGNATED_RETIRED
    port.re_root = false;
  } else if (((port.sync && !port.synced) || !has_retired || port.disputed) && !port.oper_edge &&
             (port.learn || port.forward)) {  // DESIGNATED_DISCARD
    port.learn = port.forward = port.disputed = false;
    port.fd_while = bridge.forward_delay(port);
  } else if (may_proceed && !port.learn) {  // DESIGNATED_LEARN
    port.learn = true;
    port.fd_while = bridge.forward_delay(port);
  } else if (may_proceed && !port.forward) {  // DESIGNATED_FORWARD
    port.forward = true;
    port.fd_while = 0;
    port.agreed = port.send_rstp;
  } else {
    return false;
  }
  return true;
}

bool RoleTransitions::step_alternate(BridgeVariables& bridge, PortVariables& port) {
  if (port.learning || port.forwarding) return false;
  const Seconds recent_backup = 2 * in_seconds(kHelloTime);
  if (port.role == Role::backup && port.rb_while != recent_backup) {  // BACKUP_PORT
    port.rb_while = recent_backup;
    return true;
  }
  return rest(port, bridge.forward_delay(port)) || agree(bridge, port);
}

// ---- Port State Transition

bool StateTransition::step(PortVariables& port) {
  switch (state_) {
    case State::discarding:
      if (!port.learn) return false;
      enter_learning(port);
      return true;
    case State::learning:
      if (!port.learn) {
        enter_discarding(port);
      } else if (port.forward) {
        enter_forwarding(port);
      } else {
        return false;
      }
      return true;
    case State::forwarding:
      if (port.forward) return false;
      enter_discarding(port);
      return true;
  }
  return false;
}

void StateTransition::enter_discarding(PortVariables& port) {
  state_ = State::discarding;
  port.learning = port.forwarding = false;
}

void StateTransition::enter_learning(PortVariables& port) {
  state_ = State::learning;
  port.learning = true;
}

void StateTransition::enter_forwarding(PortVariables& port) {
  state_ = State::forwarding;
  port.forwarding = true;
}

// ---- Topology Change

bool TopologyChange::step(BridgeVariables& bridge, PortVariables& port) {
  switch (state_) {
    case State::inactive:
      if (!port.learn || port.fdb_flush) return false;
      enter_learning(port);
      return true;
    case State::learning:
      return step_learning(bridge, port);
    case State::active:
      return step_active(bridge, port);
  }
  return false;
}

bool TopologyChange::step_learning(BridgeVariables& bridge, PortVariables& port) {
  const bool was_told = port.rcvd_tc || port.rcvd_tcn || port.rcvd_tc_ack || port.tc_prop;
  if (has_active_role(port) && port.forward && !port.oper_edge) {
    enter_detected(bridge, port);
  } else if (was_told) {
    enter_learning(port);
  } else if (!has_active_role(port) && !port.learn && !port.learning) {
    enter_inactive(port);
  } else {
    return false;
  }
  return true;
}

bool TopologyChange::step_active(BridgeVariables& bridge, PortVariables& port) {
  if (!has_active_role(port) || port.oper_edge) {
    enter_learning(port);
  } else if (port.rcvd_tcn) {
    enter_notified_tcn(bridge, port);
  } else if (port.rcvd_tc) {
    enter_notified_tc(bridge, port);
  } else if (port.tc_prop) {
    enter_propagating(bridge, port);
  } else if (port.rcvd_tc_ack) {
    enter_acknowledged(port);
  } else {
    return false;
  }
  return true;
}

void TopologyChange::enter_inactive(PortVariables& port) {
  state_ = State::inactive;
  port.fdb_flush = true;
  port.tc_while = 0;
  port.tc_ack = false;
}

void TopologyChange::enter_learning(PortVariables& port) {
  state_ = State::learning;
  port.rcvd_tc = port.rcvd_tcn = port.rcvd_tc_ack = port.tc_prop = false;
}

void TopologyChange::enter_detected(BridgeVariables& bridge, PortVariables& port) {
  state_ = State::active;
  start_tc_while(bridge, port);
  set_tc_prop_tree(bridge, port);
  port.new_info = true;
}

void TopologyChange::enter_notified_tcn(BridgeVariables& bridge, PortVariables& port) {
  start_tc_while(bridge, port);
  enter_notified_tc(bridge, port);
}

void TopologyChange::enter_notified_tc(BridgeVariables& bridge, PortVariables& port) {
  port.rcvd_tcn = port.rcvd_tc = false;
  if (port.role == Role::designated) port.tc_ack = true;
  set_tc_prop_tree(bridge, port);
}

void TopologyChange::enter_propagating(BridgeVariables& bridge, PortVariables& port) {
  start_tc_while(bridge, port);
  port.fdb_flush = true;
  port.tc_prop = false;
}

void TopologyChange::enter_acknowledged(PortVariables& port) {
  port.tc_while = 0;
  port.rcvd_tc_ack = false;
}

void start_tc_while(const BridgeVariables& bridge, PortVariables& port) {
  if (port.tc_while != 0) return;
  if (port.send_rstp) {
    port.tc_while = in_seconds(port.designated_times.hello_time + 1s);
    port.new_info = true;
  } else {
    port.tc_while = in_seconds(bridge.root_times.max_age + bridge.root_times.forward_delay);
  }
}

}  // namespace bondway::rstp
