#include "db/server/clients.hpp"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "db/server/tls.hpp"

namespace bondway::server {

void tune(int socket, std::optional<int> dscp) {
  constexpr int kInternetworkControl = 48;
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int service = dscp.value_or(kInternetworkControl) << 2;
  ::setsockopt(socket, IPPROTO_IP, IP_TOS, &service, sizeof service);
  ::setsockopt(socket, IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof service);
}

Clients::Clients(EndpointContext& context, rpc::Transport transport, const EndpointOptions& options,
                 std::function<void(const std::string& why)> gone)
    : context_(context),
      transport_(transport),
      options_(options),
      gone_(std::move(gone)),
      self_(this, [](Clients*) {}) {}

Clients::~Clients() {
  self_.reset();
  for (const auto& connection : connections_) connection->abandon();
}

void Clients::adopt(Socket socket, TlsRole role, std::string name) {
  if (*context_.connections >= context_.max_connections) {
    context_.log.warn("{}: refused, there are {} connections already", name, *context_.connections);
    return gone_("too many connections");
  }
  auto place = std::make_shared<Place>(context_.connections);
  if (transport_ != rpc::Transport::unix_socket) tune(socket.native_handle(), options_.dscp);
  if (transport_ == rpc::Transport::ssl)
    start_tls(std::move(socket), role, name, std::move(place));
  else
    serve(make_plain_channel(std::move(socket)), name, std::move(place));
}

void Clients::start_tls(Socket socket, TlsRole role, const std::string& name,
                        std::shared_ptr<Place> place) {
  auto tls = context_.tls.context();
  if (!tls) {
    context_.log.err("{}: {}", name, tls.error().message);
    return gone_(tls.error().message);
  }
  make_tls_channel(std::move(socket), *tls, role,
                   [weak = std::weak_ptr(self_), name, place = std::move(place)](
                       std::unique_ptr<Channel> channel, boost::system::error_code error) {
                     const auto self = weak.lock();
                     if (!self) return;
                     if (channel) return self->serve(std::move(channel), name, place);
                     self->context_.log.warn("{}: TLS handshake: {}", name, error.message());
                     self->gone_(error.message());
                   });
}

void Clients::serve(std::unique_ptr<Channel> channel, const std::string& name,
                    std::shared_ptr<Place> place) {
  ConnectionLimits limits = context_.limits;
  limits.probe = probe();
  auto closed = [weak = std::weak_ptr(self_), name, place = std::move(place)](
                    const std::shared_ptr<Connection>& connection, const std::string& why) {
    const auto self = weak.lock();
    if (!self || self->connections_.erase(connection) == 0) return;
    if (why.starts_with("Protocol error"))
      self->context_.log.warn("{}: connection dropped ({})", name, why);
    else
      self->context_.log.dbg("{}: connection closed ({})", name, why);
    self->gone_(why);
  };
  auto connection =
      std::make_shared<Connection>(context_.io.get_executor(), std::move(channel), context_.host,
                                   options_.access, limits, std::move(closed));
  connections_.insert(connection);
  connection->start();
}

std::chrono::milliseconds Clients::probe() const {
  if (options_.probe) return *options_.probe;
  return std::chrono::seconds(transport_ == rpc::Transport::unix_socket ? 0 : 5);
}

void Clients::set_options(const EndpointOptions& options) {
  options_ = options;
  for (const auto& connection : connections_) connection->set_probe(probe());
}

void Clients::close_all(std::string_view why) {
  for (const auto& connection : connections_) connection->close(why);
}

void Clients::count_locks(std::size_t& held, std::size_t& waiting, std::size_t& lost) const {
  for (const auto& connection : connections_) {
    if (connection->session() == nullptr) continue;
    const auto counts = context_.host.locks().counts(connection->session()->id());
    held += counts.held;
    waiting += counts.waiting;
    lost += connection->session()->locks_lost();
  }
}

}  // namespace bondway::server
