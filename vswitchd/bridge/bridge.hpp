#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vswitchd/bridge/port.hpp"
#include "vswitchd/rstp/rapid_tree.hpp"
#include "vswitchd/stp/spanning_tree.hpp"

namespace bondway::bridge {

/// Forget the learned addresses of the port: its place in VLANs has changed.  The MAC table belongs
/// to forwarding, so the caller does it, under the forwarding lock.
struct ForgetAddresses {
  bool operator==(const ForgetAddresses&) const = default;
};

/// Forget everything learned in the bridge: its spanning tree has changed.
struct ForgetAllAddresses {
  bool operator==(const ForgetAllAddresses&) const = default;
};

/// A status column of the bridge may have changed.
struct TreeStatusChanged {
  bool operator==(const TreeStatusChanged&) const = default;
};

/// What a bridge wants done, and for which of its ports, where one is concerned.
struct PortAction {
  fdb::PortId port{};
  std::variant<SendFrame, PlanChanged, StatusChanged, Announce, CheckLink, Log, ForgetAddresses,
               ForgetAllAddresses, TreeStatusChanged>
      action;
};
using PortActions = std::vector<PortAction>;

/// Gives interfaces their OpenFlow port numbers: upwards from 1, a freed number only after the
/// range has been used up.
class PortNumbers {
 public:
  static constexpr std::uint16_t kLocal = 65534;  ///< the port named like its bridge
  static constexpr std::uint16_t kMax = 65279;

  /// `wanted` if it is free, else the next number; empty when none is left.
  std::optional<std::uint16_t> take(std::optional<std::uint16_t> wanted);
  void release(std::uint16_t number) { taken_.erase(number); }

 private:
  std::set<std::uint16_t> taken_;
  std::uint16_t last_ = 0;
};

/// The control side of one bridge: its ports, its address and its time table.
///
/// Opens nothing and reads no clock; see Port.  Port identifiers are places in plan(), used again
/// when a port has gone.
class Bridge {
 public:
  /// `fallback_mac` is the bridge's address while none of its ports offers one; `macs` is shared
  /// with forwarding, and not touched here.  `ids` is shared by the bridges of a switch.
  Bridge(BridgeSettings settings, MacAddress fallback_mac, std::shared_ptr<fdb::Table> macs,
         std::shared_ptr<RecirculationIds> ids = std::make_shared<RecirculationIds>());

  const BridgeSettings& settings() const { return settings_; }
  const MacAddress& mac() const { return mac_; }
  std::uint64_t datapath_id() const { return settings_.datapath_id.value_or(mac_.number()); }
  const std::shared_ptr<fdb::Table>& macs() const { return macs_; }
  PortNumbers& numbers() { return numbers_; }

  /// Mirrors keep their order among each other; new ones follow, and come to a frame last.
  PortActions configure(BridgeSettings settings, TimePoint now);

  fdb::PortId add_port(PortSettings settings);
  PortActions configure_port(fdb::PortId id, PortSettings settings, TimePoint now);
  void remove_port(fdb::PortId id);

  PortActions add_members(fdb::PortId id, std::span<const Member> members, TimePoint now);
  PortActions remove_member(fdb::PortId id, InterfaceId member, TimePoint now);
  PortActions link_changed(fdb::PortId id, InterfaceId member, bool up, TimePoint now);
  PortActions receive(fdb::PortId id, InterfaceId member, std::span<const std::uint8_t> frame,
                      TimePoint now);
  /// A frame to the spanning tree's group address arrived on a port.  Ignored while it is off.
  PortActions receive_bpdu(fdb::PortId id, std::span<const std::uint8_t> frame, TimePoint now);
  /// Null while stp_enable is off.
  const stp::SpanningTree* tree() const { return tree_.get(); }
  /// Null while rstp_enable is off.
  const rstp::RapidTree* rapid_tree() const { return rapid_tree_.get(); }
  /// Whether BPDUs that arrive are its own.
  bool has_tree() const { return tree_ != nullptr || rapid_tree_ != nullptr; }
  /// `stp/tcn`, `rstp/tcn`.
  PortActions note_topology_change(TimePoint now);
  /// All changes of a moment have been made: judges the ports' numbers in the spanning tree anew,
  /// if one has changed.
  PortActions settle_tree_numbers(TimePoint now);
  /// Gives the spanning tree its due.
  PortActions expire_tree(TimePoint now);

  /// A command changed the port's bond.
  PortActions settle(fdb::PortId id, TimePoint now);

  /// The ports whose time has come: give each its due with expire_port().
  std::vector<fdb::PortId> due(TimePoint now) const;
  PortActions expire_port(fdb::PortId id, TimePoint now);
  std::optional<TimePoint> deadline() const;

  Port* find(fdb::PortId id);
  /// Chooses the bridge's address anew: the configured one, else the lowest universally
  /// administered address among its ports, else the fallback.  Ports learn of a change.
  PortActions choose_mac(TimePoint now);

  /// A mirror takes frames of the port, which is not its output: when the port goes, all addresses
  /// are forgotten, as seen of the reference.
  bool is_mirrored(fdb::PortId id) const;

  /// What a mirror of the settings has taken; read under the forwarding lock.
  std::shared_ptr<const MirrorCount> mirror_count(const MirrorSettings& mirror) const;

  /// As forwarding sees the bridge now; cheap for the ports that did not change.
  std::shared_ptr<const BridgePlan> plan();

 private:
  /// Who numbers a port in the spanning tree; nobody where it takes no part.
  enum class TreeNumber : std::uint8_t { none, automatic, manual };

  std::size_t index(fdb::PortId id) const { return static_cast<std::size_t>(id); }
  PortActions after(fdb::PortId id, Actions actions, TimePoint now);
  void update_plan(fdb::PortId id);
  void configure_tree(TimePoint now, PortActions& actions);
  void update_tree_port(fdb::PortId id, TimePoint now, PortActions& actions);
  bool tree_numbers_agree() const;
  TreeNumber tree_number(fdb::PortId id) const;
  std::optional<stp::PortConfig> tree_port(fdb::PortId id) const;
  void take(const stp::Actions& decided, PortActions& actions);
  void check_migration(fdb::PortId id, TimePoint now, PortActions& actions);
  std::optional<rstp::PortConfig> rapid_tree_port(fdb::PortId id) const;
  bool can_take_part(fdb::PortId id) const;
  void take(const rstp::Actions& decided, PortActions& actions);
  void reschedule(fdb::PortId id);
  void offer_mac(fdb::PortId id);
  bool is_mirror_output(const std::string& port) const;
  void place_mirrors(std::vector<MirrorSettings>& mirrors);
  void keep_mirror_counts();
  void begin_mirror_counts(const std::string& output_port);
  std::shared_ptr<const MirrorsPlan> mirrors_plan() const;

  struct Slot {
    std::unique_ptr<Port> port;
    TreeNumber tree_number = TreeNumber::none;
    bool is_duplicate = false;  ///< another port has its number in the spanning tree
    std::optional<TimePoint> deadline;
    std::optional<MacAddress> offered_mac;
  };

  BridgeSettings settings_;
  MacAddress fallback_mac_, mac_;
  std::shared_ptr<fdb::Table> macs_;
  std::shared_ptr<RecirculationIds> ids_;
  PortNumbers numbers_;
  std::vector<Slot> slots_;
  std::set<std::size_t> free_;
  std::vector<fdb::PortId> order_;  ///< of all ports, the oldest first
  std::set<std::pair<TimePoint, fdb::PortId>> deadlines_;
  std::multiset<MacAddress> offered_macs_;
  std::vector<std::shared_ptr<const PortPlan>> plans_;
  std::map<std::string, std::size_t> mirror_places_;  ///< of those with an output, by identifier
  MirrorCounts mirror_counts_;
  std::unique_ptr<stp::SpanningTree> tree_;
  std::unique_ptr<rstp::RapidTree> rapid_tree_;
  /// The ports' numbers are judged when all changes of a moment have been made.
  std::optional<TimePoint> tree_numbers_due_;
};

}  // namespace bondway::bridge
