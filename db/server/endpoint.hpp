#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "db/engine/transact.hpp"
#include "db/rpc/asio.hpp"
#include "db/rpc/remote.hpp"
#include "db/server/connection.hpp"
#include "process/log.hpp"

namespace bondway::server {

class TlsIdentity;

/// How one remote is served; what a Manager row may say.
struct EndpointOptions {
  std::optional<std::chrono::milliseconds> probe;  ///< empty: 5 s on tcp and ssl, none on unix
  std::chrono::milliseconds max_backoff{8000};
  db::Access access = db::Access::read_write;
  std::optional<int> dscp;  ///< 0 to 63; empty: 48, the internetwork control class
  bool operator==(const EndpointOptions&) const = default;
};

/// Counts connections as long as it exists.
class Place {
 public:
  explicit Place(std::shared_ptr<std::size_t> taken) : taken_(std::move(taken)) { ++*taken_; }
  ~Place() { --*taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  std::shared_ptr<std::size_t> taken_;
};

/// What all endpoints need; owned by the server, which outlives them.
struct EndpointContext {
  asio::io_context& io;
  Host& host;
  TlsIdentity& tls;
  process::Logger log;
  ConnectionLimits limits;
  std::size_t max_connections = 0;                ///< of all endpoints together
  std::shared_ptr<std::size_t> connections = {};  ///< how many there are now
};

/// A remote that is served: a listener with its clients, or a client that we connect to.  Ends its
/// connections when destroyed.
class Endpoint {
 public:
  using Clock = std::chrono::steady_clock;

  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  /// Takes effect for the connections there are, too, as far as it can.
  virtual void set_options(const EndpointOptions& options) = 0;

  /// Drops its connections; an active one is made anew.
  virtual void reconnect() = 0;

  virtual bool is_connected() const = 0;
  virtual std::size_t connections() const = 0;
  /// What the column "status" of a Manager row shows; ovs-vswitchd.conf.db(5).
  virtual std::map<std::string, std::string> status() const = 0;
};

/// Starts to serve a remote.  A listener that can't listen is an error; an active one goes on
/// trying.
Result<std::unique_ptr<Endpoint>> make_endpoint(EndpointContext& context, const rpc::Remote& remote,
                                                const EndpointOptions& options);

}  // namespace bondway::server
