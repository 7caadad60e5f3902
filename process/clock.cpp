#include "process/clock.hpp"

#include <algorithm>

namespace bondway::process {
namespace {

std::int64_t system_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

TimePoint Clock::now() const {
  const std::int64_t base = stopped() ? base_ns_.load(std::memory_order_relaxed) : system_ns();
  return TimePoint(Duration(base + warped_ns_.load(std::memory_order_relaxed)));
}

void Clock::stop() {
  if (stopped()) return;
  base_ns_.store(system_ns(), std::memory_order_relaxed);
  stopped_.store(true, std::memory_order_release);
}

void Clock::warp(Duration span) { warped_ns_.fetch_add(span.count(), std::memory_order_relaxed); }

std::optional<Duration> Clock::real_time_until(TimePoint deadline) const {
  const Duration left = deadline - now();
  if (left <= Duration::zero()) return Duration::zero();
  if (stopped()) return std::nullopt;
  return left;
}

}  // namespace bondway::process
