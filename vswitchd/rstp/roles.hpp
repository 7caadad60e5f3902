#pragma once

#include "vswitchd/rstp/variables.hpp"

namespace bondway::rstp {

/// Port Role Selection, the one machine of the bridge as a whole: which port plays which role.
/// IEEE 802.1D-2004, 17.28.  See reception.hpp for begin() and step().
class RoleSelection {
 public:
  /// INIT_BRIDGE.
  void begin(BridgeVariables& bridge);
  /// ROLE_SELECTION.
  bool step(BridgeVariables& bridge);
};

/// updtRolesTree().  17.21.25.
void update_roles(BridgeVariables& bridge);

}  // namespace bondway::rstp
