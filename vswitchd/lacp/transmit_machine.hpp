#pragma once

#include <optional>

#include "vswitchd/lacp/rate_limit.hpp"
#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// The transmit machine of one port: when a LACPDU may leave.  What it then says is the caller's,
/// of that moment.  IEEE 802.1AX-2014, 6.4.16.
class TransmitMachine {
 public:
  void need_to_transmit() { ntt_ = true; }  ///< NTT := TRUE

  /// The port is disabled, or in NO_PERIODIC: nothing is sent, nor remembered.
  void forget() { ntt_ = false; }

  /// Whether to send a LACPDU now.  At most three in any Fast_Periodic_Time; a fourth waits.
  bool take(TimePoint now) {
    if (!ntt_ || !limit_.take(now)) return false;
    ntt_ = false;
    return true;
  }

  bool pending() const { return ntt_; }

  /// When take() will say yes to what is waiting.
  std::optional<TimePoint> deadline() const { return ntt_ ? limit_.free_at() : std::nullopt; }

 private:
  bool ntt_ = false;
  RateLimit<3> limit_{kFastPeriodicTime};
};

}  // namespace bondway::lacp
