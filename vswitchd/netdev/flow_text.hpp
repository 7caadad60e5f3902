#pragma once

#include <optional>
#include <string_view>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::netdev {

/// A frame as a person writes it: its octets in hex, or a datapath flow such as
/// `in_port(1),eth(src=50:54:00:00:00:01,dst=...),eth_type(0x0800),ipv4(src=10.0.0.1,...),udp(...)`,
/// from which a frame with correct lengths and checksums is made.  A flow with a TCP, UDP or ICMP
/// header gets 64 octets of payload, unless `length` gives the octets of the whole frame.
///
/// The errors are those of `netdev-dummy/receive`: `syntax error at zz`, `too small packet len`.
Result<Frame> parse_packet_or_flow(std::string_view text, std::optional<std::size_t> length);

}  // namespace bondway::netdev
