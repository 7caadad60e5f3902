#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vswitchd/bridge/vlan.hpp"
#include "vswitchd/fdb/table.hpp"

namespace bondway::bridge {

/// One Mirror row: which frames are copied, and where to.  ovs-vswitchd.conf.db(5), Mirror.
struct MirrorSettings {
  std::string id;  ///< tells rows apart, whose names need not differ
  std::string name;
  bool select_all = false;
  std::vector<std::string> source_ports, destination_ports;  ///< names
  VlanSet vlans = VlanSet::all();
  std::optional<std::string> output_port;  ///< wins over output_vlan
  std::optional<VlanId> output_vlan;
  std::uint16_t snaplen = 0;  ///< octets of a copy; 0: all of them
  bool operator==(const MirrorSettings&) const = default;
};

/// Without one it takes nothing, and counts as one that is yet to come.
bool has_output(const MirrorSettings& mirror);

/// Whether the mirror has an output, and takes frames of the port.
bool selects(const MirrorSettings& mirror, const std::string& port);

/// Frames that a mirror has taken, at their length when they arrived.
struct MirrorCount {
  std::uint64_t packets = 0, octets = 0;
};

/// A mirror as forwarding sees it.
struct MirrorPlan {
  std::string name;
  VlanSet vlans;
  std::optional<fdb::PortId> port;  ///< none: `vlan` is flooded
  VlanId vlan;
  std::uint16_t snaplen = 0;
  std::uint32_t same_output = 0;  ///< the mirrors that a copy by this one serves, too
  std::shared_ptr<MirrorCount> count;
};

/// A set of mirrors of a bridge, by their places in MirrorsPlan::mirrors.
using MirrorMask = std::uint32_t;
inline constexpr std::size_t kMaxMirrors = 32;

/// The mirrors of one bridge; the vectors below are by fdb::PortId.
struct MirrorsPlan {
  std::vector<MirrorPlan> mirrors;
  std::vector<MirrorMask> from;  ///< which take what arrives on the port
  std::vector<MirrorMask> to;    ///< which take what leaves through it
  std::vector<bool> is_output;   ///< the port is a mirror's and takes part in nothing else
};

using MirrorCounts = std::map<std::string, std::shared_ptr<MirrorCount>>;  ///< by id

/// The mirrors that can work among these ports, their names by fdb::PortId, "" where there is none;
/// null if there is no such mirror.  One without an output takes nothing.
std::shared_ptr<const MirrorsPlan> plan_mirrors(std::span<const MirrorSettings> settings,
                                                const std::vector<std::string>& ports,
                                                const MirrorCounts& counts);

}  // namespace bondway::bridge
