#pragma once

#include <chrono>
#include <functional>
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

/// How we speak TLS to ssl: remotes: our certificate and key, and whom we trust.  Files are PEM.
///
/// Every file is read as soon as it is named.  What is wrong with it is told, in the words that
/// scripts know, and makes trouble only when TLS is really spoken.
class Tls {
 public:
  using Complain = std::function<void(const std::string&)>;
  explicit Tls(Complain complain);
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls();

  void use_private_key(const std::string& file);
  void use_certificate(const std::string& file);
  void use_ca(const std::string& file);
  /// The same, but if the file does not exist the peer's CA is trusted, and stored there.
  void bootstrap_ca(const std::string& file);
  /// CA certificates to send to the peer along with ours.
  void send_ca(const std::string& file);
  void use_protocols(const std::string& names);
  void use_ciphers(const std::string& names);

  /// Whether all that start() needs is there; tells what is not.
  bool is_complete() const;
  /// The client's side of TLS on a connected socket.
  Result<std::unique_ptr<Stream>> start(UniqueSocket socket, const std::string& host);

 private:
  struct Context;  ///< OpenSSL's; made when it is needed first, for that takes long
  Context& context();

  Complain complain_;
  std::unique_ptr<Context> context_;
  bool has_key_ = false, has_certificate_ = false, has_ca_ = false;
  std::string bootstrap_file_;  ///< empty: the CA is known
};

}  // namespace bondway::client
