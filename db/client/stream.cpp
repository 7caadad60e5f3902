#include "db/client/stream.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "db/client/tls.hpp"
#include "db/rpc/remote.hpp"

namespace bondway::client {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;

tl::unexpected<Error> system_error(int number) {
  return fail("{}", std::strerror(number));  // NOLINT(concurrency-mt-unsafe): one thread
}

class SocketStream final : public Stream {
 public:
  explicit SocketStream(UniqueSocket socket) : socket_(std::move(socket)) {}

  Result<void> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno != EINTR) {
        return system_error(errno == EPIPE ? ECONNRESET : errno);  // both: the peer is gone
      }
    }
    return {};
  }

  Result<bool> read(std::string& out, std::optional<std::chrono::milliseconds> patience) override {
    if (patience && !wait_readable(socket_.get(), *patience)) return false;
    const std::size_t before = out.size();
    out.resize(before + kChunk);
    ssize_t got = 0;
    do {
      got = ::recv(socket_.get(), out.data() + before, kChunk, 0);
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    out.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0) return system_error(error);
    if (got == 0) return fail("End of file");
    return true;
  }

 private:
  UniqueSocket socket_;
};

Result<UniqueSocket> connect_unix(const std::string& path,
                                  const std::function<void()>& before_long_wait) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return system_error(ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return system_error(errno);
  const auto connect = [&] {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  bool connected = connect() == 0;
  const bool is_busy = !connected && errno == EAGAIN;
  if (!connected && !is_busy) return system_error(errno);
  ::fcntl(socket.get(), F_SETFL, 0);
  if (is_busy) {
    before_long_wait();
    connected = connect() == 0;
  }
  if (!connected) return system_error(errno);
  return socket;
}

Result<UniqueSocket> connect_tcp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // An address needs none of the machinery that looks up names.
  for (const int kind : {AI_NUMERICHOST, 0}) {
    hints.ai_flags = AI_NUMERICSERV | kind;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) == 0) break;
  }
  if (found == nullptr) return system_error(ENOENT);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    UniqueSocket socket(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.get() >= 0 && ::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0) {
      const int on = 1;  // requests are small and answered one by one
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    error = errno;
  }
  return system_error(error);
}

}  // namespace

UniqueSocket::~UniqueSocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool wait_readable(int fd, std::chrono::milliseconds patience) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, static_cast<int>(patience.count())) != 0;
}

Result<std::unique_ptr<Stream>> open_stream(const std::string& text, Tls& tls,
                                            const std::function<void()>& before_long_wait) {
  const bool known =
      text.starts_with("unix:") || text.starts_with("tcp:") || text.starts_with("ssl:");
  if (!known) return system_error(EAFNOSUPPORT);
  const Result<rpc::Remote> remote = rpc::parse_remote(text);
  if (!remote) return system_error(EAFNOSUPPORT);
  if (remote->transport == rpc::Transport::ssl && !tls.is_complete()) {
    return system_error(ENOPROTOOPT);
  }
  const bool is_local = remote->transport == rpc::Transport::unix_socket;
  if (!is_local) before_long_wait();
  Result<UniqueSocket> socket = is_local ? connect_unix(remote->path, before_long_wait)
                                         : connect_tcp(remote->host, remote->port);
  if (!socket) return tl::unexpected(socket.error());
  if (remote->transport == rpc::Transport::ssl) {
    return tls.start(std::move(*socket), remote->host);
  }
  return std::make_unique<SocketStream>(std::move(*socket));
}

}  // namespace bondway::client
