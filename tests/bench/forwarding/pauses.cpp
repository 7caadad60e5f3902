#include "tests/bench/forwarding/pauses.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "tests/bench/forwarding/generator.hpp"

namespace bondway::bench {
namespace {

constexpr std::uint64_t kPeriod = 200'000;  ///< nanoseconds between two looks
constexpr std::uint64_t kGrace = 300'000;   ///< a look that is later than this was paused

void watch(std::size_t processor, const std::atomic<bool>& stop, std::vector<Window>& pauses) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  run_before_others(2);
  std::uint64_t due = real_time() + kPeriod;
  while (!stop) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(kPeriod));
    const std::uint64_t now = real_time();
    if (now > due + kGrace) pauses.push_back({due, now});
    due = now + kPeriod;
  }
}

std::vector<Window> merged(std::vector<Window> windows) {
  std::ranges::sort(windows, {}, &Window::begin);
  std::vector<Window> result;
  for (const Window& window : windows) {
    if (!result.empty() && window.begin <= result.back().end) {
      result.back().end = std::max(result.back().end, window.end);
    } else {
      result.push_back(window);
    }
  }
  return result;
}

}  // namespace

Pauses::Pauses() {
  for (std::size_t processor = 0; processor < std::thread::hardware_concurrency(); ++processor) {
    Watch& one = *watches_.emplace_back(std::make_unique<Watch>());
    one.thread = std::thread([this, processor, &one] { watch(processor, stop_, one.pauses); });
  }
}

void Pauses::stop() {
  if (stop_.exchange(true)) return;
  std::vector<Window> all;
  for (const auto& one : watches_) {
    one->thread.join();
    all.insert(all.end(), one->pauses.begin(), one->pauses.end());
  }
  pauses_ = merged(std::move(all));
}

std::uint64_t Pauses::within(const Window& window) const {
  std::uint64_t sum = 0;
  for (const Window& pause : pauses_) {
    const std::uint64_t begin = std::max(pause.begin, window.begin);
    const std::uint64_t end = std::min(pause.end, window.end);
    if (begin < end) sum += end - begin;
  }
  return sum;
}

}  // namespace bondway::bench
