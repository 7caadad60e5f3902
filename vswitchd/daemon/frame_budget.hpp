#pragma once

#include <cstddef>

#include "vswitchd/net/time.hpp"

namespace bondway::daemon {

/// How many slow-protocol frames of one member are looked at: a partner that keeps to the standard
/// sends at most ten a second of each subtype, so that a flood on one member may wait, and overflow
/// its own socket, while the others and the commands are served.
class FrameBudget {
 public:
  static constexpr std::size_t kFrames = 100;   ///< in each interval; what is read beyond counts
  static constexpr Duration kInterval = 100ms;  ///< from the first frame on

  /// So many more frames were read.  How long to leave the next ones alone.
  Duration spend(std::size_t frames, TimePoint now) {
    if (now - began_ >= kInterval) {
      began_ = now;
      spent_ = 0;
    }
    spent_ += frames;
    return spent_ < kFrames ? Duration(0) : began_ + kInterval - now;
  }

 private:
  TimePoint began_{};
  std::size_t spent_ = 0;
};

}  // namespace bondway::daemon
