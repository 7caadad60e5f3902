#include "vswitchd/netdev/packet_socket.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>

#include "vswitchd/netdev/kernel_device.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr int kReceiveQueue = 8 * 1024 * 1024;  ///< octets that may wait, as the kernel counts them
constexpr std::size_t kHeadroom = 64;  ///< in front of a frame; a tag fits, lines stay whole
constexpr std::size_t kAddresses = 12, kTag = 4, kMinFrame = 14;

constexpr std::uint16_t network_order(std::uint16_t number) {
  if constexpr (std::endian::native == std::endian::big) return number;
  return static_cast<std::uint16_t>(number << 8 | number >> 8);
}

template <typename Value>
bool set_option(const UniqueFd& fd, int level, int option, const Value& value) {
  return setsockopt(fd.get(), level, option, &value, sizeof(value)) == 0;
}

bool attach(const UniqueFd& fd, std::span<const sock_filter> filter) {
  if (filter.empty()) return true;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  return set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER, program);
}

bool hear_all(const UniqueFd& fd, unsigned ifindex) {
  packet_mreq promiscuous{};
  promiscuous.mr_ifindex = static_cast<int>(ifindex);
  promiscuous.mr_type = PACKET_MR_PROMISC;
  return set_option(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous);
}

/// The tag that the kernel took out of a received frame.
std::optional<VlanTag> stripped_tag(const msghdr& message) {
  if (message.msg_controllen < sizeof(cmsghdr)) return std::nullopt;
  const auto* control = CMSG_FIRSTHDR(&message);
  if (control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
    return std::nullopt;
  tpacket_auxdata data{};
  std::memcpy(&data, CMSG_DATA(control), sizeof(data));
  if ((data.tp_status & TP_STATUS_VLAN_VALID) == 0) return std::nullopt;
  const bool has_tpid = (data.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  return VlanTag{has_tpid ? data.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q}, data.tp_vlan_tci};
}

/// Writes the tag into the frame at `octets`, in front of which there is room for it.
std::uint8_t* put_back(const VlanTag& tag, std::uint8_t* octets) {
  std::uint8_t* begin = octets - kTag;
  std::memmove(begin, octets, kAddresses);
  begin[12] = static_cast<std::uint8_t>(tag.tpid >> 8);
  begin[13] = static_cast<std::uint8_t>(tag.tpid & 0xff);
  begin[14] = static_cast<std::uint8_t>(tag.tci >> 8);
  begin[15] = static_cast<std::uint8_t>(tag.tci & 0xff);
  return begin;
}

Result<void> bind_to(const UniqueFd& fd, unsigned ifindex, std::uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = network_order(protocol);
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return system_error_text(errno);
  }
  return {};
}

}  // namespace

Result<UniqueFd> open_packet_socket() {
  // Protocol 0 hears nothing before the filter and all options are in place and bind() opens it.
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || !set_option(fd, SOL_PACKET, PACKET_AUXDATA, on) ||
      !set_option(fd, SOL_PACKET, PACKET_VNET_HDR, on) ||
      !set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, on)) {
    return system_error_text(errno);
  }
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveQueue);  // a shorter queue would do
  return fd;
}

Result<void> listen_on(const UniqueFd& fd, unsigned ifindex, std::span<const sock_filter> filter) {
  if (!attach(fd, filter) || !hear_all(fd, ifindex)) return system_error_text(errno);
  return bind_to(fd, ifindex, ETH_P_ALL);
}

Result<UniqueFd> open_sending_socket(unsigned ifindex) {
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  // Not PACKET_QDISC_BYPASS: on that way the kernel drops every large segment that the device
  // cannot cut up by itself, small frames overtake those that a queueing discipline holds back, and
  // tcpdump(8) on the device sees nothing of what we send.
  if (!fd || !set_option(fd, SOL_PACKET, PACKET_VNET_HDR, on)) return system_error_text(errno);
  if (const auto bound = bind_to(fd, ifindex, 0); !bound) return tl::unexpected(bound.error());
  return fd;
}

std::optional<FrameView> complete_received(std::span<std::uint8_t> octets, const VnetHeader& header,
                                           const std::optional<VlanTag>& tag) {
  if (octets.size() < kMinFrame) return std::nullopt;
  const Offload offload = from_kernel(header);
  if (!tag) return FrameView{octets, offload};
  return FrameView{{put_back(*tag, octets.data()), octets.size() + kTag}, shifted(offload, kTag)};
}

PacketReader::PacketReader(FrameBuffers& buffers) : buffers_(buffers) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    const auto room = buffers_.slot(i).subspan(kHeadroom);
    pieces_[i] = {iovec{&headers_[i], sizeof(headers_[i])}, iovec{room.data(), room.size()}};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = pieces_[i].data();
    header.msg_iovlen = pieces_[i].size();
    prepare(i);
  }
}

void PacketReader::prepare(std::size_t slot) {
  msghdr& header = messages_[slot].msg_hdr;
  header.msg_control = control_[slot].data();
  header.msg_controllen = control_[slot].size();
}

PacketReader::Outcome PacketReader::read(int fd, std::size_t limit, FrameSink sink,
                                         std::size_t first) {
  Outcome outcome;
  const auto count = static_cast<unsigned>(std::min(limit, kSlots - first));
  const int received = recvmmsg(fd, &messages_[first], count, MSG_DONTWAIT, nullptr);
  if (received < 0) {
    outcome.error = errno;
    return outcome;
  }
  outcome.received = static_cast<std::size_t>(received);
  for (std::size_t i = first; i < first + outcome.received; ++i) {
    if (!deliver(i, messages_[i], outcome, sink)) ++outcome.dropped;
    prepare(i);
  }
  return outcome;
}

bool PacketReader::deliver(std::size_t slot, const mmsghdr& message, Outcome& outcome,
                           FrameSink sink) {
  const bool cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
  if (cut || message.msg_len < sizeof(VnetHeader) + kMinFrame) return false;

  const std::size_t size = message.msg_len - sizeof(VnetHeader);
  const auto frame = complete_received(buffers_.slot(slot).subspan(kHeadroom, size), headers_[slot],
                                       stripped_tag(message.msg_hdr));
  if (!frame) return false;
  outcome.octets += frame->octets.size();
  sink(*frame);
  return true;
}

struct PacketSendQueue::Slots {
  std::array<Gathered, kSlots> frames;
  std::array<mmsghdr, kSlots> messages{};
};

void PacketSendQueue::send(const FrameView& frame, const TagEdit& edit) {
  if (!slots_) slots_ = {new Slots, [](Slots* slots) { delete slots; }};
  Gathered& gathered = slots_->frames[queued_];
  gather(frame, edit, gathered);
  msghdr& header = slots_->messages[queued_].msg_hdr;
  header.msg_iov = gathered.pieces.data();
  header.msg_iovlen = gathered.piece_count;
  if (++queued_ == kSlots) flush();
}

void PacketSendQueue::flush() {
  std::size_t done = 0;
  while (done < queued_) {
    const int sent =
        sendmmsg(fd_, &slots_->messages[done], static_cast<unsigned>(queued_ - done), MSG_DONTWAIT);
    if (sent > 0) {
      count_sent(done, static_cast<std::size_t>(sent));
      done += static_cast<std::size_t>(sent);
    } else {
      done += count_refused(done, errno);
    }
  }
  queued_ = 0;
}

void PacketSendQueue::count_sent(std::size_t first, std::size_t count) {
  std::uint64_t octets = 0;
  for (std::size_t i = first; i < first + count; ++i) octets += slots_->frames[i].octets;
  counters_.tx_packets.fetch_add(count, std::memory_order_relaxed);
  counters_.tx_octets.fetch_add(octets, std::memory_order_relaxed);
}

/// Returns how many frames the error concerns.
std::size_t PacketSendQueue::count_refused(std::size_t slot, int error) {
  if (error == EINTR) return 0;
  if (error == EMSGSIZE || error == EINVAL) {
    counters_.tx_errors.fetch_add(1, std::memory_order_relaxed);
    return 1;
  }
  // A full queue may have room for the next frame; a device that is down or gone has not.
  const bool full = error == ENOBUFS || error == EAGAIN;
  const std::size_t lost = full ? 1 : queued_ - slot;
  counters_.tx_dropped.fetch_add(lost, std::memory_order_relaxed);
  return lost;
}

}  // namespace bondway::netdev
