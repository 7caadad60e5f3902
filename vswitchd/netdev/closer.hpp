#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Closes descriptors on threads of its own.  Of a packet socket or a table of nftables that takes
/// the kernel some 10 ms, until no processor is in the middle of a frame for it; several at a time
/// take hardly longer.
class Closer {
 public:
  Closer() = default;
  ~Closer();  ///< everything is closed by then
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

  /// Soon.  What `held` refers to is kept until it is done.
  void close(UniqueFd fd, std::shared_ptr<void> held = {});

 private:
  struct Waiting {
    std::shared_ptr<void> held;
    UniqueFd fd;  ///< goes first
  };

  void run();

  static constexpr std::size_t kThreads = 4;

  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  std::size_t idle_ = 0;  ///< threads that wait for work
  bool stopping_ = false;
  std::vector<std::thread> threads_;  ///< started when there is work for them
};

}  // namespace bondway::netdev
