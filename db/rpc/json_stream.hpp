#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::rpc {

/// Cuts a byte stream into its top-level JSON values: JSON-RPC 1.0 over a stream has neither length
/// prefix nor delimiter, and messages arrive in pieces or many at once.
///
/// Finds only where a value ends (strings, escapes, nesting); parse_json() judges its inside. Looks
/// at every byte once, however the stream is cut.
class JsonStream {
 public:
  struct Limits {
    std::size_t bytes = std::size_t{256} << 20;  ///< of one value, and so of memory held
    std::size_t depth = 1000;                    ///< of nested arrays and objects
  };

  JsonStream() = default;
  explicit JsonStream(const Limits& limits) : limits_(limits) {}

  /// Takes what arrived.
  void feed(std::string_view bytes);

  /// The text of the next complete value, without the white space around it; empty when more bytes
  /// are needed.  A bare number or word at top level is complete when the byte after it has come.
  /// The view lives until the next call.  An error (a limit exceeded, a control character or a
  /// closing bracket out of place) is final: the stream can't be followed any further.
  Result<std::optional<std::string_view>> next();

  /// Bytes fed and not yet returned: what a slow or unfinished message costs.
  std::size_t pending() const { return buffer_.size() - start_; }

 private:
  enum class State : unsigned char { between, word, nested, string, escape, failed };

  /// Looks at buffer_[scanned_]; true when a value ends before `scanned_`.
  Result<bool> step();
  Result<bool> step_between(char c);
  Result<bool> step_nested(char c);
  Result<bool> step_string();
  Result<bool> open();
  Result<bool> close();

  Limits limits_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< where the value being scanned begins
  std::size_t scanned_ = 0;  ///< first byte not yet looked at
  std::size_t depth_ = 0;
  State state_ = State::between;
};

}  // namespace bondway::rpc
