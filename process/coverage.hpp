#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "process/standard_commands.hpp"

namespace bondway::process {

/// How often things happen in a daemon, for coverage/show: totals that their owners count anyway,
/// and their rates over the last five seconds, minute and hour.
class Coverage {
 public:
  using Total = std::function<std::uint64_t()>;  ///< never decreases

  static constexpr std::chrono::seconds kInterval{5};  ///< between two samples

  void add(std::string event, Total total);

  /// To be called every kInterval.
  void sample();

  std::vector<CoverageCounter> counters() const;

 private:
  static constexpr std::size_t kSamplesPerMinute = 12, kMinutesPerHour = 60;

  struct Event {
    std::string name;
    Total total;
    std::uint64_t sampled = 0;                            ///< total at the last sample
    std::array<std::uint64_t, kSamplesPerMinute> last{};  ///< increase from sample to sample
    std::array<std::uint64_t, kMinutesPerHour> minutes{};
  };

  std::vector<Event> events_;
  std::size_t samples_ = 0;
};

}  // namespace bondway::process
