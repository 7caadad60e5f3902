#pragma once

#include <cstdint>

#include "vswitchd/net/frame.hpp"

namespace bondway::netdev {

/// The kernel's form of an offload, in front of each frame that passes a packet socket or a tap:
/// virtio_net_hdr of linux/virtio_net.h, which is no C++.  In the machine's byte order.
struct VnetHeader {
  std::uint8_t flags = 0, gso_type = 0;
  std::uint16_t header_length = 0, gso_size = 0, checksum_start = 0, checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

inline constexpr std::uint8_t kNeedsChecksum = 1;  ///< VIRTIO_NET_HDR_F_NEEDS_CSUM
/// VIRTIO_NET_HDR_GSO_...; kGsoEcn joins one of the TCP kinds.
inline constexpr std::uint8_t kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4, kGsoUdp = 5, kGsoEcn = 0x80;

inline VnetHeader to_kernel(const Offload& offload) {
  return {offload.flags,    offload.gso_type,       offload.header_length,
          offload.gso_size, offload.checksum_start, offload.checksum_offset};
}

/// That a checksum was found valid on the way in says nothing about the way out: it is left out.
inline Offload from_kernel(const VnetHeader& header) {
  const auto flags = static_cast<std::uint8_t>(header.flags & kNeedsChecksum);
  if (flags == 0 && header.gso_type == kGsoNone) return {};
  return {flags,           header.gso_type,       header.header_length,
          header.gso_size, header.checksum_start, header.checksum_offset};
}

}  // namespace bondway::netdev
