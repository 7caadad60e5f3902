#include "vswitchd/rstp/transmission.hpp"

namespace bondway::rstp {
namespace {

stp::ConfigBpdu config_bpdu(const PortVariables& port) {
  stp::ConfigBpdu bpdu;
  bpdu.root = port.designated_priority.root;
  bpdu.root_path_cost = port.designated_priority.cost;
  bpdu.bridge = port.designated_priority.bridge;
  bpdu.port = port.designated_priority.port;
  bpdu.topology_change = port.tc_while != 0;
  bpdu.message_age = port.designated_times.message_age;
  bpdu.max_age = port.designated_times.max_age;
  bpdu.hello_time = port.designated_times.hello_time;
  bpdu.forward_delay = port.designated_times.forward_delay;
  return bpdu;
}

stp::RapidRole rapid_role(Role role) {
  if (role == Role::root) return stp::RapidRole::root;
  if (role == Role::designated) return stp::RapidRole::designated;
  return stp::RapidRole::alternate_or_backup;
}

template <typename SomeBpdu>
void transmit(BridgeVariables& bridge, PortVariables& port, const SomeBpdu& bpdu) {
  bridge.sent.push_back({port.handle, stp::encode(bpdu, port.config.mac)});
  ++port.sent;
  ++port.tx_count;
}

}  // namespace

/// TRANSMIT_INIT.
void PortTransmit::begin(PortVariables& port) {
  port.new_info = true;
  port.tx_count = 0;
  enter_idle(port);
}

/// That a disabled port is silent is left to the MAC in the standard.
bool PortTransmit::step(BridgeVariables& bridge, PortVariables& port) {
  if (!port.port_enabled || !port.selected || port.updt_info) return false;
  if (port.hello_when == 0) {
    enter_transmit_periodic(port);
    return true;
  }
  if (!port.new_info || port.tx_count >= bridge.config.transmit_hold_count) return false;
  if (port.send_rstp) {
    enter_transmit_rstp(bridge, port);
  } else if (port.role == Role::root) {
    enter_transmit_tcn(bridge, port);
  } else if (port.role == Role::designated) {
    enter_transmit_config(bridge, port);
  } else {
    return false;
  }
  return true;
}

void PortTransmit::enter_idle(PortVariables& port) { port.hello_when = in_seconds(kHelloTime); }

void PortTransmit::enter_transmit_periodic(PortVariables& port) {
  port.new_info = port.new_info || port.role == Role::designated ||
                  (port.role == Role::root && port.tc_while != 0);
  enter_idle(port);
}

/// txConfig().  17.21.19.
void PortTransmit::enter_transmit_config(BridgeVariables& bridge, PortVariables& port) {
  stp::ConfigBpdu bpdu = config_bpdu(port);
  bpdu.topology_change_ack = port.tc_ack;
  transmit(bridge, port, stp::Bpdu(bpdu));
  port.new_info = port.tc_ack = false;
  enter_idle(port);
}

/// txTcn().  17.21.21.
void PortTransmit::enter_transmit_tcn(BridgeVariables& bridge, PortVariables& port) {
  transmit(bridge, port, stp::Bpdu(stp::TopologyChangeBpdu()));
  port.new_info = false;
  enter_idle(port);
}

/// txRstp().  17.21.20.
void PortTransmit::enter_transmit_rstp(BridgeVariables& bridge, PortVariables& port) {
  stp::RapidBpdu bpdu;
  bpdu.config = config_bpdu(port);
  bpdu.role = rapid_role(port.role);
  bpdu.proposal = port.proposing;
  bpdu.agreement = port.agree;
  bpdu.learning = port.learning;
  bpdu.forwarding = port.forwarding;
  transmit(bridge, port, bpdu);
  port.new_info = port.tc_ack = false;
  enter_idle(port);
}

}  // namespace bondway::rstp
