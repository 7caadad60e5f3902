#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/bench/forwarding/pauses.hpp"
#include "tests/bench/forwarding/place.hpp"

namespace bondway::bench {

/// One numbered frame, as the kernel received it.
struct Arrival {
  std::uint64_t nanoseconds = 0;
  std::uint64_t sequence = 0;
  std::size_t device = 0;  ///< of the sink's
};

/// A time without an arrival while a frame was due.  (A generator that pauses is no silence.)
struct Silence {
  Window window;
  std::uint64_t whole = 0;  ///< nanoseconds
  std::uint64_t own = 0;    ///< the same without what the machine itself paused
};

/// What became of frames, by when each was sent, as found in `arrivals`.
struct Outcome {
  std::uint64_t received = 0, lost = 0, duplicated = 0, reordered = 0;
  std::uint64_t silence = 0, own_silence = 0;  ///< the longest, in nanoseconds
  std::vector<Silence> silences;               ///< those of a millisecond and more
};

/// Counts all arrivals, but only silences that end in the window.
Outcome assess(std::vector<Arrival> arrivals, const std::vector<std::uint64_t>& sent_at,
               const Pauses& pauses, const Window& window = {});

/// Counts the load's frames that arrive on some devices, through mapped rings in blocks, which
/// costs the thread that forwards next to nothing.
class Sink {
 public:
  enum class Keep : bool { counts, arrivals };
  Sink(const std::vector<Place>& devices, Keep keep);
  ~Sink();

  /// Takes what arrives until `stop`.
  void run(const std::atomic<bool>& stop);

  std::uint64_t received() const { return received_; }
  std::uint64_t overrun() const;  ///< frames that found the rings full
  const std::vector<Arrival>& arrivals() const { return arrivals_; }
  /// Where the latest frame arrived.
  std::size_t latest_device() const { return latest_; }

 private:
  struct Ring;
  void take(std::size_t device, Ring& ring);

  Keep keep_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::size_t> latest_ = 0;
  std::vector<Arrival> arrivals_;
};

}  // namespace bondway::bench
