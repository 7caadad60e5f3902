#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "db/client/stream.hpp"

namespace bondway::client {

/// Owns a socket.
class UniqueSocket {
 public:
  explicit UniqueSocket(int fd) : fd_(fd) {}
  UniqueSocket(UniqueSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueSocket& operator=(UniqueSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueSocket(const UniqueSocket&) = delete;
  UniqueSocket& operator=(const UniqueSocket&) = delete;
  ~UniqueSocket();

  int get() const { return fd_; }

 private:
  int fd_;
};

/// False when nothing can be read within `patience`.
bool wait_readable(int fd, std::chrono::milliseconds patience);

/// The client's side of TLS on a connected socket: presents our certificate and verifies the peer's
/// against the CA of `files`.
Result<std::unique_ptr<Stream>> start_tls(UniqueSocket socket, const std::string& host,
                                          const TlsFiles& files);

}  // namespace bondway::client
