#pragma once

#include <cstdint>

#include "vswitchd/netdev/packet_socket.hpp"

namespace bondway::netdev {

/// The receive queue of a packet socket in memory that the kernel shares with us: a frame costs no
/// system call.  What is too large for a slot (a segment not yet cut up, a jumbo frame) waits in
/// the socket's ordinary queue, with a note in its slot, and is read from there when its turn
/// comes.
///
/// TPACKET_V2, slot by slot: blocks of many frames (TPACKET_V3) are handed over only when they are
/// full or a millisecond old, which every request and answer between hosts would wait for. Measured
/// on two cores against recvmmsg(2): see tests/bench/forwarding.
class PacketRing {
 public:
  static constexpr std::size_t kSlotSize = 2048;  ///< octets; a frame of 1522 fits with its headers
  static constexpr std::size_t kSlots = 2048;     ///< 40 ms at 50,000 frames a second
  static constexpr std::size_t kSize = kSlotSize * kSlots;  ///< octets that the kernel keeps for us

  /// Gives a socket of open_packet_socket() a ring, before listen_on(): were the device to go up
  /// while a bound one gets it, the kernel would leave the socket deaf.  The error is the kernel's
  /// reason alone, such as `Cannot allocate memory`: the socket works without.
  static Result<PacketRing> open(int fd);
  ~PacketRing();
  PacketRing(PacketRing&& other) noexcept;
  PacketRing& operator=(PacketRing&&) = delete;

  /// Takes what waits, at most `limit` frames, and gives the good ones to `sink`.  Their views are
  /// valid until release().
  PacketReader::Outcome read(int fd, std::size_t limit, FrameBuffers& buffers, FrameSink sink);

  /// Everything read may be overwritten.
  void release();

 private:
  explicit PacketRing(std::uint8_t* memory) : memory_(memory) {}

  std::uint8_t* slot(std::size_t number) const { return memory_ + number % kSlots * kSlotSize; }
  bool deliver(std::uint8_t* slot, PacketReader::Outcome& outcome, FrameSink sink) const;

  std::uint8_t* memory_;
  std::size_t next_ = 0;      ///< the slot that the kernel fills next
  std::size_t released_ = 0;  ///< slots before it are the kernel's
};

}  // namespace bondway::netdev
