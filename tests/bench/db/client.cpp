#include "tests/bench/db/client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bondway::bench {
namespace {

constexpr std::size_t kChunk = 65536;

std::runtime_error gone() { return std::runtime_error("the server closed the connection"); }

}  // namespace

Client::Client(const std::string& socket_path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), chunk_(kChunk) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_ < 0 || socket_path.size() >= sizeof address.sun_path)
    throw std::system_error(errno, std::generic_category(), "socket");
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(socket_);
    throw std::system_error(error, std::generic_category(), "connect");
  }
}

Client::~Client() { ::close(socket_); }

void Client::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw gone();
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool Client::fill(int flags) {
  ssize_t octets = 0;
  do octets = ::recv(socket_, chunk_.data(), chunk_.size(), flags);
  while (octets < 0 && errno == EINTR);
  if (octets < 0 && errno == EAGAIN) return false;
  if (octets <= 0) throw gone();
  in_.feed(std::string_view(chunk_.data(), static_cast<std::size_t>(octets)));
  return true;
}

std::string_view Client::receive() {
  while (true) {
    const auto message = in_.next();
    if (!message) throw std::runtime_error(message.error().message);
    if (*message) return **message;
    fill(0);
  }
}

std::string Client::call(std::string_view request) {
  send(request);
  return std::string(receive());
}

std::size_t Client::drain() {
  std::size_t messages = 0;
  while (fill(MSG_DONTWAIT))
    for (auto message = in_.next(); message && *message; message = in_.next()) ++messages;
  return messages;
}

}  // namespace bondway::bench
