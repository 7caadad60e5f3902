#include "db/server/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "process/unix_socket.hpp"

namespace bondway::server {
namespace {

using asio::generic::stream_protocol;
using boost::system::error_code;

constexpr mode_t kSocketMode = 0770;

std::string in_words(int error) { return std::generic_category().message(error); }

/// Removes a socket that nobody listens on.
Result<void> remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return {};
  const auto client = process::connect_unix(path);
  if (client) return fail("{}: another process listens on it", path);
  if (client.error() == ECONNREFUSED) ::unlink(path.c_str());
  return {};
}

Result<Acceptor> listen_unix(asio::io_context& io, const std::string& path) {
  if (const auto free = remove_stale(path); !free) return tl::unexpected(free.error());
  const auto address = process::unix_address(path);
  if (!address) return fail("{}: {}", path, in_words(address.error()));
  Acceptor acceptor(io);
  error_code error;
  acceptor.open(stream_protocol(AF_UNIX, 0), error);
  // On Linux the file takes its mode from the socket, so it never exists with another one.
  if (!error) ::fchmod(acceptor.native_handle(), kSocketMode);
  if (!error) acceptor.bind({address->get(), sizeof address->address}, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail("{}: {}", path, error.message());
  return acceptor;
}

Result<Acceptor> listen_tcp(asio::io_context& io, const rpc::Remote& remote,
                            std::optional<int> dscp) {
  error_code error;
  const asio::ip::address address = remote.host.empty()
                                        ? asio::ip::address(asio::ip::address_v4::any())
                                        : asio::ip::make_address(remote.host, error);
  if (error) return fail("{}: {}", rpc::to_string(remote), error.message());
  const asio::ip::tcp::endpoint endpoint(address, remote.port);
  Acceptor acceptor(io);
  acceptor.open(stream_protocol(endpoint.protocol()), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail("{}: {}", rpc::to_string(remote), error.message());
  tune(acceptor.native_handle(), dscp);
  return acceptor;
}

std::optional<asio::ip::tcp::endpoint> tcp_endpoint(const stream_protocol::endpoint& endpoint) {
  asio::ip::tcp::endpoint tcp;
  if (endpoint.size() > tcp.capacity()) return std::nullopt;
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  tcp.resize(endpoint.size());
  return tcp;
}

std::string seconds_since(Endpoint::Clock::time_point then) {
  const auto passed = Endpoint::Clock::now() - then;
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(passed).count());
}

}  // namespace

Result<Acceptor> listen(asio::io_context& io, const rpc::Remote& remote, std::optional<int> dscp) {
  if (remote.transport == rpc::Transport::unix_socket) return listen_unix(io, remote.path);
  return listen_tcp(io, remote, dscp);
}

Listener::Listener(EndpointContext& context, const rpc::Remote& remote,
                   const EndpointOptions& options, Acceptor acceptor)
    : context_(context),
      remote_(remote),
      acceptor_(std::move(acceptor)),
      pause_(context.io),
      clients_(context, remote.transport, options,
               [this](const std::string&) { disconnected_at_ = Clock::now(); }),
      self_(this, [](Listener*) {}) {
  accept();
}

Listener::~Listener() {
  if (remote_.transport == rpc::Transport::unix_socket) ::unlink(remote_.path.c_str());
}

void Listener::accept() {
  acceptor_.async_accept([weak = std::weak_ptr(self_)](error_code error, Socket socket) {
    const auto self = weak.lock();
    if (!self || error == asio::error::operation_aborted) return;
    if (error) return self->accept_later(error.message());
    self->accepted(std::move(socket));
    self->accept();
  });
}

/// Out of file descriptors, most likely: lets others end first.
void Listener::accept_later(const std::string& why) {
  context_.log.warn("{}: accept: {}", rpc::to_string(remote_), why);
  pause_.expires_after(std::chrono::milliseconds(100));
  pause_.async_wait([weak = std::weak_ptr(self_)](error_code cancelled) {
    const auto self = weak.lock();
    if (self && !cancelled) self->accept();
  });
}

void Listener::accepted(Socket socket) {
  connected_at_ = Clock::now();
  std::string name;
  if (remote_.transport == rpc::Transport::unix_socket) {
    name = fmt::format("unix#{}", ++accepted_);
  } else {
    error_code error;
    const auto peer = tcp_endpoint(socket.remote_endpoint(error));
    if (error || !peer) return;  // gone already
    rpc::Remote client = remote_;
    client.direction = rpc::Direction::active;
    client.host = peer->address().to_string();
    client.port = peer->port();
    name = rpc::to_string(client);
  }
  clients_.adopt(std::move(socket), TlsRole::server, std::move(name));
}

std::map<std::string, std::string> Listener::status() const {
  std::map<std::string, std::string> status;
  error_code error;
  const auto local = acceptor_.local_endpoint(error);
  if (!error && remote_.transport != rpc::Transport::unix_socket)
    if (const auto tcp = tcp_endpoint(local)) status["bound_port"] = std::to_string(tcp->port());
  if (connected_at_) status["sec_since_connect"] = seconds_since(*connected_at_);
  if (disconnected_at_) status["sec_since_disconnect"] = seconds_since(*disconnected_at_);
  if (clients_.size() > 1) status["n_connections"] = std::to_string(clients_.size());
  return status;
}

}  // namespace bondway::server
