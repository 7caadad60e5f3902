#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// At most N events in any interval of a given length.
template <std::size_t N>
class RateLimit {
 public:
  explicit constexpr RateLimit(Duration interval) : interval_(interval) {}

  /// Whether one more is allowed now; counts it if so.
  bool take(TimePoint now) {
    if (!allows(now)) return false;
    last_[oldest_] = now;
    oldest_ = static_cast<std::uint8_t>((oldest_ + 1) % N);
    if (count_ < N) ++count_;
    return true;
  }

  bool allows(TimePoint now) const { return count_ < N || last_[oldest_] + interval_ <= now; }

  /// When the next one is allowed at the earliest; empty if it always was.
  std::optional<TimePoint> free_at() const {
    if (count_ < N) return {};
    return last_[oldest_] + interval_;
  }

 private:
  Duration interval_;
  std::array<TimePoint, N> last_{};
  std::uint8_t oldest_ = 0, count_ = 0;
};

}  // namespace bondway::lacp
