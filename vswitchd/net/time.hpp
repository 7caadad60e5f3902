#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace bondway {

/// A span of time; all of the product counts in milliseconds or finer.
using Duration = std::chrono::nanoseconds;

/// An instant on the daemon's monotonic clock, which may be stopped and warped: never compare it
/// with the system's clocks.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

using namespace std::chrono_literals;

/// The earlier of two deadlines; none means "never".
inline std::optional<TimePoint> earlier(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

/// Whole milliseconds, rounded towards zero, as the output formats show them.
inline long long to_ms(Duration span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

}  // namespace bondway
