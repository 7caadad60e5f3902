#include "vswitchd/netdev/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/kernel_device.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

/// Writes frame by frame: a tap has no call for many.
class TapSendQueue final : public SendQueue {
 public:
  TapSendQueue(int fd, Counters& counters) : fd_(fd), counters_(counters) {}

  void send(const FrameView& frame, const TagEdit& edit) override {
    Gathered gathered;
    gather(frame, edit, gathered);
    if (writev(fd_, gathered.pieces.data(), static_cast<int>(gathered.piece_count)) >= 0) {
      counters_.tx_packets.fetch_add(1, std::memory_order_relaxed);
      counters_.tx_octets.fetch_add(gathered.octets, std::memory_order_relaxed);
    } else if (errno == EINVAL) {
      counters_.tx_errors.fetch_add(1, std::memory_order_relaxed);
    } else {  // EIO: the device is down
      counters_.tx_dropped.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void flush() override {}

 private:
  const int fd_;
  Counters& counters_;
};

class Tap final : public KernelDevice {
 public:
  Tap(const Link& link, UniqueFd fd, TapRemover* remover)
      : KernelDevice(link, WhenMoved::followed), fd_(std::move(fd)), remover_(remover) {}
  ~Tap() override {
    if (remover_ == nullptr || gone() || link().namespace_id != Link::kHere) return;
    remover_->add(link().name, link().ifindex, std::move(fd_));
  }

  int poll_fd() const override { return fd_.get(); }
  std::size_t receive(FrameBuffers& buffers, FrameSink sink) override;

  std::unique_ptr<SendQueue> open_send_queue() override {
    return std::make_unique<TapSendQueue>(fd_.get(), counters_);
  }

  /// What the host sends is received here, and the other way round.
  Statistics statistics() const override {
    Statistics statistics = KernelDevice::statistics();
    if (statistics.empty()) return statistics;
    for (const std::string what : {"packets", "bytes", "dropped", "errors"}) {
      std::swap(statistics["rx_" + what], statistics["tx_" + what]);
    }
    return statistics;
  }

 private:
  Result<void> beside_link(const std::function<Result<void>()>& work) override;

  UniqueFd fd_;
  TapRemover* const remover_;
};

Result<void> Tap::beside_link(const std::function<Result<void>()>& work) {
  if (link().namespace_id == Link::kHere) return work();
  const UniqueFd there(ioctl(fd_.get(), TUNGETDEVNETNS, nullptr));
  if (!there) return system_error_text(errno);
  Result<void> done;
  // A namespace is a thread's own: one that goes there and ends cannot fail to come back.
  std::thread([&] {
    done = setns(there.get(), CLONE_NEWNET) == 0 ? work() : system_error_text(errno);
  }).join();
  return done;
}

std::size_t Tap::receive(FrameBuffers& buffers, FrameSink sink) {
  std::size_t frames = 0, octets = 0;
  for (; frames < FrameBuffers::kSlots; ++frames) {
    const auto room = buffers.slot(frames);
    VnetHeader header{};
    const std::array pieces{iovec{&header, sizeof(header)}, iovec{room.data(), room.size()}};
    const auto size = readv(fd_.get(), pieces.data(), static_cast<int>(pieces.size()));
    if (size < 0 && errno == EBADFD) gone_.store(true, std::memory_order_relaxed);
    if (size < static_cast<ssize_t>(sizeof(header) + 14)) break;  // none, or no frame at all
    const auto length = static_cast<std::size_t>(size) - sizeof(header);
    octets += length;
    sink(FrameView{room.first(length), from_kernel(header)});
  }
  counters_.rx_packets.fetch_add(frames, std::memory_order_relaxed);
  counters_.rx_octets.fetch_add(octets, std::memory_order_relaxed);
  return frames;
}

bool is_device_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(name, [](char c) {
           return c == '/' || c == ':' || c == '%' || std::isspace(static_cast<unsigned char>(c));
         });
}

/// A tap of that name, which lives as long as the descriptor.
Result<UniqueFd> open_tap(const std::string& name) {
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return system_error_text(errno);
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  constexpr int kFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL;
  request.ifr_flags = static_cast<short>(kFlags);
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return system_error_text(errno);
  return fd;
}

/// Tells the kernel what it may leave to us: as much as this one knows of.
void take_offloads(const UniqueFd& fd) {
  constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  constexpr unsigned kUdp = 0x20 | 0x40;  // TUN_F_USO4, TUN_F_USO6: Linux 6.2
  if (ioctl(fd.get(), TUNSETOFFLOAD, kTcp | kUdp) != 0) ioctl(fd.get(), TUNSETOFFLOAD, kTcp);
}

}  // namespace

Result<std::unique_ptr<Netdev>> create_tap(const std::string& name,
                                           const std::optional<MacAddress>& mac,
                                           TapRemover* remover) {
  if (!is_device_name(name)) return system_error_text(EINVAL);
  if (query_link(name)) return system_error_text(EEXIST);
  auto fd = open_tap(name);
  if (!fd) return tl::unexpected(fd.error());
  take_offloads(*fd);
  const auto link = query_link(name);
  if (!link) return tl::unexpected(link.error());
  auto tap = std::make_unique<Tap>(*link, std::move(*fd), remover);
  if (mac) {
    if (const auto done = tap->set_mac(*mac); !done) return tl::unexpected(done.error());
  }
  return tap;
}

}  // namespace bondway::netdev
