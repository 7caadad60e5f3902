#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "db/replica/link.hpp"
#include "db/replica/replica.hpp"
#include "db/rpc/asio.hpp"
#include "db/rpc/remote.hpp"
#include "process/log.hpp"

namespace bondway::replica {

/// The pause before a connection is tried again: one second, doubling to eight until one worked.
class Backoff {
 public:
  std::chrono::seconds next();
  void worked() { next_ = std::chrono::seconds(1); }

 private:
  std::chrono::seconds next_{1};
};

/// Keeps a Replica in step with the server at a remote: connects, and again whenever that ends;
/// takes a lock there; reads everything, then changes as they come; and writes, while it has the
/// lock, what was committed to the replica.  RFC 7047, 4.1, with the newer ways to monitor where
/// the server knows them, ovsdb-server(7).
///
/// All from the io_context; nothing waits.  Trouble with the server is logged and ends in another
/// attempt, never elsewhere.
class Follower {
 public:
  struct Settings {
    rpc::Remote remote;  ///< an active one
    std::string lock;    ///< of all programs that write the same columns one at a time may
    /// For an ssl: remote.
    std::function<Result<std::shared_ptr<boost::asio::ssl::context>>()> tls{};
  };
  enum class State : std::uint8_t {
    following,  ///< the contents are there and the lock is ours
    waiting,    ///< the contents are there, but another program has the lock
  };

  /// The others outlive this.
  Follower(asio::io_context& io, Replica& replica, Settings settings, process::Logger log);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// Called after each change of the state, also when it was reached anew after a lost connection.
  std::function<void(State)> on_state;

  void start();
  bool is_connected() const { return link_ != nullptr; }

 private:
  using Handler = void (Follower::*)(const rpc::Reply&);

  void connect();
  void resolve();
  void connected(boost::system::error_code error);
  void secured(std::unique_ptr<server::Channel> channel, boost::system::error_code error);
  void converse(std::unique_ptr<server::Channel> channel);
  void lost(const std::string& why);
  void give_up(const std::string& why);
  void retry_later();
  process::LogLevel attempts() const;

  void request(const char* method, const nlohmann::json& params, Handler handler);
  void received(rpc::Message message);
  void notified(const rpc::Request& notification);
  void schema_came(const rpc::Reply& reply);
  void lock_answered(const rpc::Reply& reply);
  void monitor();
  void contents_came(const rpc::Reply& reply);
  void updated(const nlohmann::json& updates, Format format);
  void set_lock(bool is_ours);
  void tell_state();
  void write_soon();
  void write();
  void written(const rpc::Reply& reply);

  /// The ways to monitor, best first.
  enum class Monitor : std::uint8_t { conditional_since, conditional, plain };

  asio::io_context& io_;
  Replica& replica_;
  Settings settings_;
  process::Logger log_;
  std::string name_;  ///< of the remote
  asio::steady_timer timer_;
  asio::ip::tcp::resolver resolver_;
  server::Socket socket_;
  Backoff backoff_;
  bool is_quiet_ = false;  ///< attempts have failed for long and are not worth a line each

  std::shared_ptr<Link> link_;
  std::map<std::int64_t, Handler> unanswered_;
  std::int64_t last_id_ = 0;
  Monitor monitor_ = Monitor::conditional_since;
  bool has_contents_ = false, write_posted_ = false;
  std::optional<bool> has_lock_;  ///< empty: not yet known
  process::LogRateLimit refusals_{2, 5};
  std::shared_ptr<Follower> self_;  ///< owns nothing; expires with this
};

}  // namespace bondway::replica
