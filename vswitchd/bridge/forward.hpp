#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "vswitchd/bridge/plan.hpp"
#include "vswitchd/bridge/trace.hpp"

namespace bondway::bridge {

/// Why a frame goes no further in its bridge.
enum class DropReason : std::uint8_t {
  none,
  secure_bridge,
  mirror_output,   ///< arrived on a port that is a mirror's
  spanning_tree,   ///< the port does not forward, or not yet
  incomplete_tag,  ///< the type announces a tag that is not looked at, or not there
  vlan_not_admitted,
  reserved_destination,
  bond_refuses,  ///< not a member that may receive, or our own frame come back
  known_on_input_port,
  known_port_gone,
  no_output,
};
std::string_view to_string(DropReason reason);

/// One copy of the frame.
struct Output {
  InterfaceId interface {};
  TagEdit edit;  ///< of the frame as it arrived in this bridge
  fdb::PortId port{};
  std::optional<bond::Bucket> bucket;  ///< of the bond, when the hash chose the member
  std::uint16_t snaplen = 0;           ///< a mirror's copy ends after so many octets; 0: whole
  bool operator==(const Output&) const = default;
};

/// What the frame taught the MAC table.
struct Learned {
  MacAddress mac;
  VlanId vlan;
  fdb::PortId port{};
  fdb::Arrival arrival = fdb::Arrival::ordinary;
  bool operator==(const Learned&) const = default;
};

/// What a bridge does with a frame.  What was decided is complete even when the frame is dropped:
/// mirrors have their copies.
struct Verdict {
  bool to_control = false;  ///< LACP's or the spanning tree's; nothing else applies
  DropReason dropped = DropReason::none;
  std::optional<VlanId> vlan;  ///< to which it was admitted; the MAC table was asked about no other
  std::optional<Learned> learned;
  std::vector<Output> outputs;
  bool used_flow = false;   ///< it depended on Headers::flow
  MirrorMask mirrored = 0;  ///< the mirrors that took the frame
  bool operator==(const Verdict&) const = default;
};

/// Decides on a frame that arrived on `in`, an interface of the plan's: the NORMAL action of a
/// learning switch, ovs-actions(7).  Changes nothing; the caller teaches the MAC table what was
/// learned, before it forwards the next frame.  Writes the reasons to `trace`, if there is one.
Verdict forward(const Headers& headers, InterfaceId in, const Plan& plan, TimePoint now,
                Trace* trace = nullptr);

/// The copies that mirrors have of a frame of our own, which leaves through `out`; edits are of the
/// frame as it leaves.
Verdict mirror_own(const Headers& headers, InterfaceId out, const Plan& plan, TimePoint now);

/// Destinations that 802.1D bridges and Cisco's protocols keep to themselves.
bool is_reserved(const MacAddress& destination);

}  // namespace bondway::bridge
