#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "vswitchd/bridge/plan.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::daemon {

/// Keeps partners from thinking that we fell silent while the control thread is busy with a long
/// change of the configuration: what it last sent on an interface, and should have followed by now,
/// is sent once more, from a thread that does nothing else.  First it asks the control thread: one
/// that answers has its reasons for not sending.
///
/// Real time, whatever the daemon's clock does.  Public functions are for the control thread.
class Heartbeat {
 public:
  /// Partners give up after three missed periods: one that is late by so much is made up for.
  static constexpr Duration kGrace = 400ms;
  /// A control thread that is silent for longer will not come back, and partners should know.
  static constexpr Duration kPatience = 65s;
  /// A control thread that does not answer for so long is busy.
  static constexpr Duration kAnswerTime = 50ms;

  /// Called on the other thread: has the control thread set it as soon as it gets to it.  Must not
  /// wait.
  using Ask = std::function<void(std::shared_ptr<std::atomic<bool>> answered)>;

  explicit Heartbeat(Ask ask);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// A LACPDU was sent on the interface; the next is due within the period.  `repeat` sends it
  /// again, on the other thread, and is not called any more once forget() has returned.
  void sent(bridge::InterfaceId id, Duration period, std::function<void()> repeat);
  void forget(bridge::InterfaceId id);

 private:
  using Clock = std::chrono::steady_clock;

  struct Beat {
    Duration period{};
    Clock::time_point due{}, last{};  ///< next, and at the latest
    std::function<void()> repeat;
  };

  void run();
  Clock::time_point repeat_what_is_due();
  Clock::time_point answer_due(Clock::time_point now);

  const Ask ask_;
  std::mutex lock_;  ///< of everything down to the thread
  std::condition_variable changed_;
  std::map<bridge::InterfaceId, Beat> beats_;
  Clock::time_point next_ = Clock::time_point::max();
  std::shared_ptr<std::atomic<bool>> answered_;  ///< null: no question is open
  Clock::time_point answer_due_{};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace bondway::daemon
