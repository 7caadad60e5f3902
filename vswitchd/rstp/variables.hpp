#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vswitchd/stp/bpdu.hpp"
#include "vswitchd/stp/port.hpp"

/// The Rapid Spanning Tree Protocol.  IEEE 802.1D-2004, 17; names of variables, procedures and
/// states are the standard's, with their clauses.
namespace bondway::rstp {

using stp::BridgeId;
using stp::Handle;
using stp::Link;
using stp::PortId;

enum class Role : std::uint8_t { disabled, root, designated, alternate, backup };
enum class State : std::uint8_t { discarding, learning, forwarding };

std::string_view to_string(Role role);
std::string_view to_string(State state);

inline constexpr Duration kHelloTime = 2s, kMigrateTime = 3s;  ///< Table 17-1

/// 17.13.
struct BridgeConfig {
  BridgeId id;
  Duration max_age = 20s, forward_delay = 15s;
  bool rapid = true;  ///< false: compatible with the older protocol, ForceProtocolVersion 0
  std::uint32_t transmit_hold_count = 6;
  bool operator==(const BridgeConfig&) const = default;
};

struct PortConfig {
  std::string name;
  MacAddress mac;  ///< source address of what it sends
  PortId id;       ///< priority in the upper 4 bits, number in the lower 12
  std::uint32_t path_cost = 2000;
  bool admin_edge = false, auto_edge = true, point_to_point = true;
  bool operator==(const PortConfig&) const = default;
};

/// The better of two is the smaller.  17.6.
struct PriorityVector {
  BridgeId root;
  std::uint32_t cost = 0;
  BridgeId bridge;
  PortId port, receiver;
  auto operator<=>(const PriorityVector&) const = default;
};

/// 17.18.
struct Times {
  Duration message_age{}, max_age{}, forward_delay{}, hello_time{};
  bool operator==(const Times&) const = default;
};

/// A timer of 17.17: seconds that are left.
using Seconds = std::uint32_t;

/// As a timer has it: whole seconds, rather one more than one less.
constexpr Seconds in_seconds(Duration span) { return static_cast<Seconds>((span + 999ms) / 1s); }

/// What the machines of one port know, and tell one another.  17.17, 17.19.
struct PortVariables {
  enum class InfoIs : std::uint8_t { disabled, aged, mine, received };

  Handle handle{};
  PortConfig config;
  bool port_enabled = false;
  std::optional<stp::AnyBpdu> message;  ///< the one that rcvdBPDU, rcvdMsg are about

  Seconds edge_delay_while = 0, fd_while = 0, hello_when = 0, mdelay_while = 0, rb_while = 0,
          rcvd_info_while = 0, rr_while = 0, tc_while = 0;
  std::uint32_t tx_count = 0;

  InfoIs info_is = InfoIs::disabled;
  PriorityVector port_priority, designated_priority;
  Times port_times, designated_times;
  Role role = Role::disabled, selected_role = Role::disabled;
  bool reselect = false, selected = false, updt_info = false;
  bool agree = false, agreed = false, proposed = false, proposing = false, disputed = false;
  bool sync = false, synced = false, re_root = false;
  bool learn = false, learning = false, forward = false, forwarding = false;
  bool oper_edge = false, new_info = false, send_rstp = false, mcheck = false;
  bool rcvd_bpdu = false, rcvd_msg = false, rcvd_rstp = false, rcvd_stp = false;
  bool rcvd_tc = false, rcvd_tcn = false, rcvd_tc_ack = false, tc_prop = false, tc_ack = false;
  bool fdb_flush = false;

  TimePoint since{};  ///< when the port joined the tree
  std::uint64_t sent = 0, received = 0, errors = 0;

  State state() const {
    return forwarding ? State::forwarding : learning ? State::learning : State::discarding;
  }
};

/// Transmit this frame through the port.
struct SendBpdu {
  Handle port{};
  std::vector<std::uint8_t> frame;
};
/// The port's state() or role has changed, or what it knows of the tree.
struct StateChanged {
  Handle port{};
};
/// Forget the addresses learned on the port.  17.19.7.
struct FlushPort {
  Handle port{};
};
using Action = std::variant<SendBpdu, StateChanged, FlushPort>;
using Actions = std::vector<Action>;

/// What the machines of all ports share.  17.18, and the conditions and parameters of 17.20.
struct BridgeVariables {
  BridgeConfig config;
  PriorityVector root_priority;
  Times root_times;
  std::optional<Handle> root_port;
  std::map<Handle, PortVariables> ports;
  std::vector<SendBpdu> sent;  ///< by the machines, for the caller

  bool all_synced() const;                                 // 17.20.3
  bool re_rooted(const PortVariables& port) const;         // 17.20.10
  Seconds edge_delay(const PortVariables& port) const;     // 17.20.4
  Seconds forward_delay(const PortVariables& port) const;  // 17.20.5
};

Seconds fwd_delay(const PortVariables& port);  // 17.20.6
Seconds max_age(const PortVariables& port);    // 17.20.8

}  // namespace bondway::rstp
