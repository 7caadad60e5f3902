#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "vswitchd/net/time.hpp"

namespace bondway::process {

/// The daemon's monotonic clock.  It runs with the system's until a test stops it; from then on it
/// moves only when it is warped.  Time stamps of log lines go on by the real clock.
///
/// Any thread may ask; one thread stops and warps.
class Clock {
 public:
  TimePoint now() const;

  /// Freezes the clock for good; without effect when it is frozen already.
  void stop();
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  /// Jumps ahead, running or stopped.  What became due is the caller's to perform.
  void warp(Duration span);

  /// How long to sleep in real time until `deadline`: zero if it is due, empty if only a warp
  /// gets us there.
  std::optional<Duration> real_time_until(TimePoint deadline) const;

 private:
  std::atomic<bool> stopped_ = false;
  std::atomic<std::int64_t> base_ns_ = 0;    ///< while stopped: the instant of stopping
  std::atomic<std::int64_t> warped_ns_ = 0;  ///< sum of all warps
};

}  // namespace bondway::process
