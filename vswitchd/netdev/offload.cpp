#include "vswitchd/netdev/offload.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "vswitchd/netdev/vnet_header.hpp"

namespace bondway::netdev {
namespace {

using Octets = std::span<const std::uint8_t>;
using Writable = std::span<std::uint8_t>;

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint8_t kFin = 0x01, kPush = 0x08, kCongestionReduced = 0x80;

std::uint16_t read_u16(Octets octets, std::size_t at) {
  return static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
}
std::uint32_t read_u32(Octets octets, std::size_t at) {
  return std::uint32_t{read_u16(octets, at)} << 16 | read_u16(octets, at + 2);
}
void write_u16(Writable octets, std::size_t at, std::uint16_t number) {
  octets[at] = static_cast<std::uint8_t>(number >> 8);
  octets[at + 1] = static_cast<std::uint8_t>(number & 0xff);
}
void write_u32(Writable octets, std::size_t at, std::uint32_t number) {
  write_u16(octets, at, static_cast<std::uint16_t>(number >> 16));
  write_u16(octets, at + 2, static_cast<std::uint16_t>(number & 0xffff));
}

/// A checksum of zero would say that there is none; its other form is the same number.
void write_checksum(Writable octets, std::size_t at, std::uint64_t sum) {
  const std::uint16_t checksum = fold(sum);
  write_u16(octets, at, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

/// Where the headers of a large segment are.
struct Layout {
  bool ipv6 = false;
  std::uint8_t protocol = 0;
  std::size_t network = 0, transport = 0, payload = 0;
};

/// Behind the addresses and any number of tags; the EtherType is in `type`.
std::optional<std::size_t> find_network(Octets octets, std::uint16_t& type) {
  std::size_t at = 12;
  for (; octets.size() >= at + 2; at += 4) {
    type = read_u16(octets, at);
    if (EtherType{type} != kVlanType && EtherType{type} != kServiceVlanType) return at + 2;
  }
  return std::nullopt;
}

/// The transport header of an IPv4 packet at `network`, or of an IPv6 one behind hop-by-hop,
/// routing and destination options.  A fragment has none.
std::optional<std::size_t> find_transport(Octets octets, Layout& layout) {
  const Octets packet = octets.subspan(layout.network);
  if (!layout.ipv6) {
    if (packet.size() < 20 || packet[0] >> 4 != 4 || (read_u16(packet, 6) & 0x3fff) != 0) return {};
    const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
    layout.protocol = packet[9];
    return header < 20 ? std::nullopt : std::optional(layout.network + header);
  }
  if (packet.size() < 40 || packet[0] >> 4 != 6) return {};
  layout.protocol = packet[6];
  std::size_t at = 40;
  while (layout.protocol == 0 || layout.protocol == 43 || layout.protocol == 60) {
    if (packet.size() < at + 8) return {};
    layout.protocol = packet[at];
    at += (static_cast<std::size_t>(packet[at + 1]) + 1) * 8;
  }
  return layout.network + at;
}

std::optional<std::size_t> find_payload(Octets octets, const Layout& layout) {
  if (layout.protocol == kUdp) return layout.transport + 8;
  if (octets.size() < layout.transport + 20) return std::nullopt;
  const std::size_t header = static_cast<std::size_t>(octets[layout.transport + 12] >> 4) * 4;
  return header < 20 ? std::nullopt : std::optional(layout.transport + header);
}

bool fits(std::uint8_t kind, const Layout& layout) {
  if (kind == kGsoTcp4) return !layout.ipv6 && layout.protocol == kTcp;
  if (kind == kGsoTcp6) return layout.ipv6 && layout.protocol == kTcp;
  return kind == kGsoUdp && layout.protocol == kUdp;
}

std::optional<Layout> find_headers(const FrameView& frame) {
  Layout layout;
  std::uint16_t type = 0;
  const auto network = find_network(frame.octets, type);
  if (!network || (EtherType{type} != kIpv4Type && EtherType{type} != kIpv6Type)) return {};
  layout.network = *network;
  layout.ipv6 = EtherType{type} == kIpv6Type;
  const auto transport = find_transport(frame.octets, layout);
  if (!transport) return std::nullopt;
  layout.transport = *transport;
  const auto payload = find_payload(frame.octets, layout);
  if (!payload || frame.octets.size() < *payload) return std::nullopt;
  layout.payload = *payload;
  return layout;
}

/// Gives the copied headers of one segment the values of its own.
class Segmenter {
 public:
  Segmenter(const FrameView& frame, const Layout& layout)
      : frame_(frame),
        layout_(layout),
        first_id_(layout.ipv6 ? std::uint16_t{0} : read_u16(frame.octets, layout.network + 4)) {}

  void run(FrameSink sink) {
    const std::size_t size = frame_.offload.gso_size;
    const Octets payload = frame_.octets.subspan(layout_.payload);
    for (std::size_t at = 0, index = 0; at < payload.size() || index == 0; at += size, ++index) {
      const Octets part = payload.subspan(at, std::min(size, payload.size() - at));
      segment_.assign(frame_.octets.begin(),
                      frame_.octets.begin() + static_cast<long>(layout_.payload));
      segment_.insert(segment_.end(), part.begin(), part.end());
      write_network(index);
      write_transport(at, at + size >= payload.size());
      sink(FrameView{segment_, {}});
    }
  }

 private:
  void write_network(std::size_t index) {
    const Writable packet = Writable(segment_).subspan(layout_.network);
    if (layout_.ipv6) {
      write_u16(packet, 4, static_cast<std::uint16_t>(packet.size() - 40));
      return;
    }
    write_u16(packet, 2, static_cast<std::uint16_t>(packet.size()));
    write_u16(packet, 4, static_cast<std::uint16_t>(first_id_ + index));
    write_u16(packet, 10, 0);
    write_u16(packet, 10, fold(add_to_sum(packet.first(layout_.transport - layout_.network))));
  }

  void write_transport(std::size_t offset, bool last) {
    const Writable transport = Writable(segment_).subspan(layout_.transport);
    std::size_t checksum_at = 6;
    if (layout_.protocol == kTcp) {
      checksum_at = 16;
      const auto sequence = read_u32(frame_.octets, layout_.transport + 4);
      write_u32(transport, 4, sequence + static_cast<std::uint32_t>(offset));
      if (!last) transport[13] &= static_cast<std::uint8_t>(~(kFin | kPush));
      if (offset != 0) transport[13] &= static_cast<std::uint8_t>(~kCongestionReduced);
    } else {
      write_u16(transport, 4, static_cast<std::uint16_t>(transport.size()));
    }
    write_u16(transport, checksum_at, 0);
    write_checksum(transport, checksum_at, add_to_sum(transport, pseudo_header(transport.size())));
  }

  /// RFC 9293, 3.1 and RFC 8200, 8.1: addresses, protocol and length belong to the sum.
  std::uint64_t pseudo_header(std::size_t length) const {
    const Octets packet = Octets(segment_).subspan(layout_.network);
    const Octets addresses = layout_.ipv6 ? packet.subspan(8, 32) : packet.subspan(12, 8);
    std::array<std::uint8_t, 8> rest{};
    write_u32(rest, 0, static_cast<std::uint32_t>(length));
    rest[7] = layout_.protocol;
    return add_to_sum(rest, add_to_sum(addresses));
  }

  const FrameView& frame_;
  const Layout layout_;
  const std::uint16_t first_id_;
  std::vector<std::uint8_t> segment_;
};

bool finish_checksum(const FrameView& frame, FrameSink sink) {
  const std::size_t start = frame.offload.checksum_start;
  const std::size_t at = start + frame.offload.checksum_offset;
  if (at + 2 > frame.octets.size()) return false;
  // The field holds the sum of the pseudo header already.
  std::vector<std::uint8_t> octets(frame.octets.begin(), frame.octets.end());
  write_checksum(octets, at, add_to_sum(Octets(octets).subspan(start)));
  sink(FrameView{octets, {}});
  return true;
}

}  // namespace

bool complete(const FrameView& frame, FrameSink sink) {
  const auto kind = static_cast<std::uint8_t>(frame.offload.gso_type & ~kGsoEcn);
  if (kind == kGsoNone) {
    if ((frame.offload.flags & kNeedsChecksum) != 0) return finish_checksum(frame, sink);
    sink(FrameView{frame.octets, {}});
    return true;
  }
  const auto layout = find_headers(frame);
  if (!layout || !fits(kind, *layout) || frame.offload.gso_size == 0) return false;
  Segmenter(frame, *layout).run(sink);
  return true;
}

std::uint64_t add_to_sum(std::span<const std::uint8_t> octets, std::uint64_t sum) {
  // Words of the machine's order: the sum of swapped words is the swapped sum (RFC 1071, 2).
  for (; octets.size() >= 4; octets = octets.subspan(4)) {
    std::uint32_t word = 0;
    std::memcpy(&word, octets.data(), sizeof(word));
    sum += word;
  }
  std::uint32_t rest = 0;
  if (!octets.empty()) std::memcpy(&rest, octets.data(), octets.size());
  return sum + rest;
}

std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  auto checksum = static_cast<std::uint16_t>(~sum);
  if constexpr (std::endian::native == std::endian::little) {
    checksum = static_cast<std::uint16_t>(checksum << 8 | checksum >> 8);
  }
  return checksum;
}

}  // namespace bondway::netdev
