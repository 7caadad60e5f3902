#include "vswitchd/daemon/heartbeat.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

namespace bondway::daemon {

Heartbeat::Heartbeat(Ask ask) : ask_(std::move(ask)), thread_([this] { run(); }) {
  // Ahead of whatever else keeps the processors busy.  Without the right to it, it is as good as
  // any other thread.
  sched_param priority{};
  priority.sched_priority = 1;
  pthread_setschedparam(thread_.native_handle(), SCHED_RR, &priority);
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeat::sent(bridge::InterfaceId id, Duration period, std::function<void()> repeat) {
  const std::lock_guard lock(lock_);
  const Clock::time_point due = Clock::now() + period + kGrace;
  beats_[id] = {period, due, Clock::now() + kPatience, std::move(repeat)};
  // As a rule others are due earlier, and the thread sleeps on.
  if (due < std::exchange(next_, std::min(next_, due))) changed_.notify_all();
}

void Heartbeat::forget(bridge::InterfaceId id) {
  const std::lock_guard lock(lock_);
  beats_.erase(id);
}

void Heartbeat::run() {
  std::unique_lock lock(lock_);
  while (!stopping_) {
    next_ = repeat_what_is_due();
    if (next_ == Clock::time_point::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, next_);
    }
  }
}

/// Opens a question if there is none, and returns when its answer is due.
Heartbeat::Clock::time_point Heartbeat::answer_due(Clock::time_point now) {
  if (!answered_) {
    answered_ = std::make_shared<std::atomic<bool>>(false);
    answer_due_ = now + kAnswerTime;
    ask_(answered_);
  }
  return answer_due_;
}

/// Returns when the next one is due.
Heartbeat::Clock::time_point Heartbeat::repeat_what_is_due() {
  Clock::time_point next = Clock::time_point::max();
  const Clock::time_point now = Clock::now();
  for (auto& [id, beat] : beats_) {
    if (beat.due > beat.last) continue;
    if (beat.due <= now && answer_due(now) <= now) {
      if (!*answered_) beat.repeat();
      beat.due = now + beat.period;
    }
    next = std::min(next, beat.due <= now ? answer_due_ : beat.due);
  }
  if (answered_ && answer_due_ <= now) answered_.reset();  // the next time is another question
  return next;
}

}  // namespace bondway::daemon
