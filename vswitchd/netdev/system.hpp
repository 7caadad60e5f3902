#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "vswitchd/netdev/closer.hpp"
#include "vswitchd/netdev/netdev.hpp"

namespace bondway::netdev {

/// How many devices may have a receive ring at a time: each is memory that the kernel cannot page
/// out (PacketRing::kSize).  Those that come later receive without one, more slowly.
class RingBudget {
 public:
  explicit RingBudget(std::size_t rings)
      : left_(std::make_shared<std::atomic<std::size_t>>(rings)) {}

  /// Permission for one ring, until the last copy is gone; null when there is none left.  For one
  /// thread at a time; returning is anybody's.
  std::shared_ptr<void> take() const {
    if (left_->load() == 0) return nullptr;
    --*left_;
    return {left_.get(), [left = left_](void*) { ++*left; }};
  }

 private:
  std::shared_ptr<std::atomic<std::size_t>> left_;
};

/// Takes over an existing network device with a packet(7) socket: every frame that arrives on it is
/// ours, also those for others (promiscuous), and the host's own network stack gets none of them
/// until the device is closed; `closer`, if there is one, does that in its own time.  Checksums
/// left to hardware and large segments pass unchanged.
///
/// The error is the kernel's reason alone, such as `No such device`.  The loopback device is
/// refused.
Result<std::unique_ptr<Netdev>> open_system(const std::string& name,
                                            const RingBudget& rings = RingBudget(1),
                                            Closer* closer = nullptr);

}  // namespace bondway::netdev
