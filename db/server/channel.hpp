#pragma once

#include <functional>
#include <memory>

#include "db/rpc/asio.hpp"

namespace boost::asio::ssl {
class context;
}

namespace bondway::server {

/// A connected byte stream, whatever carries it.  At most one read and one write at a time; their
/// handlers are called from the io_context, also after close(), which cancels both.
class Channel {
 public:
  using Done = std::function<void(boost::system::error_code error, std::size_t octets)>;

  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  virtual void read_some(asio::mutable_buffer into, Done done) = 0;
  virtual void write_some(asio::const_buffer from, Done done) = 0;
  virtual void close() = 0;
};

using Socket = asio::generic::stream_protocol::socket;

/// A unix or tcp socket that is connected.
std::unique_ptr<Channel> make_plain_channel(Socket socket);

enum class TlsRole : std::uint8_t { client, server };

/// Starts TLS on a connected socket and hands over the channel once both sides have shown their
/// certificates; null when that failed.
void make_tls_channel(
    Socket socket, std::shared_ptr<asio::ssl::context> context, TlsRole role,
    std::function<void(std::unique_ptr<Channel>, boost::system::error_code)> done);

}  // namespace bondway::server
