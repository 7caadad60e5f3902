#include "vswitchd/netdev/packet_ring.hpp"

#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr std::size_t kBlockSize = 64 * 1024;  ///< contiguous in the kernel, so not too large
constexpr unsigned kReserve = 32;  ///< octets in front of a frame: a tag, lines stay whole

template <typename Value>
bool set_option(int fd, int option, const Value& value) {
  return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0;
}

/// The slot's word that says whose it is.
std::uint32_t status(std::uint8_t* slot) {
  return std::atomic_ref(reinterpret_cast<tpacket2_hdr*>(slot)->tp_status)
      .load(std::memory_order_acquire);
}

bool is_ours(std::uint8_t* slot) { return (status(slot) & TP_STATUS_USER) != 0; }
bool waits_in_queue(std::uint8_t* slot) { return (status(slot) & TP_STATUS_COPY) != 0; }

std::optional<VlanTag> stripped_tag(const tpacket2_hdr& header) {
  if ((header.tp_status & TP_STATUS_VLAN_VALID) == 0) return std::nullopt;
  const bool has_tpid = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  return VlanTag{has_tpid ? header.tp_vlan_tpid : std::uint16_t{0x8100}, header.tp_vlan_tci};
}

/// A device that went down leaves an error, which would wake us until somebody takes it.
void clear_error(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

/// Takes exactly as many frames from the socket's queue as slots refer to it: one that stayed would
/// be taken for the next.  An error of the device comes instead of frames, once.
PacketReader::Outcome read_queue(int fd, std::size_t count, std::size_t first,
                                 FrameBuffers& buffers, FrameSink sink) {
  PacketReader::Outcome sum;
  while (sum.received < count) {
    const auto read = buffers.packets().read(fd, count - sum.received, sink, first + sum.received);
    if (read.received == 0 && read.error == EAGAIN) break;
    sum.received += read.received;
    sum.dropped += read.dropped;
    sum.octets += read.octets;
  }
  return sum;
}

}  // namespace

Result<PacketRing> PacketRing::open(int fd) {
  tpacket_req request{};
  request.tp_block_size = kBlockSize;
  request.tp_block_nr = kSize / kBlockSize;
  request.tp_frame_size = kSlotSize;
  request.tp_frame_nr = kSlots;
  const int copy_larger = 1;
  if (!set_option(fd, PACKET_VERSION, int{TPACKET_V2}) ||
      !set_option(fd, PACKET_RESERVE, kReserve) ||
      !set_option(fd, PACKET_COPY_THRESH, copy_larger) ||
      !set_option(fd, PACKET_RX_RING, request)) {
    return system_error_text(errno);
  }
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory != MAP_FAILED) return PacketRing(static_cast<std::uint8_t*>(memory));
  const int error = errno;
  set_option(fd, PACKET_RX_RING, tpacket_req{});
  return system_error_text(error);
}

PacketRing::~PacketRing() {
  if (memory_ != nullptr) munmap(memory_, kSize);
}

PacketRing::PacketRing(PacketRing&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      next_(other.next_),
      released_(other.released_) {}

PacketReader::Outcome PacketRing::read(int fd, std::size_t limit, FrameBuffers& buffers,
                                       FrameSink sink) {
  release();
  PacketReader::Outcome outcome;
  std::size_t copied = 0;
  if (!is_ours(slot(next_))) clear_error(fd);
  while (outcome.received < limit && is_ours(slot(next_))) {
    std::size_t run = 0;
    while (outcome.received + run < limit && is_ours(slot(next_ + run)) &&
           waits_in_queue(slot(next_ + run))) {
      ++run;
    }
    if (run == 0) {
      if (!deliver(slot(next_), outcome, sink)) ++outcome.dropped;
      run = 1;
      ++outcome.received;
    } else {
      const auto queued = read_queue(fd, run, copied, buffers, sink);
      copied += queued.received;
      outcome.received += run;
      outcome.dropped += queued.dropped + (run - queued.received);
      outcome.octets += queued.octets;
    }
    next_ += run;
  }
  return outcome;
}

void PacketRing::release() {
  for (; released_ != next_; ++released_) {
    auto* header = reinterpret_cast<tpacket2_hdr*>(slot(released_));
    std::atomic_ref(header->tp_status).store(TP_STATUS_KERNEL, std::memory_order_release);
  }
}

bool PacketRing::deliver(std::uint8_t* slot, PacketReader::Outcome& outcome, FrameSink sink) const {
  const auto& header = *reinterpret_cast<const tpacket2_hdr*>(slot);
  if (header.tp_snaplen < header.tp_len) return false;
  VnetHeader vnet;
  std::memcpy(&vnet, slot + header.tp_mac - sizeof(vnet), sizeof(vnet));
  const auto frame =
      complete_received({slot + header.tp_mac, header.tp_snaplen}, vnet, stripped_tag(header));
  if (!frame) return false;
  outcome.octets += frame->octets.size();
  sink(*frame);
  return true;
}

}  // namespace bondway::netdev
