#include "vswitchd/netdev/closer.hpp"

#include <system_error>
#include <utility>

namespace bondway::netdev {

Closer::~Closer() {
  {
    const std::lock_guard lock(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Closer::close(UniqueFd fd, std::shared_ptr<void> held) {
  const std::lock_guard lock(lock_);
  if (idle_ <= waiting_.size() && threads_.size() < kThreads) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {  // no thread to be had: one that is there will do
      if (threads_.empty()) return;       // or this one, here and now
    }
  }
  waiting_.push_back({std::move(held), std::move(fd)});
  changed_.notify_one();
}

void Closer::run() {
  std::unique_lock lock(lock_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    Waiting next = std::move(waiting_.back());
    waiting_.pop_back();
    lock.unlock();
    { const Waiting done = std::move(next); }
    lock.lock();
  }
}

}  // namespace bondway::netdev
