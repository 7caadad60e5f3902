#include "db/server/connector.hpp"

#include <algorithm>

namespace bondway::server {
namespace {

using boost::system::error_code;

constexpr std::chrono::milliseconds kFirstPause{1000};

std::string seconds_since(Endpoint::Clock::time_point then) {
  const auto passed = Endpoint::Clock::now() - then;
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(passed).count());
}

}  // namespace

Connector::Connector(EndpointContext& context, const rpc::Remote& remote,
                     const EndpointOptions& options)
    : context_(context),
      remote_(remote),
      options_(options),
      timer_(context.io),
      resolver_(context.io),
      socket_(context.io),
      clients_(context, remote.transport, options, [this](const std::string& why) { ended(why); }),
      self_(this, [](Connector*) {}) {
  connect();
}

void Connector::connect() {
  state_ = State::connecting;
  if (remote_.transport != rpc::Transport::unix_socket) return connect_tcp();
  const asio::local::stream_protocol::endpoint address(remote_.path);
  socket_.async_connect(Socket::endpoint_type(address),
                        [weak = std::weak_ptr(self_)](error_code error) {
                          if (const auto self = weak.lock()) self->connected(error);
                        });
}

/// Tries the first of the addresses.
void Connector::connect_tcp() {
  resolver_.async_resolve(
      remote_.host, std::to_string(remote_.port),
      [weak = std::weak_ptr(self_)](error_code error,
                                    const asio::ip::tcp::resolver::results_type& addresses) {
        const auto self = weak.lock();
        if (!self) return;
        if (error || addresses.empty()) return self->retry_later(error.message());
        const Socket::endpoint_type address(addresses.begin()->endpoint());
        self->socket_.async_connect(address, [weak](error_code failure) {
          if (const auto connector = weak.lock()) connector->connected(failure);
        });
      });
}

void Connector::connected(error_code error) {
  if (state_ != State::connecting) return;
  if (error) return retry_later(error.message());
  state_ = State::active;
  connected_at_ = Clock::now();
  backoff_ = {};
  last_error_.clear();
  Socket socket = std::move(socket_);
  socket_ = Socket(context_.io);
  clients_.adopt(std::move(socket), TlsRole::client, rpc::to_string(remote_));
}

void Connector::ended(const std::string& why) {
  disconnected_at_ = Clock::now();
  retry_later(why);
}

void Connector::retry_later(const std::string& why) {
  state_ = State::backoff;
  last_error_ = why;
  error_code ignored;
  socket_.close(ignored);
  const auto longest = std::max(options_.max_backoff, kFirstPause);
  backoff_ = std::min(backoff_.count() == 0 ? kFirstPause : backoff_ * 2, longest);
  timer_.expires_after(backoff_);
  timer_.async_wait([weak = std::weak_ptr(self_)](error_code cancelled) {
    const auto self = weak.lock();
    if (self && !cancelled) self->connect();
  });
}

void Connector::set_options(const EndpointOptions& options) {
  options_ = options;
  clients_.set_options(options);
}

void Connector::reconnect() {
  backoff_ = {};
  clients_.close_all("reconnecting by user request");
}

std::map<std::string, std::string> Connector::status() const {
  std::map<std::string, std::string> status;
  constexpr const char* kNames[] = {"BACKOFF", "CONNECTING", "ACTIVE"};
  status["state"] = kNames[static_cast<std::size_t>(state_)];
  if (!last_error_.empty()) status["last_error"] = last_error_;
  if (connected_at_) status["sec_since_connect"] = seconds_since(*connected_at_);
  if (disconnected_at_) status["sec_since_disconnect"] = seconds_since(*disconnected_at_);
  std::size_t held = 0;
  std::size_t waiting = 0;
  std::size_t lost = 0;
  clients_.count_locks(held, waiting, lost);
  if (held > 0) status["locks_held"] = std::to_string(held);
  if (waiting > 0) status["locks_waiting"] = std::to_string(waiting);
  if (lost > 0) status["locks_lost"] = std::to_string(lost);
  return status;
}

}  // namespace bondway::server
