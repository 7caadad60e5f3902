#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vswitchd/stp/bpdu.hpp"

/// The Rapid Spanning Tree Protocol.  IEEE 802.1D-2004, 17; names of variables, procedures and
/// states are the standard's, with their clauses.
namespace bondway::rstp {

using stp::BridgeId;
using stp::PortId;

/// The owner's handle of a port; the tree only compares it.
enum class Handle : std::uint32_t {};
enum class Role : std::uint8_t { disabled, root, designated, alternate, backup };
enum class State : std::uint8_t { discarding, learning, forwarding };
enum class Link : std::uint8_t { up, down };

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

/// Transmit this frame through the port.
struct SendBpdu {
  Handle port{};
  std::vector<std::uint8_t> frame;
};
/// The port's state() has changed.
struct StateChanged {
  Handle port{};
};
/// Forget the addresses learned on the port.  17.19.7.
struct FlushPort {
  Handle port{};
};
using Action = std::variant<SendBpdu, StateChanged, FlushPort>;
using Actions = std::vector<Action>;

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

/// What the machines of one port know.  17.17, 17.19.
struct PortVariables {
  enum class InfoIs : std::uint8_t { disabled, aged, mine, received };
  enum class Migration : std::uint8_t { checking_rstp, selecting_stp, sensing };
  enum class TopologyChange : std::uint8_t { inactive, learning, active };
  using Timer = std::optional<TimePoint>;  ///< expires then

  PortConfig config;
  bool port_enabled = false;
  InfoIs info_is = InfoIs::disabled;
  PriorityVector port_priority, designated_priority;
  Times port_times, designated_times;
  Role role = Role::disabled, selected_role = Role::disabled;
  bool reselect = true, selected = false, updt_info = false;
  bool agree = false, agreed = false, proposed = false, proposing = false, disputed = false;
  bool sync = false, synced = false, re_root = false;
  bool learn = false, learning = false, forward = false, forwarding = false;
  bool oper_edge = false, new_info = false, send_rstp = true, mcheck = false;
  bool rcvd_rstp = false, rcvd_stp = false;
  bool rcvd_tc = false, rcvd_tcn = false, rcvd_tc_ack = false, tc_prop = false, tc_ack = false;
  Migration migration = Migration::checking_rstp;
  TopologyChange topology_change = TopologyChange::inactive;
  std::uint32_t tx_count = 0;
  Timer edge_delay_while, fd_while, hello_when, mdelay_while, rb_while, rcvd_info_while, rr_while,
      tc_while, tx_count_falls;
  std::uint64_t sent = 0, received = 0, errors = 0;

  State state() const {
    return forwarding ? State::forwarding : learning ? State::learning : State::discarding;
  }
};

/// The rapid spanning tree as one bridge takes part in it.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.  The caller
/// performs the returned actions in order, and calls expire() no later than deadline().
class RapidTree {
 public:
  /// A bridge without ports, which takes itself for the root.
  RapidTree(const BridgeConfig& config, TimePoint now);

  const BridgeConfig& config() const { return config_; }
  /// Begins anew when the configuration differs, as 17.13 allows.
  Actions configure(const BridgeConfig& config, TimePoint now);
  Actions set_port(Handle port, const PortConfig& config, Link link, TimePoint now);
  Actions remove_port(Handle port, TimePoint now);
  /// A frame to stp::kBridgeGroupAddress arrived; ignored on a port that does not take part.
  Actions receive(Handle port, std::span<const std::uint8_t> frame, TimePoint now);
  /// Tries again whether the port's neighbour speaks the rapid protocol.  17.19.13.
  Actions check_migration(Handle port, TimePoint now);
  /// `rstp/tcn`: as if the topology had changed here.
  Actions note_topology_change(TimePoint now);
  Actions expire(TimePoint now);
  std::optional<TimePoint> deadline() const;

  const std::map<Handle, PortVariables>& ports() const { return ports_; }
  bool is_root() const { return root_priority_.root == config_.id; }
  const PriorityVector& root_priority() const { return root_priority_; }
  const Times& root_times() const { return root_times_; }
  std::optional<Handle> root_port() const { return root_port_; }

 private:
  using Port = PortVariables;
  using Message = stp::AnyBpdu;

  // information.cpp
  void begin(Handle handle, Port& port);
  void receive_message(Handle handle, Port& port, const Message& message);  // 17.23, 17.27
  void receive_info(Port& port, const stp::ConfigBpdu& config, stp::RapidRole role,
                    const stp::RapidBpdu* rapid);  // 17.21.8
  void record_superior(Port& port, const PriorityVector& priority, const Times& times);
  bool port_information(Port& port);         // 17.27
  bool port_protocol_migration(Port& port);  // 17.24
  bool bridge_detection(Port& port);         // 17.25
  // roles.cpp
  bool port_role_selection();  // 17.28
  void updt_roles_tree();      // 17.21.25
  void select_root();
  void select_role(Handle handle, Port& port);
  // transitions.cpp
  bool port_role_transitions(Handle handle, Port& port);  // 17.29
  bool disabled_port(Port& port);                         // 17.29.1
  bool root_port(Handle handle, Port& port);              // 17.29.2
  bool designated_port(Port& port);                       // 17.29.3
  bool alternate_port(Port& port);                        // 17.29.4
  bool agree(Port& port);
  bool port_state_transition(Handle handle, Port& port);  // 17.30
  bool topology_change(Handle handle, Port& port);        // 17.31
  bool active_topology_change(Handle handle, Port& port);
  bool all_synced() const;               // 17.20.3
  bool re_rooted(Handle handle) const;   // 17.20.10
  void set_tc_prop_tree(Handle handle);  // 17.21.18
  void new_tc_while(Port& port);         // 17.21.7
  // transmission.cpp
  bool port_transmit(Handle handle, Port& port);  // 17.26
  void tx_config(Handle handle, Port& port);      // 17.21.19
  void tx_rstp(Handle handle, Port& port);        // 17.21.20
  void tx_tcn(Handle handle, Port& port);         // 17.21.21
  stp::ConfigBpdu message_of(const Port& port) const;

  Actions run(TimePoint now);
  bool runs(const Port::Timer& timer) const { return timer && *timer > now_; }
  Duration forward_delay(const Port& port) const;  // 17.20.5, 17.20.6

  BridgeConfig config_;
  PriorityVector root_priority_;
  Times root_times_;
  std::optional<Handle> root_port_;
  std::map<Handle, Port> ports_;
  Actions actions_;
  TimePoint now_;
};

std::string_view to_string(Role role);
std::string_view to_string(State state);

inline constexpr Duration kHelloTime = 2s, kMigrateTime = 3s;  ///< Table 17-1

}  // namespace bondway::rstp
