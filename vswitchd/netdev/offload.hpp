#pragma once

#include <span>
#include <vector>

#include "vswitchd/netdev/netdev.hpp"

namespace bondway::netdev {

/// Does in software what the sender of a frame left to the device: finishes its checksum, and cuts
/// a large TCP or UDP segment (over IPv4 or IPv6, behind tags or not) into frames of the size it
/// asks for, each complete.  Calls `sink` for each; a frame with nothing left to do is passed as it
/// is.
///
/// False, and nothing is passed, if the offload does not fit the frame: positions beyond its end,
/// headers that are not there, a kind of segment that is not known.
bool complete(const FrameView& frame, FrameSink sink);

/// The Internet checksum (RFC 1071) over `octets`, continuing from the sum of earlier ones, which
/// were of even length.  fold() makes it the checksum itself.
std::uint64_t add_to_sum(std::span<const std::uint8_t> octets, std::uint64_t sum = 0);
std::uint16_t fold(std::uint64_t sum);

}  // namespace bondway::netdev
