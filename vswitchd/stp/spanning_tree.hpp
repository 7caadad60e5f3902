#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "vswitchd/stp/bpdu.hpp"
#include "vswitchd/stp/port.hpp"

namespace bondway::stp {

struct BridgeConfig {
  BridgeId id;
  Duration hello_time = 2s, max_age = 20s, forward_delay = 15s;  ///< in force while it is the root
  bool operator==(const BridgeConfig&) const = default;
};

struct PortConfig {
  std::string name;
  MacAddress mac;           ///< source address of what it sends
  std::uint8_t number = 1;  ///< differs between the ports of a bridge
  std::uint8_t priority = 128;
  std::uint16_t path_cost = 2;
  PortId id() const { return {static_cast<std::uint16_t>(priority << 8 | number)}; }
  bool operator==(const PortConfig&) const = default;
};

/// 8.4.
enum class State : std::uint8_t { disabled, blocking, listening, learning, forwarding };
enum class Role : std::uint8_t { alternate, designated, root };
constexpr bool learns(State state) {
  return state == State::learning || state == State::forwarding;
}

/// Transmit this frame through the port.
struct SendBpdu {
  Handle port{};
  std::vector<std::uint8_t> frame;
  bool operator==(const SendBpdu&) const = default;
};
/// The port's state() has changed.
struct StateChanged {
  Handle port{};
  bool operator==(const StateChanged&) const = default;
};
/// Root, cost or roles have changed.
struct TreeChanged {
  bool operator==(const TreeChanged&) const = default;
};
/// Stations may be elsewhere now: forget learned addresses.
struct FlushAddresses {
  bool operator==(const FlushAddresses&) const = default;
};
using Action = std::variant<SendBpdu, StateChanged, TreeChanged, FlushAddresses>;
using Actions = std::vector<Action>;

struct PortCounts {
  std::uint64_t sent = 0, received = 0, errors = 0;
};

/// The spanning tree as one bridge takes part in it.  IEEE 802.1D-1998, 8; names of procedures are
/// the standard's, with their clauses.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.  The caller
/// performs the returned actions in order, and calls expire() no later than deadline().  Where the
/// standard makes the ageing time short after a change of topology, this one has everything
/// forgotten, as the reference does: whenever a port begins or ceases to learn or to forward, and
/// at each word of a change from the root.
class SpanningTree {
 public:
  /// A bridge without ports, which takes itself for the root.  8.8.1.
  SpanningTree(const BridgeConfig& config, TimePoint now);

  const BridgeConfig& config() const { return config_; }
  Actions configure(const BridgeConfig& config, TimePoint now);

  /// A port that takes part, or has another configuration, or came up or went down.  8.8.2, 8.8.3,
  /// 8.8.5, 8.8.6.
  Actions set_port(Handle port, const PortConfig& config, Link link, TimePoint now);
  /// A port that does not take part any more.
  Actions remove_port(Handle port, TimePoint now);
  bool takes_part(Handle port) const { return ports_.contains(port); }

  /// A frame to kBridgeGroupAddress arrived on the port; ignored on one that does not take part.
  Actions receive(Handle port, std::span<const std::uint8_t> frame, TimePoint now);

  /// `stp/tcn`: as if the topology had changed here.
  Actions note_topology_change(TimePoint now);

  Actions expire(TimePoint now);
  std::optional<TimePoint> deadline() const;

  struct Port {
    PortConfig config;
    State state = State::disabled;
    BridgeId designated_root;
    std::uint32_t designated_cost = 0;
    BridgeId designated_bridge;
    PortId designated_port;
    bool topology_change_ack = false, config_pending = false;
    std::optional<TimePoint> message_age_timer, forward_delay_timer, hold_timer;  ///< expire then
    TimePoint state_since{};
    PortCounts counts;
  };

  const std::map<Handle, Port>& ports() const { return ports_; }
  State state(Handle port) const;  ///< disabled when it does not take part
  Role role(Handle port) const;
  bool is_root() const { return designated_root_ == config_.id; }
  const BridgeId& root() const { return designated_root_; }
  std::uint32_t root_path_cost() const { return root_path_cost_; }
  std::optional<Handle> root_port() const { return root_port_; }
  Duration max_age() const { return max_age_; }
  Duration hello_time() const { return hello_time_; }
  Duration forward_delay() const { return forward_delay_; }

 private:
  void transmit_config(Handle handle, TimePoint now);                                 // 8.6.1
  bool supersedes(const Port& port, const ConfigBpdu& bpdu) const;                    // 8.6.2.2
  void record_config_information(Port& port, const ConfigBpdu& bpdu, TimePoint now);  // 8.6.2
  void record_config_timeout_values(const ConfigBpdu& bpdu);                          // 8.6.3
  void generate_config_bpdus(TimePoint now);                                          // 8.6.4
  void transmit_tcn(TimePoint now);                                                   // 8.6.6
  void update_configuration();                                                        // 8.6.7
  void select_root();                                                                 // 8.6.8
  void select_designated_ports();                                                     // 8.6.9
  void become_designated(Port& port);                                                 // 8.6.10
  void select_port_states(TimePoint now);                                             // 8.6.11
  void make_forwarding(Handle handle, TimePoint now);                                 // 8.6.12
  void make_blocking(Handle handle, TimePoint now);                                   // 8.6.13
  void detect_topology_change(TimePoint now);                                         // 8.6.14
  void acknowledge_topology_change(Port& port, Handle handle, TimePoint now);         // 8.6.16
  void set_link(Handle handle, Link link, TimePoint now);  // 8.8.2, 8.8.3

  void receive_config(Handle handle, const ConfigBpdu& bpdu, TimePoint now);  // 8.7.1
  void receive_tcn(Handle handle, TimePoint now);                             // 8.7.2
  void message_age_expired(Handle handle, TimePoint now);                     // 8.7.4
  void forward_delay_expired(Handle handle, TimePoint now);                   // 8.7.5
  void expire_port(Handle handle, TimePoint now);

  bool is_designated(const Port& port) const;
  bool is_designated_for_some_port() const;
  void set_state(Handle handle, State state, TimePoint now);
  void become_root_if_so(bool was_root, TimePoint now);
  void keep_own_times();
  Actions finish();

  BridgeConfig config_;
  BridgeId designated_root_;
  std::uint32_t root_path_cost_ = 0;
  std::optional<Handle> root_port_;
  Duration max_age_, hello_time_, forward_delay_;
  bool topology_change_detected_ = false, topology_change_ = false;
  std::optional<TimePoint> hello_timer_, tcn_timer_, topology_change_timer_;  ///< expire then
  std::map<Handle, Port> ports_;
  Actions actions_;
  std::tuple<BridgeId, std::uint32_t, std::optional<Handle>> told_;  ///< with TreeChanged
};

std::string_view to_string(State state);
std::string_view to_string(Role role);

}  // namespace bondway::stp
