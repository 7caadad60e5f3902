#pragma once

#include <string>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Appends frames to a capture file in the classic pcap format (pcap-savefile(5)): Ethernet,
/// microseconds.  A frame is in the file when write() returns.
class PcapWriter {
 public:
  /// A new or empty file gets its header; to one with content frames are added.  The error is the
  /// system's reason alone.
  static Result<PcapWriter> open(const std::string& path);

  /// Stamps the frame with the time of day.  A full disk loses it.
  void write(const FrameView& frame);

 private:
  explicit PcapWriter(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace bondway::netdev
