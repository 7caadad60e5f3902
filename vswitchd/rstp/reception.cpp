#include "vswitchd/rstp/reception.hpp"

namespace bondway::rstp {
namespace {

constexpr Seconds kMigration = in_seconds(kMigrateTime);

/// updtBPDUVersion().  17.21.22.
void update_bpdu_version(PortVariables& port) {
  const bool is_rapid = std::holds_alternative<stp::RapidBpdu>(*port.message);
  (is_rapid ? port.rcvd_rstp : port.rcvd_stp) = true;
}

}  // namespace

// ---- Port Receive

bool PortReceive::step(PortVariables& port) {
  if ((port.rcvd_bpdu || port.edge_delay_while != kMigration) && !port.port_enabled) {
    enter_discard(port);
  } else if (port.rcvd_bpdu && port.port_enabled && !port.rcvd_msg) {
    enter_receive(port);
  } else {
    return false;
  }
  return true;
}

void PortReceive::enter_discard(PortVariables& port) {
  state_ = State::discard;
  port.rcvd_bpdu = port.rcvd_rstp = port.rcvd_stp = false;
  port.rcvd_msg = false;
  port.edge_delay_while = kMigration;
}

void PortReceive::enter_receive(PortVariables& port) {
  state_ = State::receive;
  update_bpdu_version(port);
  port.oper_edge = port.rcvd_bpdu = false;
  port.rcvd_msg = true;
  port.edge_delay_while = kMigration;
}

// ---- Port Protocol Migration

bool PortMigration::step(const BridgeVariables& bridge, PortVariables& port) {
  switch (state_) {
    case State::checking_rstp:
      if (port.mdelay_while != kMigration && !port.port_enabled) {
        enter_checking_rstp(bridge, port);
      } else if (port.mdelay_while == 0) {
        enter_sensing(port);
      } else {
        return false;
      }
      return true;
    case State::selecting_stp:
      if (port.mdelay_while != 0 && port.port_enabled && !port.mcheck) return false;
      enter_sensing(port);
      return true;
    case State::sensing:
      if (!port.port_enabled || port.mcheck ||
          (bridge.config.rapid && !port.send_rstp && port.rcvd_rstp)) {
        enter_checking_rstp(bridge, port);
      } else if (port.send_rstp && port.rcvd_stp) {
        enter_selecting_stp(port);
      } else {
        return false;
      }
      return true;
  }
  return false;
}

void PortMigration::enter_checking_rstp(const BridgeVariables& bridge, PortVariables& port) {
  state_ = State::checking_rstp;
  port.mcheck = false;
  port.send_rstp = bridge.config.rapid;
  port.mdelay_while = kMigration;
}

void PortMigration::enter_selecting_stp(PortVariables& port) {
  state_ = State::selecting_stp;
  port.send_rstp = false;
  port.mdelay_while = kMigration;
}

void PortMigration::enter_sensing(PortVariables& port) {
  state_ = State::sensing;
  port.rcvd_rstp = port.rcvd_stp = false;
}

// ---- Bridge Detection

void BridgeDetection::begin(PortVariables& port) {
  if (port.config.admin_edge) {
    enter_edge(port);
  } else {
    enter_not_edge(port);
  }
}

bool BridgeDetection::step(PortVariables& port) {
  const bool admin_edge = port.config.admin_edge;
  if (state_ == State::edge) {
    if (port.oper_edge && (port.port_enabled || admin_edge)) return false;
    enter_not_edge(port);
    return true;
  }
  const bool nobody_answers =
      port.edge_delay_while == 0 && port.config.auto_edge && port.send_rstp && port.proposing;
  if (!nobody_answers && (port.port_enabled || !admin_edge)) return false;
  enter_edge(port);
  return true;
}

void BridgeDetection::enter_edge(PortVariables& port) {
  state_ = State::edge;
  port.oper_edge = true;
}

void BridgeDetection::enter_not_edge(PortVariables& port) {
  state_ = State::not_edge;
  port.oper_edge = false;
}

}  // namespace bondway::rstp
