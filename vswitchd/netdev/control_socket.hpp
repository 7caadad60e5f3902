#pragma once

#include <string>

#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// A second packet socket on a system device, for slow-protocol frames (EtherType 0x8809, tagged or
/// not) and BPDUs (to 01:80:c2:00:00:00) alone: it has a receive queue of its own, so that no flood
/// of data delays or displaces one of them.  The data socket sees those frames as well.  Belongs to
/// the control thread.
class ControlSocket {
 public:
  /// The error is the kernel's reason alone.
  static Result<ControlSocket> open(const std::string& name);

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
