#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace bondway::bench {

/// From an instant of CLOCK_REALTIME to another, in nanoseconds.
struct Window {
  std::uint64_t begin = 0, end = ~std::uint64_t{0};
};

/// Notes when a processor does not even run a real-time thread that is due: its host gave it to
/// somebody else, which no switch can help.  Watches all processors while it lives.
class Pauses {
 public:
  Pauses();
  ~Pauses() { stop(); }
  Pauses(const Pauses&) = delete;
  Pauses& operator=(const Pauses&) = delete;

  /// Ends watching.
  void stop();

  /// How much of the window some processor paused.  After stop().
  std::uint64_t within(const Window& window) const;

 private:
  struct Watch {
    std::vector<Window> pauses;
    std::thread thread;
  };

  std::atomic<bool> stop_ = false;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::vector<Window> pauses_;  ///< of all, sorted, without overlap
};

}  // namespace bondway::bench
