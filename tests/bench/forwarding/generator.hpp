#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "tests/bench/forwarding/place.hpp"

namespace bondway::bench {

/// Where numbers are in a frame: behind Ethernet, IPv4 and UDP, in the machine's byte order.
inline constexpr std::size_t kSequenceAt = 42;
inline constexpr std::size_t kSmallestFrame = 60;  ///< octets; the check sequence makes it 64
/// Every frame goes to this address, which the sink announces.
inline constexpr std::uint64_t kSinkAddress = 0x02bbbbbbbb01, kSourceAddress = 0x02aaaaaa0000;

/// What is sent: UDP over IPv4, from `flows` addresses and ports, frame by frame in turn.
struct Load {
  std::size_t size = kSmallestFrame;
  std::size_t flows = 1;
  std::uint64_t rate = 0;  ///< frames a second; 0: as many as the kernel takes
};

/// Sends numbered frames out of a device.
class Generator {
 public:
  Generator(const Place& from, const Load& load);

  /// Sends until `stop`; returns how many the kernel has taken.
  std::uint64_t run(const std::atomic<bool>& stop);

  /// When each frame was sent, by its number, on the clock of the kernel's time stamps; of a paced
  /// load alone.
  const std::vector<std::uint64_t>& sent_at() const { return sent_at_; }

 private:
  void number(std::size_t frame);
  std::uint64_t send(std::size_t count);

  static constexpr std::size_t kBatch = 64;
  Load load_;
  netdev::UniqueFd socket_;
  std::vector<std::vector<std::uint8_t>> frames_;  ///< a multiple of the flows and of a batch
  std::size_t next_ = 0;
  std::uint64_t sequence_ = 0;
  std::vector<std::uint64_t> sent_at_;
};

/// Nanoseconds of CLOCK_REALTIME.
std::uint64_t real_time();

/// What the calling thread waits for a processor must not look like the switch's silence: it runs
/// before all that have less `priority`, wakes on time, and sleeps most of the time.
void run_before_others(int priority);

/// An Ethernet frame of the load: flow number `flow`.
std::vector<std::uint8_t> frame_of(const Load& load, std::size_t flow);

/// A packet socket on the device that sends past its queueing discipline and hears nothing.
netdev::UniqueFd sending_socket(const Place& from);

}  // namespace bondway::bench
