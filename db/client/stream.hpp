#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::client {

class Tls;

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

/// Connects to `unix:FILE`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`.  `before_long_wait` is called
/// when that may take its time.
Result<std::unique_ptr<Stream>> open_stream(const std::string& remote, Tls& tls,
                                            const std::function<void()>& before_long_wait);

}  // namespace bondway::client
