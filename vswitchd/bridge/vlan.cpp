#include "vswitchd/bridge/vlan.hpp"

namespace bondway::bridge {
namespace {

InternalVlan from_tag(VlanId vlan, const Headers& headers) {
  InternalVlan frame;
  frame.vlan = vlan;
  frame.tagged = headers.outer.has_value();
  if (headers.outer) {
    frame.priority = headers.outer->priority();
    frame.tpid = headers.outer->tpid;
  }
  if (headers.inner) frame.customer = headers.inner->vlan();
  return frame;
}

InternalVlan into_tunnel(const VlanRules& rules, const Headers& headers) {
  InternalVlan frame;
  frame.vlan = rules.tag;
  frame.tpid = rules.qinq_tpid;
  frame.tunnelled = true;
  // A priority tag is not a customer's VLAN; it ends here, as at an access port.
  if (!headers.vlan().is_untagged()) frame.customer = headers.vlan();
  return frame;
}

bool carries_frame(const VlanRules& rules, const InternalVlan& frame) {
  if (!rules.carries(frame.vlan)) return false;
  if (rules.mode == VlanMode::access) return !(frame.tunnelled && frame.customer);
  if (rules.mode == VlanMode::dot1q_tunnel) {
    return rules.cvlans.contains(frame.customer.value_or(VlanId()));
  }
  return true;
}

bool leaves_untagged(const VlanRules& rules, const InternalVlan& frame) {
  switch (rules.mode) {
    case VlanMode::access:
    case VlanMode::dot1q_tunnel:
      return true;
    case VlanMode::native_untagged:
      return frame.vlan == rules.tag || frame.vlan.is_untagged();
    case VlanMode::trunk:
    case VlanMode::native_tagged:
      return frame.vlan.is_untagged();
  }
  return true;
}

bool keeps_priority_tag(const VlanRules& rules, const InternalVlan& frame) {
  if (rules.mode == VlanMode::dot1q_tunnel) return false;
  switch (rules.priority_tags) {
    case PriorityTags::never:
      return false;
    case PriorityTags::if_nonzero:
      return frame.priority != 0;
    case PriorityTags::always:
      return frame.tagged || frame.priority != 0;
  }
  return false;
}

VlanTag make_tag(const InternalVlan& frame, VlanId vlan) {
  return {frame.tpid, static_cast<std::uint16_t>(frame.priority << 13 | vlan.number())};
}

std::optional<VlanTag> tag_on_wire(const VlanRules& rules, const InternalVlan& frame) {
  if (!leaves_untagged(rules, frame)) return make_tag(frame, frame.vlan);
  if (keeps_priority_tag(rules, frame)) return make_tag(frame, VlanId());
  return std::nullopt;
}

/// Equal but for the drop-eligible bit, which an unchanged tag keeps.
bool same_tag(const VlanTag& a, const VlanTag& b) {
  return a.tpid == b.tpid && a.vlan() == b.vlan() && a.priority() == b.priority();
}

}  // namespace

bool VlanRules::carries(VlanId vlan) const {
  switch (mode) {
    case VlanMode::access:
    case VlanMode::dot1q_tunnel:
      return vlan == tag;
    case VlanMode::trunk:
    case VlanMode::native_tagged:
    case VlanMode::native_untagged:
      return trunks.contains(vlan);
  }
  return false;
}

std::optional<InternalVlan> admit(const VlanRules& rules, const Headers& headers) {
  const VlanId vlan = headers.vlan();
  switch (rules.mode) {
    case VlanMode::access:
      if (!vlan.is_untagged()) return std::nullopt;
      return from_tag(rules.tag, headers);
    case VlanMode::trunk:
      if (!rules.trunks.contains(vlan)) return std::nullopt;
      return from_tag(vlan, headers);
    case VlanMode::native_tagged:
    case VlanMode::native_untagged:
      if (vlan.is_untagged()) return from_tag(rules.tag, headers);
      if (!rules.trunks.contains(vlan)) return std::nullopt;
      return from_tag(vlan, headers);
    case VlanMode::dot1q_tunnel:
      if (!rules.cvlans.contains(vlan)) return std::nullopt;
      return into_tunnel(rules, headers);
  }
  return std::nullopt;
}

std::optional<TagEdit> leave(const VlanRules& rules, const InternalVlan& frame,
                             const Headers& arrived, bool known) {
  if (!known && !carries_frame(rules, frame)) return std::nullopt;
  const auto wanted = tag_on_wire(rules, frame);
  const bool strips = arrived.outer && !(frame.tunnelled && frame.customer);
  TagEdit edit;
  if (strips && wanted && same_tag(*wanted, *arrived.outer)) return edit;
  if (strips) edit.strip = 1;
  if (wanted) edit.push[edit.push_count++] = *wanted;
  return edit;
}

VlanId vlan_on_wire(const TagEdit& edit, const Headers& arrived) {
  if (edit.push_count > 0) return edit.push[0].vlan();
  if (edit.strip == 0) return arrived.vlan();
  return arrived.inner ? arrived.inner->vlan() : VlanId();
}

}  // namespace bondway::bridge
