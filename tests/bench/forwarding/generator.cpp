#include "tests/bench/forwarding/generator.hpp"

#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

#include "vswitchd/netdev/offload.hpp"

namespace bondway::bench {
namespace {

using Clock = std::chrono::steady_clock;

void put(std::vector<std::uint8_t>& octets, std::size_t at, std::uint64_t number,
         std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    octets[at + i] = static_cast<std::uint8_t>(number >> (8 * (size - 1 - i)));
  }
}

}  // namespace

std::uint64_t real_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

void run_before_others(int priority) {
  prctl(PR_SET_TIMERSLACK, 1000UL);
  sched_param parameters{};
  parameters.sched_priority = priority;
  pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);  // else it measures less exactly
}

std::vector<std::uint8_t> frame_of(const Load& load, std::size_t flow) {
  std::vector<std::uint8_t> octets(std::max(load.size, kSmallestFrame), 0);
  put(octets, 0, kSinkAddress, 6);
  put(octets, 6, kSourceAddress + flow, 6);
  put(octets, 12, 0x0800, 2);
  put(octets, 14, 0x4500, 2);
  put(octets, 16, octets.size() - 14, 2);
  put(octets, 22, 64 << 8 | 17, 2);
  put(octets, 26, 0x0a000001 + (flow << 8), 4);
  put(octets, 30, 0x0a800001, 4);
  put(octets, 24, netdev::fold(netdev::add_to_sum(std::span(octets).subspan(14, 20))), 2);
  put(octets, 34, 10000 + flow, 2);
  put(octets, 36, 9, 2);
  put(octets, 38, octets.size() - 34, 2);
  return octets;
}

netdev::UniqueFd sending_socket(const Place& from) {
  netdev::UniqueFd fd;
  inside(from.space, [&] {
    fd = netdev::UniqueFd(check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket"));
    const int on = 1;
    check(setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on), "qdisc bypass");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(index_of(from.device));
    check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  });
  return fd;
}

Generator::Generator(const Place& from, const Load& load)
    : load_(load), socket_(sending_socket(from)) {
  for (std::size_t i = 0; i < std::lcm(load.flows, kBatch); ++i) {
    frames_.push_back(frame_of(load, i % load.flows));
  }
}

void Generator::number(std::size_t frame) {
  std::memcpy(&frames_[frame][kSequenceAt], &sequence_, sizeof sequence_);
  ++sequence_;
}

std::uint64_t Generator::send(std::size_t count) {
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages{};
  for (std::size_t i = 0; i < count; ++i) {
    number(next_);
    pieces[i] = {frames_[next_].data(), frames_[next_].size()};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    next_ = (next_ + 1) % frames_.size();
  }
  const auto sent = sendmmsg(socket_.get(), messages.data(), static_cast<unsigned>(count), 0);
  const std::size_t taken = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  sequence_ -= count - taken;  // those numbers were not used
  next_ = (next_ + frames_.size() - (count - taken)) % frames_.size();
  return taken;
}

std::uint64_t Generator::run(const std::atomic<bool>& stop) {
  std::uint64_t sent = 0;
  if (load_.rate == 0) {
    while (!stop) sent += send(kBatch);
    return sent;
  }
  run_before_others(1);
  // After a pause of the machine only so many are made good: all at once would be another load.
  const std::uint64_t most_behind = load_.rate / 100;
  std::uint64_t skipped = 0;
  const auto start = Clock::now();
  while (!stop) {
    const std::chrono::duration<double> passed = Clock::now() - start;
    const auto due =
        static_cast<std::uint64_t>(passed.count() * static_cast<double>(load_.rate)) - skipped;
    if (due > sent + most_behind) {
      skipped += due - sent - most_behind;
    } else if (due > sent) {
      const std::uint64_t now = real_time();
      sent += send(std::min<std::size_t>(kBatch, due - sent));
      sent_at_.resize(sent, now);
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  return sent;
}

}  // namespace bondway::bench
