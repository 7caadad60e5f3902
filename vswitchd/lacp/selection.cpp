#include "vswitchd/lacp/selection.hpp"

#include <algorithm>
#include <tuple>

namespace bondway::lacp {
namespace {

/// The end of the link whose priorities count: that of the system with the lower priority, then
/// the lower address; the partner's if they are equal.
const PortInfo& better_end(const Candidate& port) {
  const auto system = [](const PortInfo& end) {
    return std::make_tuple(end.system_priority, end.system_id);
  };
  return system(port.actor) < system(port.partner) ? port.actor : port.partner;
}

auto link_priority(const Candidate& port) {
  const PortInfo& end = better_end(port);
  return std::make_tuple(end.system_priority, end.system_id, end.port_priority, end.port_id);
}

const Candidate* find_leader(std::span<const Candidate> candidates,
                             const std::optional<GroupId::End>& holder) {
  const auto claim = [&](const Candidate& port) {
    const bool holds = holder == GroupId::of(port.actor, port.partner).partner;
    return std::make_tuple(port.standing, !holds, link_priority(port));
  };
  const Candidate* leader = nullptr;
  for (const Candidate& port : candidates) {
    if (!partner_known(port.standing) || is_loopback(port.actor, port.partner)) continue;
    if (!leader || claim(port) < claim(*leader)) leader = &port;
  }
  return leader;
}

/// The ports that may share the aggregator, by their index.
std::vector<std::size_t> find_group(std::span<const Candidate> candidates,
                                    const Candidate* leader) {
  std::vector<std::size_t> group;
  const auto belongs = [&](const Candidate& port) {
    // Nobody's partner is known: members of a bond that falls back are active and backup.
    if (!leader) return port.standing == Standing::fallback;
    return partner_known(port.standing) &&
           GroupId::of(port.actor, port.partner) == GroupId::of(leader->actor, leader->partner);
  };
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (belongs(candidates[i])) group.push_back(i);
  }
  return group;
}

}  // namespace

GroupId GroupId::of(const PortInfo& actor, const PortInfo& partner) {
  const bool individual =
      !actor.state.has(Flag::aggregation) || !partner.state.has(Flag::aggregation);
  const auto end = [&](const PortInfo& port) {
    return End{.system_priority = port.system_priority,
               .system_id = port.system_id,
               .key = port.key,
               .port_priority = individual ? port.port_priority : std::uint16_t{0},
               .port_id = individual ? port.port_id : std::uint16_t{0}};
  };
  return {.actor = end(actor), .partner = end(partner)};
}

Selection select(std::span<const Candidate> candidates, std::size_t max_bundle,
                 const std::optional<GroupId::End>& holder) {
  Selection result{.selected = std::vector(candidates.size(), Selected::unselected)};
  const Candidate* leader = find_leader(candidates, holder);
  if (leader) result.partner = GroupId::of(leader->actor, leader->partner).partner;
  std::vector<std::size_t> group = find_group(candidates, leader);
  std::ranges::stable_sort(group, {}, [&](std::size_t i) {
    return std::make_tuple(candidates[i].standing, link_priority(candidates[i]));
  });
  for (std::size_t rank = 0; rank < group.size(); ++rank) {
    const bool fits = max_bundle == 0 || rank < max_bundle;
    result.selected[group[rank]] = fits ? Selected::selected : Selected::standby;
  }
  return result;
}

}  // namespace bondway::lacp
