#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/vlan.hpp"

namespace bondway {

enum class EtherType : std::uint16_t {};
inline constexpr EtherType kIpv4Type{0x0800}, kArpType{0x0806}, kRarpType{0x8035},
    kVlanType{0x8100}, kIpv6Type{0x86dd}, kServiceVlanType{0x88a8}, kSlowType{0x8809};

/// What the frame's sender left to the device that finally puts it on a wire: the fields of the
/// kernel's virtio_net_hdr (linux/virtio_net.h), all zero when the frame is complete as it is.
struct Offload {
  std::uint8_t flags = 0, gso_type = 0;
  std::uint16_t header_length = 0, gso_size = 0, checksum_start = 0, checksum_offset = 0;
  bool operator==(const Offload&) const = default;
};

/// The offload of a frame whose headers in front of the network layer have grown by `octets`.
Offload shifted(Offload offload, int octets);

/// An Ethernet frame somebody else owns: the octets from the destination address on, tags in place,
/// no frame check sequence.
struct FrameView {
  std::span<const std::uint8_t> octets;
  Offload offload;
};

/// An Ethernet frame of one's own.
struct Frame {
  std::vector<std::uint8_t> octets;
  Offload offload;

  FrameView view() const { return {octets, offload}; }
  bool operator==(const Frame&) const = default;
};

/// An 802.1Q tag: protocol identifier and control information (priority, DEI, VLAN).
struct VlanTag {
  std::uint16_t tpid = 0x8100;
  std::uint16_t tci = 0;

  VlanId vlan() const { return VlanId::from_tci(tci); }
  std::uint8_t priority() const { return static_cast<std::uint8_t>(tci >> 13); }
  bool operator==(const VlanTag&) const = default;
};

/// How a frame leaves compared with how it came: `strip` tags are taken away right behind the
/// addresses, then `push` (outermost first) put there.  Never touches the rest of the frame.
struct TagEdit {
  std::uint8_t strip = 0;
  std::uint8_t push_count = 0;
  std::array<VlanTag, 2> push{};

  bool operator==(const TagEdit&) const = default;
};

/// The frame with the edit done.  The view holds at least 14 + 4 * strip octets.
Frame apply(const FrameView& frame, const TagEdit& edit);

/// The layer 3 and 4 fields that balance-tcp hashes.  For ARP the addresses are the IPv4 ones and
/// `protocol` the opcode; for ICMP and ICMPv6 the ports are type and code.  A later fragment, a
/// protocol without ports and a truncated header leave the ports zero.
struct FlowFields {
  std::array<std::uint8_t, 16> source{}, destination{};  ///< IPv4 in the first four octets
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0, destination_port = 0;
  bool operator==(const FlowFields&) const = default;
};

/// Everything that forwarding decides on, read once.
struct Headers {
  MacAddress destination, source;
  std::optional<VlanTag> outer, inner;  ///< 802.1Q or 802.1ad tags, outermost first
  EtherType type{};                     ///< behind the tags
  FlowFields flow;
  std::uint8_t slow_subtype = 0;  ///< of a slow-protocol frame (IEEE 802.3, 57A.4), if long enough
  bool gratuitous_arp = false;  ///< ARP to broadcast: a reply, or a request for the sender's own IP

  VlanId vlan() const { return outer ? outer->vlan() : VlanId(); }
  bool operator==(const Headers&) const = default;
};

/// Reads a frame's headers.  Empty if it is shorter than an Ethernet header, or its type announces
/// a tag that it is too short for.  Never reads past the view, whatever its lengths claim.  No more
/// than `max_tags`, 1 or 2, are looked at; another, or an inner one that the frame is too short
/// for, is the type of a payload that is not understood.
std::optional<Headers> parse_headers(const FrameView& frame, std::size_t max_tags = 2);

}  // namespace bondway
