#pragma once

#include "vswitchd/rstp/variables.hpp"

/// How a port comes into the state of its role, and what a change of it makes others forget: the
/// machines of IEEE 802.1D-2004, 17.29 to 17.31.  See reception.hpp for begin() and step().
namespace bondway::rstp {

/// Port Role Transitions.  17.29.
class RoleTransitions {
 public:
  void begin(PortVariables& port);
  bool step(BridgeVariables& bridge, PortVariables& port);

 private:
  bool change_role(PortVariables& port);
  bool step_disabled(PortVariables& port);                                   // 17.29.1
  bool step_root(BridgeVariables& bridge, PortVariables& port);              // 17.29.2
  bool step_designated(const BridgeVariables& bridge, PortVariables& port);  // 17.29.3
  bool step_alternate(BridgeVariables& bridge, PortVariables& port);         // 17.29.4
};

/// Port State Transition.  17.30.
class StateTransition {
 public:
  void begin(PortVariables& port) { enter_discarding(port); }
  bool step(PortVariables& port);
  State state() const { return state_; }

 private:
  void enter_discarding(PortVariables& port);
  void enter_learning(PortVariables& port);
  void enter_forwarding(PortVariables& port);

  State state_ = State::discarding;
};

/// Topology Change.  17.31.
class TopologyChange {
 public:
  enum class State : std::uint8_t { inactive, learning, active };

  void begin(PortVariables& port) { enter_inactive(port); }
  bool step(BridgeVariables& bridge, PortVariables& port);
  State state() const { return state_; }

 private:
  bool step_learning(BridgeVariables& bridge, PortVariables& port);
  bool step_active(BridgeVariables& bridge, PortVariables& port);
  void enter_inactive(PortVariables& port);
  void enter_learning(PortVariables& port);
  void enter_detected(BridgeVariables& bridge, PortVariables& port);
  void enter_notified_tcn(BridgeVariables& bridge, PortVariables& port);
  void enter_notified_tc(BridgeVariables& bridge, PortVariables& port);
  void enter_propagating(BridgeVariables& bridge, PortVariables& port);
  void enter_acknowledged(PortVariables& port);

  State state_ = State::inactive;
};

/// newTcWhile().  17.21.7.
void start_tc_while(const BridgeVariables& bridge, PortVariables& port);

}  // namespace bondway::rstp
