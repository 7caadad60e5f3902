#include "vswitchd/rstp/information.hpp"

#include <algorithm>

namespace bondway::rstp {
namespace {

using InfoIs = PortVariables::InfoIs;

const stp::RapidBpdu* rapid(const PortVariables& port) {
  return std::get_if<stp::RapidBpdu>(&*port.message);
}

/// Null for a topology change notification.
const stp::ConfigBpdu* config(const PortVariables& port) {
  if (const auto* bpdu = rapid(port)) return &bpdu->config;
  return std::get_if<stp::ConfigBpdu>(&*port.message);
}

/// A configuration BPDU counts as one of a designated port.  17.21.8.
stp::RapidRole sender_role(const PortVariables& port) {
  if (const auto* bpdu = rapid(port)) return bpdu->role;
  return config(port) != nullptr ? stp::RapidRole::designated : stp::RapidRole::unknown;
}

/// msgPriority.  17.19.14.
PriorityVector message_priority(const PortVariables& port) {
  const stp::ConfigBpdu& bpdu = *config(port);
  return {bpdu.root, bpdu.root_path_cost, bpdu.bridge, bpdu.port, port.config.id};
}

/// msgTimes, as recordTimes() would keep them.  17.19.15, 17.21.12.
Times message_times(const PortVariables& port) {
  const stp::ConfigBpdu& bpdu = *config(port);
  return {bpdu.message_age, bpdu.max_age, bpdu.forward_delay,
          std::max<Duration>(bpdu.hello_time, 1s)};
}

/// rcvInfo().  17.21.8; superior is as in 17.6.
PortInformation::State classify(const PortVariables& port) {
  using State = PortInformation::State;
  const stp::RapidRole role = sender_role(port);
  if (role == stp::RapidRole::unknown) return State::other;
  const PriorityVector offered = message_priority(port);
  if (role != stp::RapidRole::designated) {
    return offered < port.port_priority ? State::other : State::not_designated;
  }
  const PriorityVector& known = port.port_priority;
  if (offered == known && message_times(port) == port.port_times) {
    return port.info_is == InfoIs::received ? State::repeated_designated : State::other;
  }
  const bool is_from_same = offered.bridge.mac == known.bridge.mac && offered.port == known.port;
  return offered < known || is_from_same ? State::superior_designated : State::inferior_designated;
}

/// setTcFlags().  17.21.17.
void set_tc_flags(PortVariables& port) {
  const stp::ConfigBpdu* bpdu = config(port);
  if (bpdu == nullptr) {
    port.rcvd_tcn = true;
    return;
  }
  if (bpdu->topology_change) port.rcvd_tc = true;
  if (bpdu->topology_change_ack) port.rcvd_tc_ack = true;
}

/// recordProposal().  17.21.11.
void record_proposal(PortVariables& port) {
  const stp::RapidBpdu* bpdu = rapid(port);
  if (bpdu != nullptr && bpdu->proposal) port.proposed = true;
}

/// recordDispute().  17.21.10.
void record_dispute(PortVariables& port) {
  const stp::RapidBpdu* bpdu = rapid(port);
  if (bpdu == nullptr || !bpdu->learning) return;
  port.disputed = true;
  port.agreed = false;
}

/// recordAgreement().  17.21.9.
void record_agreement(PortVariables& port) {
  const stp::RapidBpdu* bpdu = rapid(port);
  port.agreed = bpdu != nullptr && bpdu->agreement && port.config.point_to_point;
  if (port.agreed) port.proposing = false;
}

/// updtRcvdInfoWhile().  17.21.23.
void update_rcvd_info_while(PortVariables& port) {
  const bool is_young = port.port_times.message_age + 1s <= port.port_times.max_age;
  port.rcvd_info_while = is_young ? 3 * in_seconds(port.port_times.hello_time) : 0;
}

}  // namespace

bool PortInformation::step(PortVariables& port) {
  if (!port.port_enabled && port.info_is != InfoIs::disabled) {
    enter_disabled(port);
    return true;
  }
  switch (state_) {
    case State::disabled:
      if (port.rcvd_msg) {
        enter_disabled(port);
      } else if (port.port_enabled) {
        enter_aged(port);
      } else {
        return false;
      }
      return true;
    case State::aged:
      if (!port.selected || !port.updt_info) return false;
      enter_update(port);
      return true;
    default:
      return step_current(port);
  }
}

/// CURRENT, and the states that lead back to it unconditionally.
bool PortInformation::step_current(PortVariables& port) {
  if (port.selected && port.updt_info) {
    enter_update(port);
  } else if (port.info_is == InfoIs::received && port.rcvd_info_while == 0 && !port.updt_info &&
             !port.rcvd_msg) {
    enter_aged(port);
  } else if (port.rcvd_msg && !port.updt_info) {
    enter_receive(port);
  } else {
    return false;
  }
  return true;
}

void PortInformation::enter_disabled(PortVariables& port) {
  state_ = State::disabled;
  port.rcvd_msg = false;
  port.proposing = port.proposed = port.agree = port.agreed = false;
  port.rcvd_info_while = 0;
  port.info_is = InfoIs::disabled;
  port.reselect = true;
  port.selected = false;
}

void PortInformation::enter_aged(PortVariables& port) {
  state_ = State::aged;
  port.info_is = InfoIs::aged;
  port.reselect = true;
  port.selected = false;
}

void PortInformation::enter_update(PortVariables& port) {
  state_ = State::update;
  const bool is_better_or_same =  // betterorsameInfo(Mine), 17.21.1
      port.info_is == InfoIs::mine && port.designated_priority <= port.port_priority;
  port.proposing = port.proposed = false;
  port.agreed = port.agreed && is_better_or_same;
  port.synced = port.synced && port.agreed;
  port.port_priority = port.designated_priority;
  port.port_times = port.designated_times;
  port.updt_info = false;
  port.info_is = InfoIs::mine;
  port.new_info = true;
}

void PortInformation::enter_receive(PortVariables& port) {
  state_ = State::receive;
  switch (classify(port)) {
    case State::superior_designated:
      return enter_superior_designated(port);
    case State::repeated_designated:
      return enter_repeated_designated(port);
    case State::inferior_designated:
      return enter_inferior_designated(port);
    case State::not_designated:
      return enter_not_designated(port);
    default:
      return enter_other(port);
  }
}

void PortInformation::enter_superior_designated(PortVariables& port) {
  state_ = State::superior_designated;
  port.agreed = port.proposing = false;
  record_proposal(port);
  set_tc_flags(port);
  port.agree = port.agree && port.info_is == InfoIs::received &&  // betterorsameInfo(Received)
               message_priority(port) <= port.port_priority;
  port.port_priority = message_priority(port);  // recordPriority(), 17.21.13
  port.port_times = message_times(port);
  update_rcvd_info_while(port);
  port.info_is = InfoIs::received;
  port.reselect = true;
  port.selected = false;
  port.rcvd_msg = false;
}

void PortInformation::enter_repeated_designated(PortVariables& port) {
  state_ = State::repeated_designated;
  record_proposal(port);
  set_tc_flags(port);
  update_rcvd_info_while(port);
  port.rcvd_msg = false;
}

void PortInformation::enter_inferior_designated(PortVariables& port) {
  state_ = State::inferior_designated;
  record_dispute(port);
  port.rcvd_msg = false;
}

void PortInformation::enter_not_designated(PortVariables& port) {
  state_ = State::not_designated;
  record_agreement(port);
  set_tc_flags(port);
  port.rcvd_msg = false;
}

void PortInformation::enter_other(PortVariables& port) {
  state_ = State::other;
  if (config(port) == nullptr) set_tc_flags(port);
  port.rcvd_msg = false;
}

}  // namespace bondway::rstp
