#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

inline constexpr Duration kChurnDetectionTime = 60s;  ///< IEEE 802.1AX-2014, 6.4.4

enum class ChurnState : std::uint8_t { monitor, no_churn, churn };

/// What is watched; nothing is while the port is disabled.
enum class ChurnInput : std::uint8_t { port_disabled, out_of_sync, in_sync };

/// Notices a port that should come into sync and does not: one such machine watches the actor's
/// synchronization, another the partner's.  IEEE 802.1AX-2014, 6.4.17.
class ChurnMachine {
 public:
  /// To be called whenever the input may have changed.
  void update(ChurnInput input, TimePoint now) {
    const bool watched = timer_ || state_ == ChurnState::churn;
    if (input == ChurnInput::out_of_sync && watched) return;
    state_ = input == ChurnInput::in_sync ? ChurnState::no_churn : ChurnState::monitor;
    timer_.reset();
    if (input == ChurnInput::out_of_sync) timer_ = now + kChurnDetectionTime;
  }

  /// Time has passed.  True if this detected churn.
  bool expire(TimePoint now) {
    if (!timer_ || now < *timer_) return false;
    state_ = ChurnState::churn;
    timer_.reset();
    return true;
  }

  std::optional<TimePoint> deadline() const { return timer_; }
  ChurnState state() const { return state_; }

 private:
  ChurnState state_ = ChurnState::monitor;
  std::optional<TimePoint> timer_;
};

}  // namespace bondway::lacp
