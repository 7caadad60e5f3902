#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "db/server/clients.hpp"
#include "db/server/endpoint.hpp"

namespace bondway::server {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

/// Listens on a passive remote.  A unix socket gets mode 0770 less the umask; one that a dead
/// server left behind is replaced, one that somebody serves is an error.
Result<Acceptor> listen(asio::io_context& io, const rpc::Remote& remote, std::optional<int> dscp);

/// A passive remote with its clients.  Removes its unix socket in the end.
class Listener final : public Endpoint {
 public:
  Listener(EndpointContext& context, const rpc::Remote& remote, const EndpointOptions& options,
           Acceptor acceptor);
  ~Listener() override;

  void set_options(const EndpointOptions& options) override { clients_.set_options(options); }
  void reconnect() override { clients_.close_all("reconnecting by user request"); }
  bool is_connected() const override { return clients_.size() > 0; }
  std::size_t connections() const override { return clients_.size(); }
  std::map<std::string, std::string> status() const override;

 private:
  void accept();
  void accept_later(const std::string& why);
  void accepted(Socket socket);

  EndpointContext& context_;
  rpc::Remote remote_;
  Acceptor acceptor_;
  asio::steady_timer pause_;
  std::uint64_t accepted_ = 0;
  std::optional<Clock::time_point> connected_at_, disconnected_at_;
  Clients clients_;
  std::shared_ptr<Listener> self_;  ///< owns nothing; expires with this
};

}  // namespace bondway::server
