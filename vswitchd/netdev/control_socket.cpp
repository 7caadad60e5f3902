#include "vswitchd/netdev/control_socket.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "vswitchd/netdev/kernel_device.hpp"
#include "vswitchd/netdev/packet_socket.hpp"
#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr std::uint32_t kAll = 0xffff'ffff, kNone = 0;  ///< octets of the frame to pass

/// Tells EtherType 0x8809, at once or behind one tag, from others.  The kernel takes the outermost
/// tag out of a frame before any filter sees it, so two tags are looked through.
constexpr std::array<sock_filter, 8> tell_slow_protocols(std::uint32_t slow, std::uint32_t others) {
  return {sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
          sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x8809, 4, 0),
          sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x8100, 1, 0),
          sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x88a8, 0, 3),
          sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 16),
          sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x8809, 0, 1),
          sock_filter BPF_STMT(BPF_RET | BPF_K, slow),
          sock_filter BPF_STMT(BPF_RET | BPF_K, others)};
}

constexpr auto kSlowProtocols = tell_slow_protocols(kAll, kNone);

/// Passes what goes to 01:80:c2:00:00:00 and is none of the above: what goes elsewhere has the fate
/// of a slow protocol.
constexpr auto kBpdus = [] {
  constexpr std::array kAddress{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180'c200, 0, 8),
      sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0000, 0, 6),
  };
  constexpr auto kType = tell_slow_protocols(kNone, kAll);
  std::array<sock_filter, kAddress.size() + kType.size()> program{};
  std::ranges::copy(kType, std::ranges::copy(kAddress, program.begin()).out);
  return program;
}();

std::span<const sock_filter> filter_of(ControlSocket::Kind kind) {
  if (kind == ControlSocket::Kind::bpdus) return kBpdus;
  return kSlowProtocols;
}

}  // namespace

Result<ControlSocket> ControlSocket::open(unsigned ifindex, Kind kind) {
  auto fd = open_packet_socket();
  if (!fd) return tl::unexpected(fd.error());
  if (const auto heard = listen_on(*fd, ifindex, filter_of(kind)); !heard) {
    return tl::unexpected(heard.error());
  }
  return ControlSocket(std::move(*fd));
}

std::size_t ControlSocket::receive(FrameBuffers& buffers, FrameSink sink) {
  return buffers.packets().read(fd_.get(), FrameBuffers::kSlots, sink).received;
}

Result<void> ControlSocket::send(const FrameView& frame) {
  Gathered gathered;
  gather(frame, TagEdit{}, gathered);
  msghdr message{};
  message.msg_iov = gathered.pieces.data();
  message.msg_iovlen = gathered.piece_count;
  if (sendmsg(fd_.get(), &message, MSG_DONTWAIT) < 0) return system_error_text(errno);
  return {};
}

}  // namespace bondway::netdev
