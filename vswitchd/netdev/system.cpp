#include "vswitchd/netdev/system.hpp"

#include <linux/if_arp.h>

#include <cerrno>
#include <optional>

#include "vswitchd/netdev/host_stack.hpp"
#include "vswitchd/netdev/kernel_device.hpp"
#include "vswitchd/netdev/packet_socket.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

class System final : public KernelDevice {
 public:
  System(const Link& link, Receiver receiver, UniqueFd sending, Closer* closer)
      : KernelDevice(link, WhenMoved::lost),
        fd_(std::move(receiver.fd)),
        sending_(std::move(sending)),
        closer_(closer),
        permission_(std::move(receiver.permission)),
        ring_(std::move(receiver.ring)) {
    warning_ = std::move(receiver.warning);
    auto block = HostStackBlock::install(link.ifindex);
    if (block) {
      block_.emplace(std::move(*block));
    } else {
      if (!warning_.empty()) warning_ += "; ";
      warning_ += "the host's network stack receives its frames too: " + block.error().message;
    }
  }

  ~System() override {
    if (closer_ == nullptr) return;
    ring_.reset();
    closer_->close(std::move(fd_), std::move(permission_));
    closer_->close(std::move(sending_));
    if (block_) closer_->close(std::move(*block_).take_descriptor());
  }

  int poll_fd() const override { return fd_.get(); }

  std::size_t receive(FrameBuffers& buffers, FrameSink sink) override {
    const auto outcome = ring_ ? ring_->read(fd_.get(), FrameBuffers::kSlots, buffers, sink)
                               : buffers.packets().read(fd_.get(), FrameBuffers::kSlots, sink);
    counters_.rx_packets.fetch_add(outcome.received - outcome.dropped, std::memory_order_relaxed);
    counters_.rx_octets.fetch_add(outcome.octets, std::memory_order_relaxed);
    // EINVAL: a frame whose offload the kernel cannot express to us.
    const std::size_t lost = outcome.dropped + (outcome.error == EINVAL ? 1 : 0);
    counters_.rx_dropped.fetch_add(lost, std::memory_order_relaxed);
    return outcome.received;
  }

  void release() override {
    if (ring_) ring_->release();
  }

  std::unique_ptr<SendQueue> open_send_queue() override {
    return std::make_unique<PacketSendQueue>(sending_.get(), counters_);
  }

 private:
  UniqueFd fd_, sending_;  ///< apart: receiving and sending threads do not share a socket
  Closer* const closer_;
  std::shared_ptr<void> permission_;  ///< for the ring, which goes first
  std::optional<PacketRing> ring_;
  std::optional<HostStackBlock> block_;
};

}  // namespace

Result<std::unique_ptr<Netdev>> open_system(const std::string& name, Receivers& receivers,
                                            Closer* closer) {
  const auto link = query_link(name);
  if (!link) return tl::unexpected(link.error());
  if (link->loopback) return system_error_text(EINVAL);  // the host talks to itself there
  if (link->device_type != ARPHRD_ETHER) return fail("not an Ethernet device");
  auto receiver = receivers.take();
  if (!receiver) return tl::unexpected(receiver.error());
  if (const auto heard = listen_on(receiver->fd, link->ifindex); !heard) {
    return tl::unexpected(heard.error());
  }
  auto sending = open_sending_socket(link->ifindex);
  if (!sending) return tl::unexpected(sending.error());
  return std::make_unique<System>(*link, std::move(*receiver), std::move(*sending), closer);
}

Result<std::unique_ptr<Netdev>> open_system(const std::string& name) {
  Receivers receivers(1);
  return open_system(name, receivers, nullptr);
}

}  // namespace bondway::netdev
