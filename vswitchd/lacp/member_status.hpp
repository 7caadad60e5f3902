#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/lacp/config.hpp"
#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// How well the partner of a member is known, in the words of lacp/show.
enum class MemberStatus : std::uint8_t { current, expired, defaulted };

/// The status that users see, followed from the receive machine, which has more states: a member
/// without a link still counts as expired for three seconds and then as defaulted, and a passive
/// member that never heard anybody was never anything but defaulted.
class StatusMachine {
 public:
  /// The receive machine may have changed.
  void update(const RxMachine& rx, Activity activity, TimePoint now);

  /// The receive machine was restarted: whatever it knew, the member is expired until it defaults.
  void restart(const RxMachine& rx) {
    if (rx.state() == RxState::expired) enter(MemberStatus::expired);
  }

  /// Time has passed.
  void expire(TimePoint now);

  /// Only runs while the port is disabled; else the receive machine has its own.
  std::optional<TimePoint> deadline() const { return timer_; }

  MemberStatus status() const { return status_; }

  /// Times that an expired member became defaulted: "Link Defaulted".
  std::uint32_t times_defaulted() const { return times_defaulted_; }

 private:
  void enter(MemberStatus status);
  void lose_link(Activity activity, TimePoint now);

  MemberStatus status_ = MemberStatus::defaulted;
  RxState rx_ = RxState::initialize;
  std::optional<TimePoint> timer_;
  std::uint32_t times_defaulted_ = 0;
};

}  // namespace bondway::lacp
