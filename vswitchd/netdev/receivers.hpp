#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
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

  /// Makes so many at once: the kernel takes some 10 ms for a ring, and hardly longer for several
  /// side by side.  They are kept for take().
  void prepare(std::size_t count);
  /// Lets go what was prepared for devices that could not be opened.
  void drop_prepared(Closer& closer);

  /// The error is the kernel's reason alone.
  Result<Receiver> take();

 private:
  std::shared_ptr<void> take_permission();

  std::shared_ptr<std::atomic<std::size_t>> rings_left_;
  std::vector<Receiver> prepared_;
};

}  // namespace bondway::netdev
