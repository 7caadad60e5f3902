#pragma once

#include <string>

#include "vswitchd/lacp/config.hpp"
#include "vswitchd/lacp/pdu.hpp"

/// The two ends of a link that these tests speak of.
namespace bondway::lacp {

inline const MacAddress kOurSystem = MacAddress::from_number(0xaa55aa550000);
inline const MacAddress kTheirSystem = MacAddress::from_number(0x020000000001);
inline const MacAddress kOtherSystem = MacAddress::from_number(0x020000000002);

/// Flags of a port's state: `flags(Flag::activity, Flag::timeout)`.
template <typename... Flags>
PortState flags(Flags... set) {
  PortState state;
  (state.set(set), ...);
  return state;
}

inline PortState with(PortState state, Flag flag) {
  state.set(flag);
  return state;
}

inline PortState without(PortState state, Flag flag) {
  state.clear(flag);
  return state;
}

/// A port of ours, an active member of a bond, in sync.
inline PortInfo our_port(std::uint16_t port_id = 1) {
  return {.system_priority = 65534,
          .system_id = kOurSystem,
          .key = 1,
          .port_priority = 65535,
          .port_id = port_id,
          .state = flags(Flag::activity, Flag::aggregation, Flag::synchronization)};
}

/// A port of another system, likewise.
inline PortInfo their_port(std::uint16_t port_id = 11) {
  return {.system_priority = 65534,
          .system_id = kTheirSystem,
          .key = 7,
          .port_priority = 65535,
          .port_id = port_id,
          .state = flags(Flag::activity, Flag::aggregation, Flag::synchronization)};
}

/// What they send when they are in step with us.
inline Lacpdu matching_pdu(const PortInfo& actor = their_port(),
                           const PortInfo& partner = our_port()) {
  return {.actor = actor, .partner = partner};
}

inline constexpr TimePoint kStart{Duration(1h)};

}  // namespace bondway::lacp
