#include "vswitchd/netdev/receivers.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <system_error>

#include "vswitchd/netdev/packet_socket.hpp"

namespace bondway::netdev {
namespace {

constexpr std::size_t kThreads = 16, kThreadsEach = 4;  ///< for each processor at most

Result<Receiver> make(std::shared_ptr<void> permission) {
  auto fd = open_packet_socket();
  if (!fd) return tl::unexpected(fd.error());
  Receiver receiver{std::move(*fd), std::move(permission), {}, {}};
  if (!receiver.permission) return receiver;
  auto ring = PacketRing::open(receiver.fd.get());
  if (ring) {
    receiver.ring.emplace(std::move(*ring));
  } else {
    receiver.warning = "receives more slowly, without a ring: " + ring.error().message;
    receiver.permission.reset();
  }
  return receiver;
}

/// All others that we may use; of none, one.
cpu_set_t without(std::span<const int> busy) {
  cpu_set_t all, rest;
  CPU_ZERO(&all);
  sched_getaffinity(0, sizeof(all), &all);
  rest = all;
  for (const int processor : busy) CPU_CLR(static_cast<unsigned>(processor), &rest);
  for (unsigned i = 0; i < CPU_SETSIZE && CPU_COUNT(&rest) == 0; ++i) {
    if (CPU_ISSET(i, &all)) CPU_SET(i, &rest);
  }
  return rest;
}

}  // namespace

std::shared_ptr<void> Receivers::take_permission() {
  if (rings_left_->load() == 0) return nullptr;
  --*rings_left_;
  return {rings_left_.get(), [left = rings_left_](void*) { ++*left; }};
}

Receivers::~Receivers() {
  {
    const std::lock_guard lock(lock_);
    ordered_.clear();
  }
  join_makers();
}

void Receivers::prepare(std::size_t count, std::span<const int> busy) {
  std::size_t ordered = 0;
  {
    const std::lock_guard lock(lock_);
    for (; ordered < count; ++ordered) {
      auto permission = take_permission();
      if (!permission) break;
      ordered_.push_back(std::move(permission));
      ++unfinished_;
    }
  }
  const cpu_set_t processors = without(busy);
  try {
    const auto each = kThreadsEach * static_cast<std::size_t>(CPU_COUNT(&processors));
    for (std::size_t i = 0; i < std::min({kThreads, each, ordered}); ++i) {
      makers_.emplace_back([this, processors] {
        pthread_setaffinity_np(pthread_self(), sizeof(processors), &processors);
        make_ordered();
      });
    }
  } catch (const std::system_error&) {  // no more threads to be had: this one helps
    make_ordered();
  }
}

void Receivers::make_ordered() {
  std::unique_lock lock(lock_);
  while (!ordered_.empty()) {
    auto permission = std::move(ordered_.back());
    ordered_.pop_back();
    lock.unlock();
    auto made = make(std::move(permission));
    lock.lock();
    --unfinished_;
    // One that failed is tried, and its reason told, again when a device wants it.
    if (made) prepared_.push_back(std::move(*made));
    changed_.notify_one();
  }
}

void Receivers::join_makers() {
  for (std::thread& maker : makers_) maker.join();
  makers_.clear();
}

void Receivers::drop_prepared(Closer& closer) {
  {
    const std::lock_guard lock(lock_);
    unfinished_ -= ordered_.size();
    ordered_.clear();
  }
  join_makers();
  for (Receiver& each : prepared_) {
    each.ring.reset();
    closer.close(std::move(each.fd), std::move(each.permission));
  }
  prepared_.clear();
}

Result<Receiver> Receivers::take() {
  std::unique_lock lock(lock_);
  changed_.wait(lock, [this] { return !prepared_.empty() || unfinished_ == 0; });
  if (prepared_.empty()) return make(take_permission());
  Receiver receiver = std::move(prepared_.back());
  prepared_.pop_back();
  return receiver;
}

}  // namespace bondway::netdev
