#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/bond/output_table.hpp"
#include "vswitchd/bridge/mirror.hpp"
#include "vswitchd/bridge/vlan.hpp"
#include "vswitchd/fdb/table.hpp"

namespace bondway::bridge {

/// An interface of the switch: its place in Plan::interfaces.  Freed numbers are used again.
enum class InterfaceId : std::uint32_t {};

/// A bridge of the switch: its place in Plan::bridges.
enum class BridgeId : std::uint32_t {};

/// What frames do to a bond between two looks of the control thread: octets sent by bucket.
struct BucketLoad {
  std::array<std::uint64_t, 256> octets{};
};

/// Frames that crossed an interface, as its peer, the forwarding, counts them.
struct Traffic {
  std::uint64_t rx_packets = 0, rx_octets = 0, tx_packets = 0, tx_octets = 0;
};

/// One port as forwarding sees it.
struct PortPlan {
  std::string name;
  VlanRules vlan;
  bool is_protected = false;
  bool learns = true, forwards = true;  ///< as far as the spanning tree is concerned
  bool lacp = false;  ///< slow-protocol frames that arrive here are the control thread's
  std::vector<InterfaceId> members;               ///< one for an ordinary port
  std::shared_ptr<const bond::OutputTable> bond;  ///< null for an ordinary port
  std::shared_ptr<BucketLoad> load;               ///< null unless the bond is in a balance mode
};

/// One bridge as forwarding sees it.
struct BridgePlan {
  std::string name;
  bool secure = false;  ///< nothing is forwarded
  bool forward_bpdu = false;
  bool spanning_tree = false;  ///< BPDUs that arrive are the control thread's
  VlanSet flood_vlans;
  std::vector<std::shared_ptr<const PortPlan>> ports;  ///< by fdb::PortId; null where none is
  std::vector<fdb::PortId> flood_order;                ///< of all ports, the oldest first
  std::shared_ptr<fdb::Table> macs;                    ///< see Plan
  std::shared_ptr<const MirrorsPlan> mirrors;          ///< null where there is none
};

/// Where a frame that arrives on an interface begins, and where one that leaves through it ends.
struct InterfacePlan {
  std::optional<BridgeId> bridge;  ///< none: the number is free, or the interface has no device
  fdb::PortId port{};
  bond::MemberIndex member{};       ///< its place among the port's members
  std::optional<InterfaceId> peer;  ///< the other end of a patch
  bool is_patch = false;            ///< without a peer, frames sent here vanish
  std::shared_ptr<Traffic> traffic;
};

/// Everything that forwarding knows, at one instant.  Published whole by the control thread and
/// never changed afterwards, but for what the pointers to MAC tables, loads, traffic and counts
/// name: those are shared, and guarded by the forwarding lock (datapath/datapath.hpp).
struct Plan {
  std::uint64_t generation = 0;
  std::uint8_t vlan_limit = 2;  ///< 802.1Q tags that are looked at, for parse_headers()
  std::vector<std::shared_ptr<const BridgePlan>> bridges;
  std::vector<InterfacePlan> interfaces;

  const InterfacePlan* find(InterfaceId id) const {
    const auto index = static_cast<std::size_t>(id);
    return index < interfaces.size() && interfaces[index].bridge ? &interfaces[index] : nullptr;
  }
  const BridgePlan& bridge(BridgeId id) const { return *bridges[static_cast<std::size_t>(id)]; }
};

}  // namespace bondway::bridge
