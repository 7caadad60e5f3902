#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "db/rpc/asio.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::daemon {

/// Calls a function whenever a file descriptor is readable, until destroyed.  The descriptor stays
/// its owner's, who keeps it open for as long.
class Watch {
 public:
  Watch(boost::asio::io_context& io, int fd, std::function<void()> readable)
      : state_(std::make_shared<State>(io, fd, std::move(readable))) {
    State::wait(state_);
  }
  ~Watch() {
    if (!state_) return;
    state_->readable = nullptr;
    state_->descriptor.release();
  }
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) = delete;

  /// Inside the function: what else there is to read waits for so long.
  void rest(Duration span) { state_->rest = span; }

 private:
  struct State {
    State(boost::asio::io_context& io, int fd, std::function<void()> callback)
        : descriptor(io, fd), readable(std::move(callback)) {}

    static void wait(const std::shared_ptr<State>& state) {
      state->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                   [state](const boost::system::error_code& error) {
                                     if (error || !state->readable) return;
                                     const auto callback = state->readable;
                                     callback();
                                     if (state->readable) wait_rested(state);
                                   });
    }

    static void wait_rested(const std::shared_ptr<State>& state) {
      const Duration rest = std::exchange(state->rest, Duration(0));
      if (rest <= Duration(0)) return wait(state);
      const auto timer = std::make_shared<boost::asio::steady_timer>(
          state->descriptor.get_executor(), std::chrono::ceil<std::chrono::microseconds>(rest));
      timer->async_wait([state, timer](const boost::system::error_code& error) {
        if (!error && state->readable) wait(state);
      });
    }

    boost::asio::posix::stream_descriptor descriptor;
    std::function<void()> readable;
    Duration rest{0};
  };

  std::shared_ptr<State> state_;
};

}  // namespace bondway::daemon
