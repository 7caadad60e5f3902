#include "vswitchd/netdev/receivers.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

#include "vswitchd/netdev/packet_socket.hpp"

namespace bondway::netdev {
namespace {

constexpr std::size_t kThreads = 16;

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

}  // namespace

std::shared_ptr<void> Receivers::take_permission() {
  if (rings_left_->load() == 0) return nullptr;
  --*rings_left_;
  return {rings_left_.get(), [left = rings_left_](void*) { ++*left; }};
}

void Receivers::prepare(std::size_t count) {
  std::vector<std::optional<Result<Receiver>>> made(std::min(count, rings_left_->load()));
  std::vector<std::shared_ptr<void>> permissions;
  for (std::size_t i = 0; i < made.size(); ++i) permissions.push_back(take_permission());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < made.size(); i = next++) {
      made[i].emplace(make(std::move(permissions[i])));
    }
  };
  std::vector<std::thread> helpers;
  try {
    while (helpers.size() + 1 < std::min(kThreads, made.size())) helpers.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads to be had: those that are there will do
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  // One that failed is tried, and its reason told, again when a device wants it.
  for (auto& each : made) {
    if (*each) prepared_.push_back(std::move(**each));
  }
}

void Receivers::drop_prepared(Closer& closer) {
  for (Receiver& each : prepared_) {
    each.ring.reset();
    closer.close(std::move(each.fd), std::move(each.permission));
  }
  prepared_.clear();
}

Result<Receiver> Receivers::take() {
  if (prepared_.empty()) return make(take_permission());
  Receiver receiver = std::move(prepared_.back());
  prepared_.pop_back();
  return receiver;
}

}  // namespace bondway::netdev
