#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "process/unix_socket.hpp"

namespace bondway::test {

/// A client that sends and receives just the bytes it is told to.
class RawClient {
 public:
  explicit RawClient(const std::string& path) {
    auto fd = process::connect_unix(path);
    if (!fd) throw std::runtime_error("cannot connect to " + path);
    fd_ = std::move(*fd);
    const timeval patience{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Sends as much as is taken without waiting; the number of bytes.
  std::size_t send_without_waiting(std::string_view text) {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }

  /// Exactly so many bytes, or less and "<EOF>" or "<ERROR>".
  std::string receive(std::size_t size) {
    std::string text;
    std::array<char, 65536> buffer;
    while (text.size() < size) {
      const ssize_t got =
          ::recv(fd_.get(), buffer.data(), std::min(buffer.size(), size - text.size()), 0);
      if (got == 0) return text + "<EOF>";
      if (got < 0) return text + "<ERROR>";
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

  std::string ask(std::string_view request, std::string_view expected_answer) {
    send(request);
    return receive(expected_answer.size());
  }

  /// Everything until the server hangs up.
  std::string receive_all() { return receive(std::string::npos); }

  void stop_sending() { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  process::UniqueFd fd_;
};

}  // namespace bondway::test
