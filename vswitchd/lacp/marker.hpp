#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/lacp/rate_limit.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// No more slow protocol frames of one subtype a second than this.  IEEE 802.3, 57A.2.
inline constexpr std::size_t kSlowProtocolsLimit = 10;

/// The Marker protocol on one port: answers the partner's markers (the Marker Responder), and asks
/// the partner to echo ours (the Marker Generator).  IEEE 802.1AX-2014, 6.5.
class Marker {
 public:
  /// The response to a marker that arrived; empty beyond the limit.
  std::optional<MarkerPdu> respond(const MarkerPdu& information, TimePoint now) {
    if (information.kind != MarkerPdu::Kind::information || !limit_.take(now)) return {};
    MarkerPdu response = information;
    response.kind = MarkerPdu::Kind::response;
    return response;
  }

  /// A marker to send; empty beyond the limit.  The one before it is given up.
  std::optional<MarkerPdu> generate(std::uint16_t port, const MacAddress& system, TimePoint now) {
    if (!limit_.take(now)) return {};
    sent_at_ = now;
    return MarkerPdu{
        .requester_port = port, .requester_system = system, .transaction = ++transaction_};
  }

  /// How long ago the marker was sent that this response echoes; empty if it is not the last one's.
  std::optional<Duration> match(const MarkerPdu& response, std::uint16_t port,
                                const MacAddress& system, TimePoint now) {
    if (!sent_at_ || response.kind != MarkerPdu::Kind::response) return {};
    if (response.requester_port != port || response.requester_system != system) return {};
    if (response.transaction != transaction_) return {};
    const Duration round_trip = now - *sent_at_;
    sent_at_.reset();
    return round_trip;
  }

 private:
  RateLimit<kSlowProtocolsLimit> limit_{1s};
  std::uint32_t transaction_ = 0;
  std::optional<TimePoint> sent_at_;
};

}  // namespace bondway::lacp
