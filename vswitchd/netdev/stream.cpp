#include "vswitchd/netdev/stream.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace bondway::netdev {
namespace {

constexpr std::size_t kMaxWaiting = 100;  ///< frames for one peer
constexpr std::size_t kMinFrame = 14, kLength = 2;

tl::unexpected<Error> reason() {
  return tl::unexpected(Error{std::generic_category().message(errno)});
}

UniqueFd make_socket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

sockaddr_un to_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

/// What an earlier listener left behind; any other kind of file stays.
void remove_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
}

}  // namespace

/// A connected socket, and what is half way through it.
struct FrameStream::Peer {
  explicit Peer(UniqueFd socket) : fd(std::move(socket)) {}

  /// Writes what the socket takes.  False when the connection has ended.
  bool drain() {
    while (!waiting.empty()) {
      const auto& first = waiting.front();
      const auto sent = ::send(fd.get(), first.data() + sent_of_first, first.size() - sent_of_first,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      sent_of_first += static_cast<std::size_t>(sent);
      if (sent_of_first < first.size()) return true;
      waiting.pop_front();
      sent_of_first = 0;
    }
    return true;
  }

  /// Reads what has arrived.  False when the connection has ended.
  bool fill() {
    std::array<std::uint8_t, 65536> chunk;
    const auto size = recv(fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    received.insert(received.end(), chunk.begin(), chunk.begin() + size);
    return size > 0;
  }

  /// Takes the complete frames out of what has arrived.  False if there is one that cannot be.
  bool unpack(FrameSink sink) {
    std::size_t at = 0;
    bool good = true;
    while (received.size() >= at + kLength) {
      const std::size_t size = static_cast<std::size_t>(received[at]) << 8 | received[at + 1];
      good = size >= kMinFrame;
      if (!good || received.size() < at + kLength + size) break;
      sink(FrameView{std::span(received).subspan(at + kLength, size), {}});
      at += kLength + size;
    }
    received.erase(received.begin(), received.begin() + static_cast<long>(at));
    return good;
  }

  UniqueFd fd;
  std::deque<std::vector<std::uint8_t>> waiting;
  std::size_t sent_of_first = 0;
  std::vector<std::uint8_t> received;
};

Result<std::unique_ptr<FrameStream>> FrameStream::open(const std::string& address) {
  const bool listening = address.starts_with("punix:");
  if (!listening && !address.starts_with("unix:")) return fail("not a unix: or punix: address");
  std::string path = address.substr(address.find(':') + 1);
  if (path.empty() || path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return fail("a socket's path has 1 to {} characters", sizeof(sockaddr_un{}.sun_path) - 1);
  }
  std::unique_ptr<FrameStream> stream(
      new FrameStream(listening ? Side::listening : Side::connecting, std::move(path)));
  if (listening) {
    if (auto done = stream->listen(); !done) return tl::unexpected(done.error());
  } else {
    stream->connect();
  }
  return stream;
}

FrameStream::FrameStream(Side side, std::string path)
    : side_(side), path_(std::move(path)), watch_(epoll_create1(EPOLL_CLOEXEC)) {
  if (side_ == Side::connecting) {
    retry_ = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    watch(retry_.get(), EPOLLIN, EPOLL_CTL_ADD);
  }
}

FrameStream::~FrameStream() {
  if (listener_) unlink(path_.c_str());
}

bool FrameStream::is_connected() const { return !peers_.empty(); }

bool FrameStream::send(const FrameView& frame) {
  const auto size = frame.octets.size();
  if (size > 0xffff) return false;
  std::vector<std::uint8_t> message{static_cast<std::uint8_t>(size >> 8),
                                    static_cast<std::uint8_t>(size & 0xff)};
  message.insert(message.end(), frame.octets.begin(), frame.octets.end());
  bool all = true;
  for (Peer& peer : peers_) {
    if (peer.waiting.size() >= kMaxWaiting) {
      all = false;
      continue;
    }
    peer.waiting.push_back(message);
    peer.drain();  // a connection that has ended shows in run()
    if (!peer.waiting.empty()) watch(peer.fd.get(), EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  }
  return all;
}

void FrameStream::run(FrameSink sink) {
  if (listener_) accept();
  if (retry_ && peers_.empty()) connect();
  const auto ended = [&](Peer& peer) { return !serve(peer, sink); };
  if (peers_.remove_if(ended) > 0 && side_ == Side::connecting) retry_later();
}

Result<void> FrameStream::listen() {
  listener_ = make_socket();
  const sockaddr_un address = to_address(path_);
  remove_socket(path_);
  if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 16) != 0) {
    auto failure = reason();
    listener_ = UniqueFd();
    return failure;
  }
  watch(listener_.get(), EPOLLIN, EPOLL_CTL_ADD);
  return {};
}

void FrameStream::accept() {
  for (;;) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    add_peer(std::move(fd));
  }
}

/// A local socket connects at once or not at all.
void FrameStream::connect() {
  std::uint64_t expirations = 0;
  static_cast<void>(!read(retry_.get(), &expirations, sizeof(expirations)));
  UniqueFd fd = make_socket();
  const sockaddr_un address = to_address(path_);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    add_peer(std::move(fd));
  } else {
    retry_later();
  }
}

void FrameStream::add_peer(UniqueFd fd) {
  watch(fd.get(), EPOLLIN, EPOLL_CTL_ADD);
  peers_.emplace_back(std::move(fd));
}

void FrameStream::retry_later() {
  const itimerspec second{{0, 0}, {1, 0}};
  timerfd_settime(retry_.get(), 0, &second, nullptr);
}

bool FrameStream::serve(Peer& peer, FrameSink sink) {
  if (!peer.drain()) return false;
  if (peer.waiting.empty()) watch(peer.fd.get(), EPOLLIN, EPOLL_CTL_MOD);
  const bool open = peer.fill();
  return peer.unpack(sink) && open;
}

void FrameStream::watch(int fd, unsigned events, int how) const {
  epoll_event event{};
  event.events = events;
  epoll_ctl(watch_.get(), how, fd, &event);
}

}  // namespace bondway::netdev
