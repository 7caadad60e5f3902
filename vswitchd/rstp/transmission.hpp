#pragma once

#include "vswitchd/rstp/variables.hpp"

namespace bondway::rstp {

/// Port Transmit: what a port says, and not too often.  IEEE 802.1D-2004, 17.26.  See
/// reception.hpp for begin() and step().  The states but IDLE lead back to it unconditionally.
class PortTransmit {
 public:
  void begin(PortVariables& port);
  bool step(BridgeVariables& bridge, PortVariables& port);

 private:
  void enter_idle(PortVariables& port);
  void enter_transmit_periodic(PortVariables& port);
  void enter_transmit_config(BridgeVariables& bridge, PortVariables& port);
  void enter_transmit_tcn(BridgeVariables& bridge, PortVariables& port);
  void enter_transmit_rstp(BridgeVariables& bridge, PortVariables& port);
};

}  // namespace bondway::rstp
