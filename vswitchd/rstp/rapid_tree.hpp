#pragma once

#include <map>
#include <optional>
#include <span>

#include "vswitchd/rstp/information.hpp"
#include "vswitchd/rstp/order.hpp"
#include "vswitchd/rstp/reception.hpp"
#include "vswitchd/rstp/roles.hpp"
#include "vswitchd/rstp/transitions.hpp"
#include "vswitchd/rstp/transmission.hpp"

namespace bondway::rstp {

/// The rapid spanning tree as one bridge takes part in it: the machines of all its ports, run until
/// none of them moves.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.  The caller
/// performs the returned actions in order, and calls expire() no later than deadline().
class RapidTree {
 public:
  /// A bridge without ports, which takes itself for the root.
  RapidTree(const BridgeConfig& config, TimePoint now);

  const BridgeConfig& config() const { return bridge_.config; }
  /// Ports begin anew only with another protocol version; else roles are selected again.
  Actions configure(const BridgeConfig& config, TimePoint now);
  Actions set_port(Handle port, const PortConfig& config, Link link, TimePoint now);
  Actions remove_port(Handle port, TimePoint now);
  /// A frame to stp::kBridgeGroupAddress arrived; ignored on a port that does not take part or is
  /// down.
  Actions receive(Handle port, std::span<const std::uint8_t> frame, TimePoint now);
  /// Tries again whether the port's neighbour speaks the rapid protocol.  17.19.13.
  Actions check_migration(Handle port, TimePoint now);
  /// `rstp/tcn`: as if the topology had changed here.
  Actions note_topology_change(TimePoint now);
  Actions expire(TimePoint now);
  std::optional<TimePoint> deadline() const;

  const std::map<Handle, PortVariables>& ports() const { return bridge_.ports; }
  /// The ports as `rstp/show` lists them.
  std::vector<Handle> ports_in_order() const;
  bool is_root() const { return bridge_.root_priority.root == bridge_.config.id; }
  const PriorityVector& root_priority() const { return bridge_.root_priority; }
  const Times& root_times() const { return bridge_.root_times; }
  std::optional<Handle> root_port() const { return bridge_.root_port; }

 private:
  struct Machines {
    PortReceive receive;
    PortMigration migration;
    BridgeDetection detection;
    PortInformation information;
    RoleTransitions roles;
    StateTransition state;
    TopologyChange topology;
    PortTransmit transmit;
  };
  /// What the caller has been told of a port.
  struct Told {
    Role role;
    State state;
    PriorityVector priority;
    bool operator==(const Told&) const = default;
  };

  void begin(PortVariables& port);
  void select_again();
  void catch_up(TimePoint now);
  void tick();  // 17.22
  void run();
  bool step(Handle handle, PortVariables& port);
  bool listen(Handle handle, PortVariables& port);
  bool forget_addresses();
  Actions finish();

  BridgeVariables bridge_;
  RoleSelection selection_;
  PortOrder order_;
  std::map<Handle, Machines> machines_;
  TimePoint next_tick_;
  std::map<Handle, Told> told_;
  Actions actions_;
};

}  // namespace bondway::rstp
