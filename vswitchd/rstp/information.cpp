// What a port hears: the machines of 17.23 to 17.25 and 17.27.

#include <algorithm>
#include <utility>

#include "vswitchd/rstp/rapid_tree.hpp"

namespace bondway::rstp {

using InfoIs = PortVariables::InfoIs;
using Migration = PortVariables::Migration;

void RapidTree::begin(Handle handle, Port& port) {
  Port fresh;
  fresh.config = port.config;
  fresh.port_enabled = port.port_enabled;
  fresh.sent = port.sent;
  fresh.received = port.received;
  fresh.errors = port.errors;
  fresh.send_rstp = config_.rapid;
  fresh.oper_edge = port.config.admin_edge;
  fresh.mdelay_while = now_ + kMigrateTime;
  port = fresh;
  actions_.push_back(StateChanged{handle});
}

void RapidTree::receive_message(Handle, Port& port, const Message& message) {
  const auto* rapid = std::get_if<stp::RapidBpdu>(&message);
  (rapid != nullptr ? port.rcvd_rstp : port.rcvd_stp) = true;  // updtBPDUVersion, 17.21.22
  port.oper_edge = false;
  port.edge_delay_while = now_ + kMigrateTime;
  if (rapid != nullptr) {
    receive_info(port, rapid->config, rapid->role, rapid);
  } else if (const auto* config = std::get_if<stp::ConfigBpdu>(&message)) {
    receive_info(port, *config, stp::RapidRole::designated, nullptr);
  } else {
    port.rcvd_tcn = true;
  }
}

/// What the message is worth, and what follows from it.
void RapidTree::receive_info(Port& port, const stp::ConfigBpdu& config, stp::RapidRole role,
                             const stp::RapidBpdu* rapid) {
  const PriorityVector priority{config.root, config.root_path_cost, config.bridge, config.port,
                                port.config.id};
  const Times times{config.message_age, config.max_age, config.forward_delay,
                    std::max<Duration>(config.hello_time, 1s)};
  const bool agreement = rapid != nullptr && rapid->agreement;
  const auto set_tc_flags = [&] {  // 17.21.17
    port.rcvd_tc = port.rcvd_tc || config.topology_change;
    port.rcvd_tc_ack = port.rcvd_tc_ack || config.topology_change_ack;
  };
  if (role == stp::RapidRole::designated) {
    const bool is_same = priority == port.port_priority && times == port.port_times;
    const bool from_same = priority.bridge.mac == port.port_priority.bridge.mac &&
                           priority.port == port.port_priority.port;
    if (!is_same && (priority < port.port_priority || from_same)) {
      record_superior(port, priority, times);
    } else if (!is_same || port.info_is != InfoIs::received) {
      if (is_same) return;
      port.disputed = rapid != nullptr && rapid->learning;  // recordDispute, 17.21.10
      if (port.disputed) port.agreed = false;
      // An older bridge that does not know better is told with the next message.
      if (rapid == nullptr) port.new_info = port.new_info || port.role == Role::designated;
      return;
    }
    port.proposed = port.proposed || (rapid != nullptr && rapid->proposal);  // 17.21.11
    set_tc_flags();
    const bool is_young = times.message_age + 1s <= times.max_age;  // 17.21.23
    port.rcvd_info_while = now_ + (is_young ? 3 * times.hello_time : Duration{});
  } else if (role != stp::RapidRole::unknown && priority >= port.port_priority) {
    port.agreed = config_.rapid && port.config.point_to_point && agreement;  // 17.21.9
    if (port.agreed) port.proposing = false;
    set_tc_flags();
  }
}

/// SUPERIOR_DESIGNATED.
void RapidTree::record_superior(Port& port, const PriorityVector& priority, const Times& times) {
  const bool better_or_same = port.info_is == InfoIs::received && priority <= port.port_priority;
  port.agreed = port.proposing = false;
  port.agree = port.agree && better_or_same;
  port.port_priority = priority;
  port.port_times = times;
  port.info_is = InfoIs::received;
  port.reselect = true;
  port.selected = false;
}

bool RapidTree::port_information(Port& port) {
  if (!port.port_enabled) {
    if (port.info_is == InfoIs::disabled) return false;
    port.info_is = InfoIs::disabled;
    port.proposing = port.proposed = port.agree = port.agreed = false;
    port.rcvd_info_while.reset();
  } else if (port.info_is == InfoIs::disabled) {
    port.info_is = InfoIs::aged;
  } else if (port.selected && port.updt_info) {  // UPDATE
    const bool better_or_same =
        port.info_is == InfoIs::mine && port.designated_priority <= port.port_priority;
    port.proposing = port.proposed = false;
    port.agreed = port.agreed && better_or_same;
    port.synced = port.synced && port.agreed;
    port.port_priority = port.designated_priority;
    port.port_times = port.designated_times;
    port.updt_info = false;
    port.info_is = InfoIs::mine;
    port.new_info = true;
    return true;
  } else if (port.info_is == InfoIs::received && !runs(port.rcvd_info_while) && !port.updt_info) {
    port.info_is = InfoIs::aged;
  } else {
    return false;
  }
  port.reselect = true;
  port.selected = false;
  return true;
}

bool RapidTree::port_protocol_migration(Port& port) {
  const bool is_over = !runs(port.mdelay_while);
  if (port.migration == Migration::sensing) {
    const bool is_rapid = config_.rapid && !port.send_rstp && port.rcvd_rstp;
    if (port.mcheck || is_rapid) {
      port.mcheck = false;
      port.send_rstp = config_.rapid;
      port.migration = Migration::checking_rstp;
    } else if (port.send_rstp && port.rcvd_stp) {
      port.send_rstp = false;
      port.migration = Migration::selecting_stp;
    } else {
      port.rcvd_rstp = port.rcvd_stp = false;
      return false;
    }
    port.mdelay_while = now_ + kMigrateTime;
    return true;
  }
  if (!port.port_enabled) {
    const bool changed = !port.send_rstp && config_.rapid;
    port.migration = Migration::checking_rstp;
    port.send_rstp = config_.rapid;
    port.mdelay_while = now_ + kMigrateTime;
    return changed;
  }
  if (!is_over && !(port.migration == Migration::selecting_stp && port.mcheck)) return false;
  port.migration = Migration::sensing;
  port.rcvd_rstp = port.rcvd_stp = false;
  return true;
}

bool RapidTree::bridge_detection(Port& port) {
  const bool was_edge = port.oper_edge;
  if (!port.port_enabled) {
    port.oper_edge = port.config.admin_edge;
  } else if (!runs(port.edge_delay_while) && port.config.auto_edge && port.send_rstp &&
             port.proposing) {
    port.oper_edge = true;
  }
  return port.oper_edge != was_edge;
}

}  // namespace bondway::rstp
