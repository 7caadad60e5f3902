#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Carries frames over local sockets, each behind its length in sixteen bits, network order. Either
/// side of the wire: `punix:PATH` waits there for any number of peers, `unix:PATH` connects to one
/// and, should that fail or end, tries again every second.  A peer that does not read loses frames
/// when a hundred wait for it; one that sends a length below 14 is cut off.
///
/// Never waits.  For one thread at a time.
class FrameStream {
 public:
  /// The error names what is wrong with the address.
  static Result<std::unique_ptr<FrameStream>> open(const std::string& address);
  ~FrameStream();
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  bool is_connected() const;

  /// To every peer.  False if one of them could not take it.
  bool send(const FrameView& frame);

  /// Readable when run() has something to do.
  int fd() const { return watch_.get(); }

  /// Accepts, connects, finishes sending, and gives every frame that has arrived to `sink`.
  void run(FrameSink sink);

 private:
  struct Peer;
  enum class Side : bool { listening, connecting };

  FrameStream(Side side, std::string path);

  Result<void> listen();
  void accept();
  void connect();
  void add_peer(UniqueFd fd);
  void retry_later();
  bool serve(Peer& peer, FrameSink sink);
  void watch(int fd, unsigned events, int how) const;

  const Side side_;
  const std::string path_;
  UniqueFd watch_;     ///< epoll over all below
  UniqueFd listener_;  ///< of the listening side
  UniqueFd retry_;     ///< a timer of the connecting side
  std::list<Peer> peers_;
};

}  // namespace bondway::netdev
