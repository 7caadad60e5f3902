#include "vswitchd/netdev/buffers.hpp"

#include <sys/mman.h>

#include <new>

#include "vswitchd/netdev/packet_socket.hpp"

namespace bondway::netdev {

FrameBuffers::FrameBuffers() {
  void* memory = mmap(nullptr, kSlots * kSlotSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::uint8_t*>(memory);
  packets_ = std::make_unique<PacketReader>(*this);
}

FrameBuffers::~FrameBuffers() { munmap(memory_, kSlots * kSlotSize); }

}  // namespace bondway::netdev
