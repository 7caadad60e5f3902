#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/rpc/asio.hpp"
#include "db/rpc/json_stream.hpp"
#include "db/rpc/message.hpp"
#include "db/server/channel.hpp"

namespace bondway::replica {

/// One connection to a server, as messages.  Answers its echo requests, and asks for a sign of life
/// itself.  Owned by its callbacks and by whoever wants to close it.
class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Events {
    std::function<void(rpc::Message)> message;          ///< echoes and answers to ours are left out
    std::function<void(const std::string& why)> ended;  ///< the last; not after close()
  };

  /// After `probe` without an octet the server is asked for a sign of life, after as long again it
  /// is given up; zero: never.
  Link(asio::any_io_executor executor, std::unique_ptr<server::Channel> channel,
       std::chrono::milliseconds probe, Events events);

  void start();
  void send(std::string message);
  /// No event comes after this.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  void read();
  void received(std::size_t octets);
  void handle(rpc::Message message);
  void write();
  void watch();
  void end(const std::string& why);

  std::unique_ptr<server::Channel> channel_;
  std::chrono::milliseconds probe_;
  Events events_;
  rpc::JsonStream in_;
  std::vector<char> chunk_;
  std::string out_;      ///< queued
  std::string sending_;  ///< handed to the channel, of which `sent_` octets have gone
  std::size_t sent_ = 0;
  bool writing_ = false, closed_ = false;
  asio::steady_timer timer_;
  Clock::time_point heard_;
  std::optional<Clock::time_point> probed_;
};

}  // namespace bondway::replica
