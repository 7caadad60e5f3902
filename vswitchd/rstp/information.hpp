#pragma once

#include "vswitchd/rstp/variables.hpp"

namespace bondway::rstp {

/// Port Information: what is known of the LAN's designated bridge, from whom, and for how long.
/// IEEE 802.1D-2004, 17.27.  See reception.hpp for begin() and step().
class PortInformation {
 public:
  enum class State : std::uint8_t {
    disabled,
    aged,
    update,
    current,
    receive,
    superior_designated,
    repeated_designated,
    inferior_designated,
    not_designated,
    other
  };

  void begin(PortVariables& port) { enter_disabled(port); }
  bool step(PortVariables& port);
  State state() const { return state_; }

 private:
  bool step_current(PortVariables& port);
  void enter_disabled(PortVariables& port);
  void enter_aged(PortVariables& port);
  void enter_update(PortVariables& port);
  void enter_receive(PortVariables& port);
  void enter_superior_designated(PortVariables& port);
  void enter_repeated_designated(PortVariables& port);
  void enter_inferior_designated(PortVariables& port);
  void enter_not_designated(PortVariables& port);
  void enter_other(PortVariables& port);

  State state_ = State::disabled;
};

}  // namespace bondway::rstp
