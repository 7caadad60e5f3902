#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/rpc/asio.hpp"
#include "db/rpc/json_stream.hpp"
#include "db/server/channel.hpp"
#include "db/server/outbox.hpp"
#include "db/server/session.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::server {

/// What one connection may cost, and how long its silence is borne.
struct ConnectionLimits {
  SessionLimits session;
  /// 16 MiB: a restored database of some 30,000 ports, or 100 ms of parsing.
  rpc::JsonStream::Limits message{.bytes = std::size_t{16} << 20, .depth = 1000};
  /// Unsent octets beyond which the connection's requests and updates wait.
  std::size_t unsent = std::size_t{256} << 10;
  /// A client that takes nothing of what we send for this long is dropped.
  std::chrono::milliseconds stall = std::chrono::seconds(60);
  /// After this long without an octet the client is asked for a sign of life, and after as long
  /// again it is dropped; zero: never.
  std::chrono::milliseconds probe{0};
};

/// The shell around a Session: octets to messages and back, back-pressure, probes.
///
/// While much is unsent, no request is read; so a client that does not read its replies is held to
/// `unsent` octets, one reply and one message.  Owned by its callbacks and by whoever wants to
/// close it.
class Connection final : public Outbox, public std::enable_shared_from_this<Connection> {
 public:
  /// `closed` is called once, from the io_context, never from within a call made by its owner.
  using Closed = std::function<void(const std::shared_ptr<Connection>&, const std::string& why)>;

  Connection(asio::any_io_executor executor, std::unique_ptr<Channel> channel, Host& host,
             db::Access access, const ConnectionLimits& limits, Closed closed);

  void start();
  void close(std::string_view why);
  /// Closes, ends the session at once and never calls `closed`: for an owner that goes away.  Not
  /// from within a call that the session made.
  void abandon();

  /// Replaces the probe interval, as a database's Manager row may.
  void set_probe(std::chrono::milliseconds interval);

  /// Null once closed.
  const Session* session() const { return session_.get(); }

  void send(std::string_view message) override;
  bool congested() const override { return unsent() > limits_.unsent; }
  void disconnect(std::string_view why) override;

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t unsent() const { return out_.size() + sending_.size() - sent_; }
  void read();
  void received(std::size_t octets);
  void process();
  bool process_one();
  bool refuse(const Error& error);
  void write();
  void written(std::size_t octets);
  void end(std::string_view why);
  void watch();
  void check(Clock::time_point now);
  std::optional<Clock::time_point> deadline() const;
  void later(void (Connection::*next)());

  asio::any_io_executor executor_;
  Host& host_;
  std::unique_ptr<Channel> channel_;
  ConnectionLimits limits_;
  Closed closed_;
  std::unique_ptr<Session> session_;  ///< gone once closed
  rpc::JsonStream in_;
  std::vector<char> chunk_;  ///< grows with what arrives at once
  std::string out_;          ///< queued
  std::string sending_;      ///< handed to the channel, of which `sent_` octets have gone
  std::size_t sent_ = 0;
  bool reading_ = false, writing_ = false, processing_ = false, write_due_ = false;
  std::optional<std::string> ending_;  ///< why to close once all is sent
  bool is_closed_ = false;
  asio::steady_timer timer_;
  bool watching_ = false;
  Clock::time_point heard_, progress_;
  std::optional<Clock::time_point> probed_;
};

}  // namespace bondway::server
