#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/net/time.hpp"

/// The frames of the Spanning Tree Protocol.  IEEE 802.1D-1998, 9.
namespace bondway::stp {

/// Where all of them go.  7.12.3.
inline constexpr MacAddress kBridgeGroupAddress = MacAddress::from_number(0x0180'c200'0000);

/// The better of two is the smaller.  9.2.5.
struct BridgeId {
  std::uint16_t priority = 32768;
  MacAddress mac;
  auto operator<=>(const BridgeId&) const = default;
};

/// Priority in the upper octet, number in the lower.  9.2.7.
struct PortId {
  std::uint16_t number = 0;
  auto operator<=>(const PortId&) const = default;
};

/// 9.3.1.
struct ConfigBpdu {
  bool topology_change = false, topology_change_ack = false;
  BridgeId root;
  std::uint32_t root_path_cost = 0;
  BridgeId bridge;
  PortId port;
  Duration message_age{}, max_age = 20s, hello_time = 2s, forward_delay = 15s;
  bool operator==(const ConfigBpdu&) const = default;
};

/// 9.3.2.
struct TopologyChangeBpdu {
  bool operator==(const TopologyChangeBpdu&) const = default;
};

/// IEEE 802.1D-2004, 9.3.3.
enum class RapidRole : std::uint8_t { unknown, alternate_or_backup, root, designated };
struct RapidBpdu {
  ConfigBpdu config;
  RapidRole role = RapidRole::unknown;
  bool proposal = false, learning = false, forwarding = false, agreement = false;
  bool operator==(const RapidBpdu&) const = default;
};

using Bpdu = std::variant<ConfigBpdu, TopologyChangeBpdu>;

/// The whole frame, from the addresses on, padded to 60 octets.
std::vector<std::uint8_t> encode(const Bpdu& bpdu, const MacAddress& source);

/// The BPDU of a frame to kBridgeGroupAddress.  A rapid one counts as a configuration BPDU, as its
/// receiver of an older version would have it.  9.3.4.
Result<Bpdu> decode(std::span<const std::uint8_t> frame);

using AnyBpdu = std::variant<ConfigBpdu, TopologyChangeBpdu, RapidBpdu>;

std::vector<std::uint8_t> encode(const RapidBpdu& bpdu, const MacAddress& source);

/// As a receiver of the rapid protocol has it.  IEEE 802.1D-2004, 9.3.4.
Result<AnyBpdu> decode_any(std::span<const std::uint8_t> frame);

}  // namespace bondway::stp
