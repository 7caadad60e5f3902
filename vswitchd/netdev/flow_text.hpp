#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::netdev {

/// A frame as a person writes it: its octets in hex, or a datapath flow such as
/// `in_port(1),eth(src=50:54:00:00:00:01,dst=...),eth_type(0x0800),ipv4(src=10.0.0.1,...),udp(...)`,
/// from which a frame with correct lengths and checksums is made.  Fields that are left out are
/// zero.
///
/// A flow with a UDP, TCP (without SYN, FIN and RST), ICMP or ICMPv6 echo header gets 64 octets of
/// payload (00 01 02 ...), unless `length` gives the octets of the whole frame: then the rest is
/// zero. A frame in hex knows its length; `length` means nothing to it.
///
/// The errors are those of `netdev-dummy/receive`: `syntax error at zz`, `too small packet len`.
Result<Frame> parse_packet_or_flow(std::string_view text, std::optional<std::size_t> length);

}  // namespace bondway::netdev
