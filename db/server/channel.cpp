#include "db/server/channel.hpp"

#include <boost/asio/ssl.hpp>

namespace bondway::server {
namespace {

using boost::system::error_code;

void close_socket(Socket& socket) {
  error_code ignored;
  socket.shutdown(Socket::shutdown_both, ignored);
  socket.close(ignored);
}

class PlainChannel final : public Channel {
 public:
  explicit PlainChannel(Socket socket) : socket_(std::move(socket)) {}

  void read_some(asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write_some(asio::const_buffer from, Done done) override {
    socket_.async_write_some(from, std::move(done));
  }
  void close() override { close_socket(socket_); }

 private:
  Socket socket_;
};

class TlsChannel final : public Channel {
 public:
  using Stream = asio::ssl::stream<Socket>;

  TlsChannel(Socket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  void read_some(asio::mutable_buffer into, Done done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void write_some(asio::const_buffer from, Done done) override {
    stream_.async_write_some(from, std::move(done));
  }
  /// Without TLS's good-bye, which a dead peer would keep us waiting for.
  void close() override { close_socket(stream_.next_layer()); }

  Stream& stream() { return stream_; }

 private:
  std::shared_ptr<asio::ssl::context> context_;
  Stream stream_;
};

}  // namespace

std::unique_ptr<Channel> make_plain_channel(Socket socket) {
  return std::make_unique<PlainChannel>(std::move(socket));
}

void make_tls_channel(Socket socket, std::shared_ptr<asio::ssl::context> context, TlsRole role,
                      std::function<void(std::unique_ptr<Channel>, error_code)> done) {
  constexpr auto kPatience = std::chrono::seconds(10);
  struct Handshake {
    std::unique_ptr<TlsChannel> channel;
    asio::steady_timer timer;
  };
  const auto executor = socket.get_executor();
  auto state = std::make_shared<Handshake>(
      Handshake{std::make_unique<TlsChannel>(std::move(socket), std::move(context)),
                asio::steady_timer(executor)});
  state->timer.expires_after(kPatience);
  state->timer.async_wait([weak = std::weak_ptr(state)](error_code error) {
    const auto handshake = weak.lock();
    if (!error && handshake && handshake->channel) handshake->channel->close();
  });
  const auto type =
      role == TlsRole::server ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
  state->channel->stream().async_handshake(type, [state, done = std::move(done)](error_code error) {
    state->timer.cancel();
    if (error) return done(nullptr, error);
    done(std::move(state->channel), error);
  });
}

}  // namespace bondway::server
