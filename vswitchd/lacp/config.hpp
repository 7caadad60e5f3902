#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/time.hpp"

/// Checked settings of a port's LACP, as the configuration hands them in.
namespace bondway::lacp {

enum class Activity : std::uint8_t { passive, active };         ///< Port lacp
enum class LacpTime : std::uint8_t { slow, fast };              ///< other_config:lacp-time
enum class Fallback : std::uint8_t { none, active_backup };     ///< other_config:lacp-fallback-ab
enum class MuxControl : std::uint8_t { coupled, independent };  ///< lacp-independent-control
enum class Duplex : std::uint8_t { half, full };
enum class Link : std::uint8_t { down, up };
enum class Aggregation : std::uint8_t { individual, aggregatable };

struct LagConfig {
  std::string name{};  ///< of the Port
  Activity activity = Activity::passive;
  LacpTime time = LacpTime::slow;
  MacAddress system_id{};
  std::uint16_t system_priority = 65534;
  Fallback fallback = Fallback::none;
  MuxControl control = MuxControl::coupled;

  /// Whether the port is one that may aggregate: the flag its LACPDUs carry.  A bond should say so
  /// by its configuration, for the flag to stay while members come and go; partners renegotiate
  /// when it changes.  Empty: aggregatable while it has more than one member.
  std::optional<Aggregation> aggregation{};

  /// How long a member waits for others before it attaches.  The standard's Aggregate_Wait_Time is
  /// two seconds; zero lets a bond negotiate at once, as scripts expect of this product.
  Duration aggregate_wait{0};

  std::uint32_t min_links = 0;   ///< fewer members that carry traffic count as none; 0: no minimum
  std::uint32_t max_bundle = 0;  ///< members beyond this many are standby; 0: no maximum
  std::uint32_t timeout_multiplier = 3;  ///< silent periods until a partner expires; at least 1

  bool operator==(const LagConfig&) const = default;
};

struct MemberConfig {
  std::string name{};  ///< of the Interface
  MacAddress mac{};    ///< the device's own, source of what it sends
  std::uint16_t port_id = 0;
  std::uint16_t port_priority = 65535;
  std::uint16_t aggregation_key = 0;  ///< of the first member; 0: its port id
  Duplex duplex = Duplex::full;       ///< a half duplex link takes no part in LACP

  /// What is assumed of a partner that does not speak LACP (Partner Admin values, 6.4.7).  All
  /// zero: nothing, and such a member is of no use to a bond except as its fallback.
  PortInfo partner_admin{};

  bool operator==(const MemberConfig&) const = default;
};

}  // namespace bondway::lacp
