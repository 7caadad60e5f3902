#pragma once

#include <gtest/gtest.h>

#include "vswitchd/rstp/variables.hpp"

namespace bondway::rstp {

/// One bridge with three ports, all enabled, designated and at rest; `port` is the first.
class MachineTest : public testing::Test {
 protected:
  MachineTest() {
    bridge.config.id = {32768, MacAddress::from_number(0x0200'0000'0005)};
    bridge.root_times = {{}, 20s, 15s, 2s};
    for (std::uint32_t number = 1; number <= 3; ++number) {
      PortVariables& added = bridge.ports[Handle{number}];
      added.handle = Handle{number};
      added.config.id = {static_cast<std::uint16_t>(0x8000 + number)};
      added.port_enabled = added.selected = added.send_rstp = added.synced = true;
      added.role = added.selected_role = Role::designated;
      added.designated_times = bridge.root_times;
      added.designated_priority = {bridge.config.id, 0, bridge.config.id, added.config.id,
                                   added.config.id};
      added.port_priority = added.designated_priority;
      added.port_times = added.designated_times;
      added.info_is = PortVariables::InfoIs::mine;
    }
  }

  /// Of a better bridge (1), an equal one in another's stead, or a worse one (9).
  stp::RapidBpdu rapid(std::uint8_t bridge_number,
                       stp::RapidRole role = stp::RapidRole::designated) const {
    stp::RapidBpdu bpdu;
    bpdu.role = role;
    bpdu.config.root =
        bpdu.config.bridge = {32768, MacAddress::from_number(0x0200'0000'0000 + bridge_number)};
    bpdu.config.port = {0x8001};
    return bpdu;
  }
  void set_role(PortVariables& changed, Role role) { changed.role = changed.selected_role = role; }

  BridgeVariables bridge;
  PortVariables& port = bridge.ports[Handle{1}];
  PortVariables& second = bridge.ports[Handle{2}];
  PortVariables& third = bridge.ports[Handle{3}];
};

}  // namespace bondway::rstp
