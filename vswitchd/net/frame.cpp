#include "vswitchd/net/frame.hpp"

#include <algorithm>
#include <cassert>

namespace bondway {
namespace {

using Octets = std::span<const std::uint8_t>;

constexpr std::size_t kAddresses = 12, kTypeSize = 2, kTagSize = 4;

std::uint16_t read_u16(Octets octets, std::size_t at) {
  return static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
}

bool is_tag(EtherType type) { return type == kVlanType || type == kServiceVlanType; }

void copy_address(Octets from, std::array<std::uint8_t, 16>& to) {
  std::copy(from.begin(), from.end(), to.begin());
}

/// Protocol numbers of the Internet layer that matter to a flow (IANA).
enum Protocol : std::uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kTcp = 6,
  kUdp = 17,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kIcmpv6 = 58,
  kDestinationOptions = 60,
  kSctp = 132,
};

/// Ports, or type and code, of a complete transport header.
void read_ports(Octets segment, FlowFields& flow) {
  const auto has = [&](std::size_t header) { return segment.size() >= header; };
  if ((flow.protocol == kTcp && has(20)) || (flow.protocol == kUdp && has(8)) ||
      (flow.protocol == kSctp && has(12))) {
    flow.source_port = read_u16(segment, 0);
    flow.destination_port = read_u16(segment, 2);
  } else if ((flow.protocol == kIcmp || flow.protocol == kIcmpv6) && has(4)) {
    flow.source_port = segment[0];
    flow.destination_port = segment[1];
  }
}

/// Cuts `packet` to the length it claims, which leaves out padding.  A claim of zero is that of a
/// segment too large for the field, to be cut up later; a claim beyond the end is a lie.
Octets cut(Octets packet, std::size_t claimed) {
  return claimed == 0 ? packet : packet.first(std::min(claimed, packet.size()));
}

FlowFields read_ipv4(Octets packet) {
  FlowFields flow;
  if (packet.size() < 20 || packet[0] >> 4 != 4) return flow;
  const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
  packet = cut(packet, read_u16(packet, 2));
  if (header < 20 || packet.size() < header) return flow;

  copy_address(packet.subspan(12, 4), flow.source);
  copy_address(packet.subspan(16, 4), flow.destination);
  flow.protocol = packet[9];
  const bool later_fragment = (read_u16(packet, 6) & 0x1fff) != 0;
  if (!later_fragment && flow.protocol != kIcmpv6) read_ports(packet.subspan(header), flow);
  return flow;
}

/// Size of an extension header that says so itself; `rest` holds at least eight octets of it.
std::size_t extension_size(std::uint8_t protocol, Octets rest) {
  if (protocol == kFragment) return 8;
  if (protocol == kAuthentication) return (static_cast<std::size_t>(rest[1]) + 2) * 4;
  return (static_cast<std::size_t>(rest[1]) + 1) * 8;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragment ||
         protocol == kAuthentication || protocol == kDestinationOptions;
}

/// RFC 8200, 4: follows the chain of extension headers as far as it is there.
FlowFields read_ipv6(Octets packet) {
  FlowFields flow;
  if (packet.size() < 40 || packet[0] >> 4 != 6) return flow;
  const std::size_t claimed = read_u16(packet, 4);
  packet = cut(packet, claimed == 0 ? 0 : claimed + 40);

  copy_address(packet.subspan(8, 16), flow.source);
  copy_address(packet.subspan(24, 16), flow.destination);
  flow.protocol = packet[6];
  Octets rest = packet.subspan(40);
  while (is_extension(flow.protocol)) {
    if (rest.size() < 8) return flow;
    const std::size_t size = extension_size(flow.protocol, rest);
    const bool later_fragment = flow.protocol == kFragment && (read_u16(rest, 2) & 0xfff8) != 0;
    if (rest.size() < size) return flow;
    flow.protocol = rest[0];
    if (later_fragment) return flow;
    rest = rest.subspan(size);
  }
  if (flow.protocol != kIcmp) read_ports(rest, flow);
  return flow;
}

/// The ARP packet of an Ethernet and IPv4 network (RFC 826).
struct Arp {
  std::uint16_t opcode = 0;
  Octets sender, target;  ///< protocol addresses
};

std::optional<Arp> read_arp(Octets packet) {
  constexpr std::array<std::uint8_t, 6> kEthernetIpv4{0, 1, 8, 0, 6, 4};
  if (packet.size() < 28 || !std::equal(kEthernetIpv4.begin(), kEthernetIpv4.end(), packet.begin()))
    return std::nullopt;
  return Arp{read_u16(packet, 6), packet.subspan(14, 4), packet.subspan(24, 4)};
}

FlowFields arp_flow(const Arp& arp) {
  FlowFields flow;
  copy_address(arp.sender, flow.source);
  copy_address(arp.target, flow.destination);
  if (arp.opcode <= 0xff) flow.protocol = static_cast<std::uint8_t>(arp.opcode);
  return flow;
}

bool announces_its_sender(const Arp& arp) {
  constexpr std::uint16_t kRequest = 1, kReply = 2;
  return arp.opcode == kReply ||
         (arp.opcode == kRequest && std::ranges::equal(arp.sender, arp.target));
}

void read_packet(Octets packet, Headers& headers) {
  if (headers.type == kIpv4Type) {
    headers.flow = read_ipv4(packet);
  } else if (headers.type == kIpv6Type) {
    headers.flow = read_ipv6(packet);
  } else if (headers.type == kArpType) {
    if (const auto arp = read_arp(packet)) {
      headers.flow = arp_flow(*arp);
      headers.gratuitous_arp = headers.destination.is_broadcast() && announces_its_sender(*arp);
    }
  } else if (headers.type == kSlowType && !packet.empty()) {
    headers.slow_subtype = packet[0];
  }
}

void append_u16(std::vector<std::uint8_t>& octets, std::uint16_t number) {
  octets.push_back(static_cast<std::uint8_t>(number >> 8));
  octets.push_back(static_cast<std::uint8_t>(number & 0xff));
}

}  // namespace

Offload shifted(Offload offload, int octets) {
  // Positions that are not in use stay zero.
  const auto moved = [octets](std::uint16_t at) {
    return at == 0 ? at : static_cast<std::uint16_t>(at + octets);
  };
  offload.header_length = moved(offload.header_length);
  offload.checksum_start = moved(offload.checksum_start);
  return offload;
}

Frame apply(const FrameView& frame, const TagEdit& edit) {
  const std::size_t stripped = kTagSize * edit.strip;
  assert(frame.octets.size() >= kAddresses + kTypeSize + stripped);
  assert(edit.push_count <= edit.push.size());

  Frame out;
  out.offload = shifted(frame.offload, 4 * (int{edit.push_count} - int{edit.strip}));
  out.octets.reserve(frame.octets.size() - stripped + kTagSize * edit.push_count);
  const auto addresses = frame.octets.first(kAddresses);
  const auto rest = frame.octets.subspan(kAddresses + stripped);
  out.octets.assign(addresses.begin(), addresses.end());
  for (std::size_t i = 0; i < edit.push_count; ++i) {
    append_u16(out.octets, edit.push[i].tpid);
    append_u16(out.octets, edit.push[i].tci);
  }
  out.octets.insert(out.octets.end(), rest.begin(), rest.end());
  return out;
}

std::optional<Headers> parse_headers(const FrameView& frame, std::size_t max_tags) {
  const Octets octets = frame.octets;
  if (octets.size() < kAddresses + kTypeSize) return std::nullopt;

  Headers headers;
  headers.destination = MacAddress::from_bytes(octets);
  headers.source = MacAddress::from_bytes(octets.subspan(6));
  std::size_t at = kAddresses;
  headers.type = EtherType{read_u16(octets, at)};
  for (std::optional<VlanTag>* tag : {&headers.outer, &headers.inner}) {
    if (!is_tag(headers.type) || max_tags-- == 0) break;
    if (octets.size() < at + kTagSize + kTypeSize) {
      if (tag == &headers.outer) return std::nullopt;
      break;  // as a tag too many
    }
    *tag = VlanTag{read_u16(octets, at), read_u16(octets, at + 2)};
    at += kTagSize;
    headers.type = EtherType{read_u16(octets, at)};
  }
  read_packet(octets.subspan(at + kTypeSize), headers);
  return headers;
}

}  // namespace bondway
