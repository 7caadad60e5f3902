#include "tests/bench/forwarding/sink.hpp"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "tests/bench/forwarding/generator.hpp"
#include "vswitchd/netdev/host_stack.hpp"

namespace bondway::bench {
namespace {

constexpr std::size_t kBlock = 1 << 18, kBlocks = 64;

/// Frames to the sink's address; of each only the numbers matter.
constexpr std::array kFilter{
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSinkAddress >> 16, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, kSequenceAt + sizeof(std::uint64_t)),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
};

template <typename Value>
void set(int fd, int level, int option, const Value& value, const char* attempt) {
  check(setsockopt(fd, level, option, &value, sizeof value), attempt);
}

/// A device that went down leaves an error, which would keep us awake until it is taken.
void clear_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

void note_silence(const Window& window, const Pauses& pauses, Outcome& outcome) {
  constexpr std::uint64_t kNoteworthy = 1'000'000;
  if (window.begin >= window.end) return;
  const std::uint64_t whole = window.end - window.begin;
  outcome.silence = std::max(outcome.silence, whole);
  if (whole <= outcome.own_silence && whole < kNoteworthy) return;
  const std::uint64_t own = whole - pauses.within(window);
  outcome.own_silence = std::max(outcome.own_silence, own);
  if (whole >= kNoteworthy) outcome.silences.push_back({window, whole, own});
}

}  // namespace

Outcome assess(std::vector<Arrival> arrivals, const std::vector<std::uint64_t>& sent_at,
               const Pauses& pauses, const Window& window) {
  std::ranges::stable_sort(arrivals, {}, &Arrival::nanoseconds);
  Outcome outcome;
  std::vector<bool> seen(sent_at.size());
  std::uint64_t next = 0;  // the first number not yet due to arrive
  std::uint64_t last = 0;
  for (const Arrival& arrival : arrivals) {
    const std::uint64_t number = arrival.sequence;
    if (number >= sent_at.size()) continue;  // of an earlier run
    if (seen[number]) {
      ++outcome.duplicated;
      continue;
    }
    seen[number] = true;
    ++outcome.received;
    if (number < next) {
      ++outcome.reordered;
    } else {
      if (last != 0 && arrival.nanoseconds >= window.begin && arrival.nanoseconds < window.end) {
        note_silence({std::max(last, sent_at[next]), arrival.nanoseconds}, pauses, outcome);
      }
      next = number + 1;
    }
    last = arrival.nanoseconds;
  }
  outcome.lost = sent_at.size() - outcome.received;
  return outcome;
}

struct Sink::Ring {
  explicit Ring(const Place& device) {
    inside(device.space, [&] { open(device); });
  }
  ~Ring() { munmap(memory, kBlock * kBlocks); }

  void open(const Place& device) {
    fd = netdev::UniqueFd(check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket"));
    const sock_fprog filter{kFilter.size(), const_cast<sock_filter*>(kFilter.data())};
    set(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, filter, "filter");
    set(fd.get(), SOL_PACKET, PACKET_VERSION, int{TPACKET_V3}, "ring version");
    tpacket_req3 request{};
    request.tp_block_size = kBlock;
    request.tp_block_nr = kBlocks;
    request.tp_frame_size = 2048;
    request.tp_frame_nr = kBlock / 2048 * kBlocks;
    request.tp_retire_blk_tov = 1;
    set(fd.get(), SOL_PACKET, PACKET_RX_RING, request, "ring");
    memory = static_cast<std::uint8_t*>(mmap(nullptr, kBlock * kBlocks, PROT_READ | PROT_WRITE,
                                             MAP_SHARED | MAP_POPULATE, fd.get(), 0));
    check(memory == MAP_FAILED ? -1 : 0, "map the ring");
    const int index = static_cast<int>(index_of(device.device));
    packet_mreq promiscuous{};
    promiscuous.mr_ifindex = index;
    promiscuous.mr_type = PACKET_MR_PROMISC;
    set(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous, "promiscuous");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = static_cast<std::uint16_t>(ETH_P_ALL << 8);
    address.sll_ifindex = index;
    check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    auto hidden = netdev::HostStackBlock::install(static_cast<unsigned>(index));
    if (hidden) block.emplace(std::move(*hidden));  // else the host drops them a little later
  }

  netdev::UniqueFd fd;
  std::optional<netdev::HostStackBlock> block;
  std::uint8_t* memory = nullptr;
  std::size_t next = 0;
};

Sink::Sink(const std::vector<Place>& devices, Keep keep) : keep_(keep) {
  for (const Place& device : devices) rings_.push_back(std::make_unique<Ring>(device));
}
Sink::~Sink() = default;

void Sink::run(const std::atomic<bool>& stop) {
  run_before_others(1);
  std::vector<pollfd> waiting;
  for (const auto& ring : rings_) waiting.push_back({ring->fd.get(), POLLIN, 0});
  while (!stop) {
    poll(waiting.data(), waiting.size(), 10);
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      if ((waiting[i].revents & POLLERR) != 0) clear_error(waiting[i].fd);
      take(i, *rings_[i]);
    }
  }
}

void Sink::take(std::size_t device, Ring& ring) {
  for (;;) {
    std::uint8_t* const start = ring.memory + ring.next * kBlock;
    auto& block = *reinterpret_cast<tpacket_block_desc*>(start);
    std::atomic_ref<std::uint32_t> status(block.hdr.bh1.block_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return;
    const std::uint32_t count = block.hdr.bh1.num_pkts;
    std::uint8_t* at = start + block.hdr.bh1.offset_to_first_pkt;
    for (std::uint32_t i = 0; keep_ == Keep::arrivals && i < count; ++i) {
      const auto& header = *reinterpret_cast<const tpacket3_hdr*>(at);
      Arrival arrival{std::uint64_t{header.tp_sec} * 1'000'000'000 + header.tp_nsec, 0, device};
      std::memcpy(&arrival.sequence, at + header.tp_mac + kSequenceAt, sizeof arrival.sequence);
      arrivals_.push_back(arrival);
      at += header.tp_next_offset;
    }
    if (count > 0) latest_ = device;
    received_ += count;
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    ring.next = (ring.next + 1) % kBlocks;
  }
}

std::uint64_t Sink::overrun() const {
  std::uint64_t dropped = 0;
  for (const auto& ring : rings_) {
    tpacket_stats_v3 statistics{};
    socklen_t size = sizeof statistics;
    getsockopt(ring->fd.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
    dropped += statistics.tp_drops;
  }
  return dropped;
}

}  // namespace bondway::bench
