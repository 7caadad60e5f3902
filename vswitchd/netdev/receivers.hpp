#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/closer.hpp"
#include "vswitchd/netdev/packet_ring.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// A packet socket that is on no device yet, with a receive ring if there is one to be had.
struct Receiver {
  UniqueFd fd;
  std::shared_ptr<void> permission;  ///< for the ring, which goes first
  std::optional<PacketRing> ring;
  std::string warning;  ///< why there is no ring, though there should be
};

/// Makes receivers.  No more rings than agreed exist at a time, since each is memory that the
/// kernel cannot page out (PacketRing::kSize): devices that come later receive without one, more
/// slowly.  For one thread at a time, but receivers may go on any.
class Receivers {
 public:
  explicit Receivers(std::size_t rings)
      : rings_left_(std::make_shared<std::atomic<std::size_t>>(rings)) {}

  ~Receivers();

  /// Begins to make so many at once, to be kept for take(): the kernel waits some 10 ms for each,
  /// and hardly longer for several side by side.  But it fills their memory with zeros in one go,
  /// during which a processor runs nothing else, for 1 to 20 ms each: that spares those in `busy`,
  /// if there are others.
  void prepare(std::size_t count, std::span<const int> busy = {});
  /// Lets go what was prepared for devices that could not be opened.  Waits for what is being made.
  void drop_prepared(Closer& closer);

  /// Waits for one that is being made, else makes one.  The error is the kernel's reason alone.
  Result<Receiver> take();

 private:
  std::shared_ptr<void> take_permission();
  void make_ordered();
  void join_makers();

  std::shared_ptr<std::atomic<std::size_t>> rings_left_;

  std::mutex lock_;  ///< of everything down to the blank line
  std::condition_variable changed_;
  std::vector<std::shared_ptr<void>> ordered_;  ///< rings that nobody has begun to make
  std::size_t unfinished_ = 0;                  ///< ordered or being made
  std::vector<Receiver> prepared_;

  std::vector<std::thread> makers_;
};

}  // namespace bondway::netdev
