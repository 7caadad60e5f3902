#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/reference_table.hpp"

namespace bondway::bond {

inline constexpr std::size_t kBucketCount = 256;

/// One of a bond's 256 shares of traffic, the unit in which load moves between members.
using Bucket = std::uint8_t;

/// The hash of a name: little-endian words, the last one padded with zeros.
std::uint32_t hash_name(std::string_view name);

/// balance-slb's bucket of a source address in a VLAN, the VLAN that the frame has *on the wire*
/// behind the bond (0 if it leaves untagged).  Equal to `bond/hash` of the reference; the number is
/// wider than a VLAN because that command takes any 16 bits.
Bucket slb_bucket(const MacAddress& source, std::uint16_t vlan, std::uint32_t basis);

/// balance-tcp's bucket of a flow.  Addresses, protocol and ports count, MAC addresses and VLANs do
/// not; all frames without such fields share one bucket.
Bucket tcp_bucket(const FlowFields& flow, std::uint32_t basis);

}  // namespace bondway::bond
