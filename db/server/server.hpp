#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/rpc/asio.hpp"
#include "db/server/connection.hpp"
#include "db/server/host.hpp"
#include "db/server/tls.hpp"
#include "process/log.hpp"

namespace bondway::server {

struct EndpointContext;
class DatabaseRemotes;
class Endpoint;
struct EndpointOptions;

struct ServerSettings {
  /// The directory that relative names of unix sockets start from.
  std::string rundir;
  ConnectionLimits connection;
  std::size_t max_connections = 4096;
  TlsFiles tls;  ///< for ssl: and pssl: remotes
};

/// The OVSDB server: databases on remotes, on the io_context of a program that has other things to
/// do as well.  Everything happens on the thread that runs `io`.
///
///     Server server(io, settings, log.module("ovsdb_server"));
///     server.host().add({&database});
///     server.add_remote("punix:/run/openvswitch/db.sock");
///     io.run();
class Server {
 public:
  /// `io` outlives the server.
  Server(asio::io_context& io, ServerSettings settings, process::Logger log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Host& host() { return host_; }

  /// Starts to serve unix:, tcp:, ssl:, punix:, ptcp:, pssl: or db:DATABASE,TABLE,COLUMN, where the
  /// column has the remotes or refers to rows that do (ovsdb-server(1), --remote).  The remotes of
  /// a column that can't be served are logged, not an error.
  Result<void> add_remote(const std::string& remote);
  bool remove_remote(std::string_view remote);  ///< false if it isn't there
  std::vector<std::string> remotes() const;     ///< sorted, as they were added

  /// Drops all connections; the clients come back.
  void reconnect();

  std::size_t connections() const;

 private:
  friend class DatabaseRemotes;
  Result<std::unique_ptr<Endpoint>> serve(const std::string& remote,
                                          const EndpointOptions& options);
  void settle_soon();
  void settle();
  void arm();

  std::shared_ptr<Server> self_;  ///< owns nothing; expires with this
  asio::io_context& io_;
  ServerSettings settings_;
  process::Logger log_;
  asio::steady_timer timer_;
  std::optional<Host::TimePoint> armed_;
  bool settle_due_ = false;
  Host host_;
  TlsIdentity tls_;
  std::unique_ptr<EndpointContext> context_;
  std::map<std::string, std::unique_ptr<Endpoint>, std::less<>> endpoints_;
  std::map<std::string, std::unique_ptr<DatabaseRemotes>, std::less<>> columns_;
};

}  // namespace bondway::server
