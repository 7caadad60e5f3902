#pragma once

#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"
#include "vswitchd/netdev/vnet_header.hpp"

namespace bondway::netdev {

/// A non-blocking packet(7) socket that hears nothing until it is on a device.  Each frame has a
/// VnetHeader in front, both ways, and tells of its stripped tag in ancillary data.  The error is
/// the kernel's reason alone.
Result<UniqueFd> open_packet_socket();

/// From now on it hears everything arriving on one device which passes `filter` (empty:
/// everything), but not what leaves.  The error is the kernel's reason alone.
Result<void> listen_on(const UniqueFd& fd, unsigned ifindex,
                       std::span<const sock_filter> filter = {});

/// One that hears nothing and only sends out of the device, each frame behind a VnetHeader.
Result<UniqueFd> open_sending_socket(unsigned ifindex);

/// A received frame in its final form: a tag that the kernel took out is put back, for which there
/// is room of four octets in front.  Empty if it is too short for one.
std::optional<FrameView> complete_received(std::span<std::uint8_t> octets, const VnetHeader& header,
                                           const std::optional<VlanTag>& tag);

/// Reads a packet socket many frames at a time.  One per receiving thread.
class PacketReader {
 public:
  explicit PacketReader(FrameBuffers& buffers);
  PacketReader(const PacketReader&) = delete;
  PacketReader& operator=(const PacketReader&) = delete;

  struct Outcome {
    std::size_t received = 0;  ///< frames, good or bad
    std::size_t dropped = 0;   ///< of them, too large or malformed
    std::size_t octets = 0;    ///< of the good ones
    int error = 0;             ///< why there were none; EAGAIN: none waits
  };

  /// Takes what waits, at most `limit` frames, and gives the good ones to `sink`.  Uses the
  /// buffers' slots from `first` on: those before it stay as they are.
  Outcome read(int fd, std::size_t limit, FrameSink sink, std::size_t first = 0);

 private:
  static constexpr std::size_t kSlots = FrameBuffers::kSlots;
  static constexpr std::size_t kControlSize = 64;

  void prepare(std::size_t slot);
  bool deliver(std::size_t slot, const mmsghdr& message, Outcome& outcome, FrameSink sink);

  FrameBuffers& buffers_;
  std::array<VnetHeader, kSlots> headers_{};
  std::array<std::array<iovec, 2>, kSlots> pieces_{};
  alignas(cmsghdr) std::array<std::array<char, kControlSize>, kSlots> control_{};
  std::array<mmsghdr, kSlots> messages_{};
};

/// Sends many frames at a time out of a packet socket.
class PacketSendQueue final : public SendQueue {
 public:
  /// The socket and the counters outlive the queue.
  PacketSendQueue(int fd, Counters& counters) : fd_(fd), counters_(counters) {}

  void send(const FrameView& frame, const TagEdit& edit) override;
  void flush() override;

 private:
  static constexpr std::size_t kSlots = 32;
  struct Slots;

  void count_sent(std::size_t first, std::size_t count);
  std::size_t count_refused(std::size_t slot, int error);

  const int fd_;
  Counters& counters_;
  std::unique_ptr<Slots, void (*)(Slots*)> slots_{nullptr, nullptr};  ///< made when first needed
  std::size_t queued_ = 0;
};

}  // namespace bondway::netdev
