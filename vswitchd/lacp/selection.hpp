#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vswitchd/lacp/mux_machine.hpp"
#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/net/mac_address.hpp"

namespace bondway::lacp {

/// How much a port's claim to the aggregator weighs, best first.
enum class Standing : std::uint8_t {
  current,   ///< its partner is heard
  expired,   ///< its partner was heard, but not lately
  assumed,   ///< its partner was configured, and not heard
  disabled,  ///< its link went down a moment ago
  fallback,  ///< has no partner, but the bond shall run without one
  none,      ///< no claim
};

/// Whether a port of this standing knows whom it is connected to.
constexpr bool partner_known(Standing standing) { return standing <= Standing::disabled; }

/// Whether the partner is our own system: the link is looped back.
inline bool is_loopback(const PortInfo& actor, const PortInfo& partner) {
  return actor.system_id == partner.system_id;
}

/// What the selection logic looks at, one per port.
struct Candidate {
  Standing standing = Standing::none;
  PortInfo actor{}, partner{};
};

/// Which link aggregation group a port belongs to.  Ports of one group connect the same two systems
/// with the same two keys; an individual link's group has only itself, by its two ports.  IEEE
/// 802.1AX-2014, 6.3.6.
struct GroupId {
  struct End {
    std::uint16_t system_priority = 0;
    MacAddress system_id;
    std::uint16_t key = 0;
    std::uint16_t port_priority = 0, port_id = 0;  ///< zero unless the link is individual
    auto operator<=>(const End&) const = default;
  };
  End actor, partner;

  static GroupId of(const PortInfo& actor, const PortInfo& partner);
  auto operator<=>(const GroupId&) const = default;
};

/// What the selection logic decides.
struct Selection {
  std::vector<Selected> selected{};       ///< one for each candidate
  std::optional<GroupId::End> partner{};  ///< whom the aggregator now leads to
};

/// The selection logic of a system that offers all of its ports one aggregator: the port of the
/// bridge that they are members of.  IEEE 802.1AX-2014, 6.4.14.  Ports of any group but the one
/// that gets the aggregator find none and stay UNSELECTED.  The group with the best known partner
/// gets it; among equals the one that led to `holder` so far, then the one with the best link
/// priority.  At most `max_bundle` ports of the group are SELECTED (0: no limit), the others
/// STANDBY, in the order that the better of the two systems gives them.
Selection select(std::span<const Candidate> candidates, std::size_t max_bundle,
                 const std::optional<GroupId::End>& holder);

}  // namespace bondway::lacp
