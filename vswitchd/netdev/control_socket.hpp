#pragma once

#include <cstdint>

#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// A further packet socket on a system device, for frames of one kind alone: it has a receive queue
/// of its own, so that no flood of others delays or displaces them.  The data socket sees those
/// frames as well.  Belongs to the control thread.
class ControlSocket {
 public:
  enum class Kind : std::uint8_t {
    slow_protocols,  ///< EtherType 0x8809, tagged or not
    bpdus,           ///< all others to 01:80:c2:00:00:00
  };

  /// The error is the kernel's reason alone.
  static Result<ControlSocket> open(unsigned ifindex, Kind kind);

  int fd() const { return fd_.get(); }  ///< readable while frames wait
  UniqueFd take_fd() && { return std::move(fd_); }

  /// One batch of waiting frames, tags in place; the views are valid until `buffers` are used
  /// again. Never waits.  Returns how many there were.
  std::size_t receive(FrameBuffers& buffers, FrameSink sink);

  /// Sends at once.  The error is the kernel's reason alone.
  Result<void> send(const FrameView& frame);

 private:
  explicit ControlSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bondway::netdev
