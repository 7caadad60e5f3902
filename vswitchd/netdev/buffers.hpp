#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bondway::netdev {

class PacketReader;  // packet_socket.hpp

/// Memory that one thread receives into, from any number of devices in turn.  Every slot takes the
/// largest frame there is, a segment of 64 kB not yet cut up; pages that no frame ever touched cost
/// nothing.
class FrameBuffers {
 public:
  static constexpr std::size_t kSlots = 64;
  static constexpr std::size_t kSlotSize = 68 * 1024;  ///< octets of each, a multiple of the page

  FrameBuffers();  ///< throws std::bad_alloc
  ~FrameBuffers();
  FrameBuffers(const FrameBuffers&) = delete;
  FrameBuffers& operator=(const FrameBuffers&) = delete;

  std::span<std::uint8_t> slot(std::size_t index) {
    return {memory_ + index * kSlotSize, kSlotSize};
  }

  /// Reads packet sockets into these buffers.
  PacketReader& packets() { return *packets_; }

 private:
  std::uint8_t* memory_;
  std::unique_ptr<PacketReader> packets_;
};

}  // namespace bondway::netdev
