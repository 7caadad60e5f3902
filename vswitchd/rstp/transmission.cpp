// What a port says: the machine of 17.26.

#include "vswitchd/rstp/rapid_tree.hpp"

namespace bondway::rstp {

bool RapidTree::port_transmit(Handle handle, Port& port) {
  if (!port.port_enabled) {
    port.new_info = false;
    return false;
  }
  if (port.tx_count > 0 && !runs(port.tx_count_falls)) {  // 17.22
    --port.tx_count;
    port.tx_count_falls = now_ + 1s;
  }
  if (!port.selected || port.updt_info) return false;
  if (!runs(port.hello_when)) {  // TRANSMIT_PERIODIC
    const bool notifies = port.role == Role::root && runs(port.tc_while);
    port.new_info = port.new_info || port.role == Role::designated || notifies;
    port.hello_when = now_ + kHelloTime;
  }
  if (!port.new_info || port.tx_count >= config_.transmit_hold_count) return false;
  port.new_info = false;
  if (port.send_rstp) {
    tx_rstp(handle, port);
  } else if (port.role == Role::designated) {
    tx_config(handle, port);
  } else if (port.role == Role::root && runs(port.tc_while)) {
    tx_tcn(handle, port);
  } else {
    return false;
  }
  if (port.tx_count++ == 0) port.tx_count_falls = now_ + 1s;
  ++port.sent;
  port.tc_ack = false;
  return true;
}

stp::ConfigBpdu RapidTree::message_of(const Port& port) const {
  stp::ConfigBpdu bpdu;
  bpdu.root = port.designated_priority.root;
  bpdu.root_path_cost = port.designated_priority.cost;
  bpdu.bridge = port.designated_priority.bridge;
  bpdu.port = port.designated_priority.port;
  bpdu.topology_change = runs(port.tc_while);
  bpdu.message_age = port.designated_times.message_age;
  bpdu.max_age = port.designated_times.max_age;
  bpdu.hello_time = port.designated_times.hello_time;
  bpdu.forward_delay = port.designated_times.forward_delay;
  return bpdu;
}

void RapidTree::tx_config(Handle handle, Port& port) {
  stp::ConfigBpdu bpdu = message_of(port);
  bpdu.topology_change_ack = port.tc_ack;
  actions_.push_back(SendBpdu{handle, stp::encode(stp::Bpdu(bpdu), port.config.mac)});
}

void RapidTree::tx_tcn(Handle handle, Port& port) {
  actions_.push_back(
      SendBpdu{handle, stp::encode(stp::Bpdu(stp::TopologyChangeBpdu()), port.config.mac)});
}

void RapidTree::tx_rstp(Handle handle, Port& port) {
  stp::RapidBpdu bpdu;
  bpdu.config = message_of(port);
  bpdu.role = port.role == Role::root         ? stp::RapidRole::root
              : port.role == Role::designated ? stp::RapidRole::designated
                                              : stp::RapidRole::alternate_or_backup;
  bpdu.proposal = port.role == Role::designated && port.proposing;
  bpdu.agreement = port.agree;
  bpdu.learning = port.learning;
  bpdu.forwarding = port.forwarding;
  actions_.push_back(SendBpdu{handle, stp::encode(bpdu, port.config.mac)});
}

}  // namespace bondway::rstp
