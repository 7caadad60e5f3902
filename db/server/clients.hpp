#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "db/server/channel.hpp"
#include "db/server/connection.hpp"
#include "db/server/endpoint.hpp"

namespace bondway::server {

/// Sets a connected or listening tcp socket up: small replies at once, and the class of service.
void tune(int socket, std::optional<int> dscp);

/// The connections of one endpoint.  Closes them when destroyed.
class Clients {
 public:
  /// `gone` is called after a connection has ended, with the reason.
  Clients(EndpointContext& context, rpc::Transport transport, const EndpointOptions& options,
          std::function<void(const std::string& why)> gone);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// Serves a socket that is connected; with TLS, after the handshake.  `name` is for the log.
  void adopt(Socket socket, TlsRole role, std::string name);

  void set_options(const EndpointOptions& options);
  void close_all(std::string_view why);
  std::size_t size() const { return connections_.size(); }
  /// Of all sessions together: held, waited for, lost to thieves.
  void count_locks(std::size_t& held, std::size_t& waiting, std::size_t& lost) const;

 private:
  void serve(std::unique_ptr<Channel> channel, const std::string& name,
             std::shared_ptr<Place> place);
  void start_tls(Socket socket, TlsRole role, const std::string& name,
                 std::shared_ptr<Place> place);
  std::chrono::milliseconds probe() const;

  EndpointContext& context_;
  rpc::Transport transport_;
  EndpointOptions options_;
  std::function<void(const std::string& why)> gone_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::shared_ptr<Clients> self_;  ///< owns nothing; expires with this
};

}  // namespace bondway::server
