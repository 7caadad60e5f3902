#include "vswitchd/bridge/vlan.hpp"

#include <algorithm>
#include <array>
#include <boost/container/static_vector.hpp>

namespace bondway::bridge {
namespace {

using Tags = std::array<InternalTag, 2>;                      ///< outermost first
using TagList = boost::container::static_vector<VlanTag, 4>;  ///< outermost first

InternalTag internal(const std::optional<VlanTag>& tag) {
  if (!tag) return {};
  return {tag->tpid, tag->vlan(), tag->priority()};
}

InternalVlan with_tags(const Headers& headers, const InternalTag& outer, const InternalTag& inner) {
  return {outer, inner, internal(headers.outer).priority};
}

InternalVlan as_tagged(const Headers& headers) {
  return with_tags(headers, internal(headers.outer), internal(headers.inner));
}

/// Into the port's own VLAN, with the priority that the frame came with.
InternalTag own_tag(const VlanRules& rules, const Headers& headers) {
  const InternalTag arrived = internal(headers.outer);
  return {arrived.tpid == 0 ? std::uint16_t{0x8100} : arrived.tpid, rules.tag, arrived.priority};
}

/// A priority tag is no customer's VLAN.
bool carries_frame(const VlanRules& rules, const InternalVlan& frame) {
  if (!rules.carries(frame.vlan())) return false;
  if (rules.mode == VlanMode::access) return frame.inner.vlan.is_untagged();
  if (rules.mode == VlanMode::dot1q_tunnel) return rules.cvlans.contains(frame.inner.vlan);
  return true;
}

Tags outgoing(const VlanRules& rules, const InternalVlan& frame) {
  const Tags whole{frame.outer, frame.inner}, popped{frame.inner, InternalTag()};
  switch (rules.mode) {
    case VlanMode::access:
      return {};
    case VlanMode::dot1q_tunnel:
      return popped;
    case VlanMode::native_untagged:
      return frame.vlan() == rules.tag ? popped : whole;
    case VlanMode::trunk:
    case VlanMode::native_tagged:
      return whole;
  }
  return whole;
}

/// A tag of VLAN 0 is there for its priority only, or because the port wants it kept.
bool is_written(const VlanRules& rules, const InternalTag& tag) {
  if (!tag.vlan.is_untagged() || tag.priority != 0) return true;
  return rules.priority_tags == PriorityTags::always && tag.tpid != 0;
}

/// The tags in front of what the bridge takes for payload, outermost first.
TagList written(const VlanRules& rules, const InternalVlan& frame) {
  Tags tags = outgoing(rules, frame);
  if (rules.priority_tags != PriorityTags::never) tags[0].priority = frame.arrived_priority;
  TagList result;
  for (const InternalTag& tag : tags) {
    if (!is_written(rules, tag)) break;  // and with it goes what is behind
    result.push_back({tag.tpid == 0 ? std::uint16_t{0x8100} : tag.tpid,
                      static_cast<std::uint16_t>(tag.priority << 13 | tag.vlan.number())});
  }
  return result;
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
      return with_tags(headers, own_tag(rules, headers), {});
    case VlanMode::trunk:
      if (!rules.trunks.contains(vlan)) return std::nullopt;
      return as_tagged(headers);
    case VlanMode::native_tagged:
    case VlanMode::native_untagged:
      if (vlan.is_untagged()) {
        return with_tags(headers, own_tag(rules, headers), internal(headers.inner));
      }
      if (!rules.trunks.contains(vlan)) return std::nullopt;
      return as_tagged(headers);
    case VlanMode::dot1q_tunnel:
      if (!rules.cvlans.contains(vlan)) return std::nullopt;
      return with_tags(headers, {rules.qinq_tpid, rules.tag, 0}, internal(headers.outer));
  }
  return std::nullopt;
}

std::optional<TagEdit> leave(const VlanRules& rules, const InternalVlan& frame,
                             const Headers& arrived, bool known) {
  if (!known && !carries_frame(rules, frame)) return std::nullopt;
  TagList before, after = written(rules, frame);
  if (arrived.outer) before.push_back(*arrived.outer);
  if (arrived.inner) before.push_back(*arrived.inner);
  while (!before.empty() && !after.empty() && same_tag(before.back(), after.back())) {
    before.pop_back();
    after.pop_back();
  }
  TagEdit edit;
  edit.strip = static_cast<std::uint8_t>(before.size());
  for (const VlanTag& tag : after) edit.push[edit.push_count++] = tag;
  return edit;
}

Headers edited(const Headers& headers, const TagEdit& edit) {
  if (edit == TagEdit()) return headers;
  TagList tags(edit.push.begin(), edit.push.begin() + edit.push_count);
  TagList arrived;
  if (headers.outer) arrived.push_back(*headers.outer);
  if (headers.inner) arrived.push_back(*headers.inner);
  const auto kept = std::min<std::size_t>(edit.strip, arrived.size());
  tags.insert(tags.end(), arrived.begin() + static_cast<std::ptrdiff_t>(kept), arrived.end());
  Headers result = headers;
  result.outer = tags.empty() ? std::nullopt : std::optional(tags[0]);
  result.inner = tags.size() < 2 ? std::nullopt : std::optional(tags[1]);
  return result;
}

VlanId vlan_on_wire(const TagEdit& edit, const Headers& arrived) {
  if (edit.push_count > 0) return edit.push[0].vlan();
  if (edit.strip == 0) return arrived.vlan();
  return arrived.inner ? arrived.inner->vlan() : VlanId();
}

}  // namespace bondway::bridge
