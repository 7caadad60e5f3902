#include "process/coverage.hpp"

#include <numeric>
#include <utility>

namespace bondway::process {

void Coverage::add(std::string event, Total total) {
  Event& added = events_.emplace_back();
  added.name = std::move(event);
  added.total = std::move(total);
}

void Coverage::sample() {
  const std::size_t in_minute = samples_ % kSamplesPerMinute;
  const std::size_t minute = samples_ / kSamplesPerMinute % kMinutesPerHour;
  for (Event& event : events_) {
    const std::uint64_t now = event.total();
    event.last[in_minute] = now - std::exchange(event.sampled, now);
    if (in_minute == 0) event.minutes[minute] = 0;
    event.minutes[minute] += event.last[in_minute];
  }
  ++samples_;
}

std::vector<CoverageCounter> Coverage::counters() const {
  const auto sum = [](const auto& counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  };
  const std::size_t latest = (samples_ + kSamplesPerMinute - 1) % kSamplesPerMinute;
  std::vector<CoverageCounter> counters;
  for (const Event& event : events_) {
    counters.push_back({.name = event.name,
                        .total = event.total(),
                        .per_second_5s = static_cast<double>(event.last[latest]) / 5,
                        .per_second_minute = sum(event.last) / 60,
                        .per_second_hour = sum(event.minutes) / 3600});
  }
  return counters;
}

}  // namespace bondway::process
