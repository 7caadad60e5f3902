#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

enum class PeriodicState : std::uint8_t { none, fast, slow };

/// How often a partner wants to hear from us.
enum class PeriodicPace : std::uint8_t {
  none,  ///< port disabled, LACP off, or both ends passive
  fast,  ///< the partner's timeout is short
  slow,
};

enum class NeedToTransmit : std::uint8_t { no, yes };

/// The periodic transmission machine of one port: keeps a partner's information of us fresh.
/// IEEE 802.1AX-2014, 6.4.13.  PERIODIC_TX, which is left at once, is the answer `yes`.
class PeriodicMachine {
 public:
  /// To be called whenever the pace may have changed.
  NeedToTransmit update(PeriodicPace pace, TimePoint now);

  /// Time has passed.
  NeedToTransmit expire(TimePoint now);

  std::optional<TimePoint> deadline() const { return timer_; }
  PeriodicState state() const { return state_; }

 private:
  void enter(PeriodicState state, TimePoint now);

  PeriodicState state_ = PeriodicState::none;
  std::optional<TimePoint> timer_;
};

}  // namespace bondway::lacp
