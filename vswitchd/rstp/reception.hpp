#pragma once

#include "vswitchd/rstp/variables.hpp"

/// What a port makes of the mere arrival of BPDUs: the machines of IEEE 802.1D-2004, 17.23
/// to 17.25.
///
/// All machines of this folder: begin() enters the initial state.  step() takes one transition
/// whose condition holds, and answers whether there was one; the caller goes on until no machine of
/// any port moves.
namespace bondway::rstp {

/// Port Receive.  17.23.
class PortReceive {
 public:
  enum class State : std::uint8_t { discard, receive };

  void begin(PortVariables& port) { enter_discard(port); }
  bool step(PortVariables& port);
  State state() const { return state_; }

 private:
  void enter_discard(PortVariables& port);
  void enter_receive(PortVariables& port);

  State state_ = State::discard;
};

/// Port Protocol Migration: which protocol the neighbour speaks.  17.24.
class PortMigration {
 public:
  enum class State : std::uint8_t { checking_rstp, selecting_stp, sensing };

  void begin(const BridgeVariables& bridge, PortVariables& port) {
    enter_checking_rstp(bridge, port);
  }
  bool step(const BridgeVariables& bridge, PortVariables& port);
  State state() const { return state_; }

 private:
  void enter_checking_rstp(const BridgeVariables& bridge, PortVariables& port);
  void enter_selecting_stp(PortVariables& port);
  void enter_sensing(PortVariables& port);

  State state_ = State::checking_rstp;
};

/// Bridge Detection: whether there is any neighbour.  17.25.
class BridgeDetection {
 public:
  enum class State : std::uint8_t { edge, not_edge };

  void begin(PortVariables& port);
  bool step(PortVariables& port);
  State state() const { return state_; }

 private:
  void enter_edge(PortVariables& port);
  void enter_not_edge(PortVariables& port);

  State state_ = State::not_edge;
};

}  // namespace bondway::rstp
