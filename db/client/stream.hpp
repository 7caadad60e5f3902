#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::client {

/// What ssl: remotes need.  Paths of PEM files; empty: not given.
struct TlsFiles {
  std::string private_key, certificate, ca_cert;
  std::string bootstrap_ca_cert;  ///< the peer's CA is stored here when the file does not exist yet
  std::string peer_ca_cert;       ///< CA certificates to send to the peer
  std::string protocols, ciphers;  ///< OpenSSL's defaults when empty
};

/// A connected byte stream that blocks.  Errors carry the system's words ("Connection refused");
/// an orderly end of the peer's stream is "End of file".
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// All of `bytes`, or an error.  What the peer sends meanwhile is not read.
  virtual Result<void> write(std::string_view bytes) = 0;

  /// At least one byte, appended to `out`.  False when `patience` passed without one; without
  /// patience it waits for as long as it takes.
  virtual Result<bool> read(std::string& out,
                            std::optional<std::chrono::milliseconds> patience) = 0;
};

/// Connects to `unix:FILE`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`.
Result<std::unique_ptr<Stream>> open_stream(const std::string& remote, const TlsFiles& tls);

}  // namespace bondway::client
