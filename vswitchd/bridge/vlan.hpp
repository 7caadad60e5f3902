#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>

#include "vswitchd/net/frame.hpp"

namespace bondway::bridge {

/// How a port takes part in VLANs.  ovs-vswitchd.conf.db(5), Port:vlan_mode.
enum class VlanMode : std::uint8_t { access, trunk, native_tagged, native_untagged, dot1q_tunnel };

/// When a frame of VLAN 0 leaves with a tag all the same, to keep its priority.
enum class PriorityTags : std::uint8_t { never, if_nonzero, always };

/// A set of VLANs, 0 to 4095; 0 stands for untagged frames.  Copies share one immutable content:
/// thousands of ports carry all VLANs.
class VlanSet {
 public:
  static VlanSet all() {
    static const auto kAll = std::make_shared<const Bits>(Bits().set());
    VlanSet set;
    set.bits_ = kAll;
    return set;
  }
  void insert(VlanId vlan) { bits_ = std::make_shared<const Bits>(bits().set(vlan.number())); }
  void erase(VlanId vlan) { bits_ = std::make_shared<const Bits>(bits().reset(vlan.number())); }
  bool contains(VlanId vlan) const { return bits_ && bits_->test(vlan.number()); }
  bool empty() const { return !bits_ || bits_->none(); }
  bool operator==(const VlanSet& other) const {
    return bits_ == other.bits_ || bits() == other.bits();
  }

 private:
  using Bits = std::bitset<4096>;
  Bits bits() const { return bits_ ? *bits_ : Bits(); }

  std::shared_ptr<const Bits> bits_;  ///< null: empty
};

/// A port's VLAN columns, with defaults filled in: `trunks` and `cvlans` hold what is carried,
/// never "empty means all", and everything where the mode does not use them.  The native modes'
/// trunks hold the native VLAN and not 0, unless the native VLAN is 0: then they are as configured.
struct VlanRules {
  VlanMode mode = VlanMode::trunk;
  VlanId tag;  ///< access, native and tunnel modes
  VlanSet trunks = VlanSet::all();
  VlanSet cvlans = VlanSet::all();
  std::uint16_t qinq_tpid = 0x88a8;
  PriorityTags priority_tags = PriorityTags::never;

  bool carries(VlanId vlan) const;
  bool operator==(const VlanRules&) const = default;
};

/// A tag inside the bridge.  Without a TPID there is none, but its priority may be known.
struct InternalTag {
  std::uint16_t tpid = 0;
  VlanId vlan;
  std::uint8_t priority = 0;  ///< PCP, 0 to 7
  bool operator==(const InternalTag&) const = default;
};

/// A frame inside the bridge: the tag of its VLAN and the one behind it.  Two is what a frame can
/// have there: a third is payload, and one that a second tunnel pushes out at the end is lost.
struct InternalVlan {
  InternalTag outer, inner;
  std::uint8_t arrived_priority = 0;  ///< of the outer tag that it was admitted with
  VlanId vlan() const { return outer.vlan; }
  bool operator==(const InternalVlan&) const = default;
};

/// The frame's VLAN inside the bridge, or nothing when the port does not admit it.
std::optional<InternalVlan> admit(const VlanRules& rules, const Headers& headers);

/// How a frame of this internal VLAN leaves through a port, as an edit of the frame as it arrived;
/// nothing when the port does not carry it.  `known` destinations leave a trunk whatever it lists.
/// Tags that do not change are left alone, with their drop-eligible bit.
std::optional<TagEdit> leave(const VlanRules& rules, const InternalVlan& frame,
                             const Headers& arrived, bool known);

/// The headers of the edited frame.
Headers edited(const Headers& headers, const TagEdit& edit);

/// The VLAN of the outermost tag that the edited frame shows on the wire; 0 without one.
VlanId vlan_on_wire(const TagEdit& edit, const Headers& arrived);

}  // namespace bondway::bridge
