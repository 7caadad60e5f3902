#include "db/rpc/json_stream.hpp"

namespace bondway::rpc {
namespace {

/// What a stream between two messages may go on holding.
constexpr std::size_t kKeptCapacity = 4096;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// What may follow a bare word or number.
bool ends_word(char c) {
  return is_space(c) || c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':' ||
         c == '"';
}

bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

void JsonStream::feed(std::string_view bytes) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  buffer_ += bytes;
}

Result<std::optional<std::string_view>> JsonStream::next() {
  if (state_ == State::failed) return fail("the stream is broken");
  while (scanned_ < buffer_.size()) {
    const Result<bool> complete = step();
    if (!complete) {
      state_ = State::failed;
      return tl::unexpected(complete.error());
    }
    if (*complete) {
      const std::string_view value(buffer_.data() + start_, scanned_ - start_);
      start_ = scanned_;
      state_ = State::between;
      return value;
    }
    if (scanned_ - start_ > limits_.bytes) {
      state_ = State::failed;
      return fail("message longer than the limit of {} bytes", limits_.bytes);
    }
  }
  if (start_ == buffer_.size() && buffer_.capacity() > kKeptCapacity) {
    buffer_ = std::string();
    start_ = scanned_ = 0;
  }
  return std::nullopt;
}

Result<bool> JsonStream::step() {
  const char c = buffer_[scanned_];
  switch (state_) {
    case State::between:
      return step_between(c);
    case State::word:
      if (ends_word(c)) return true;
      ++scanned_;
      return false;
    case State::nested:
      return step_nested(c);
    case State::string:
      return step_string();
    default:  // escape: whatever follows the backslash does not end the string
      ++scanned_;
      state_ = State::string;
      return false;
  }
}

Result<bool> JsonStream::step_between(char c) {
  if (is_space(c)) {
    start_ = ++scanned_;
    return false;
  }
  if (c == '{' || c == '[') return open();
  if (c == '"') {
    ++scanned_;
    state_ = State::string;
    return false;
  }
  if (!begins_word(c)) return fail("unexpected character {:#04x}", static_cast<unsigned char>(c));
  ++scanned_;
  state_ = State::word;
  return false;
}

Result<bool> JsonStream::step_nested(char c) {
  if (c == '{' || c == '[') return open();
  if (c == '}' || c == ']') return close();
  if (static_cast<unsigned char>(c) < 0x20 && !is_space(c))
    return fail("unexpected character {:#04x}", static_cast<unsigned char>(c));
  ++scanned_;
  if (c == '"') state_ = State::string;
  return false;
}

/// Runs to the next byte of interest, so that long strings cost little.
Result<bool> JsonStream::step_string() {
  while (scanned_ < buffer_.size()) {
    const char c = buffer_[scanned_++];
    if (c == '"') {
      state_ = State::nested;
      return depth_ == 0;
    }
    if (c == '\\') {
      state_ = State::escape;
      return false;
    }
    if (static_cast<unsigned char>(c) < 0x20)
      return fail("control character {:#04x} in a string", static_cast<unsigned char>(c));
  }
  return false;
}

Result<bool> JsonStream::open() {
  if (++depth_ > limits_.depth) return fail("nested more than {} deep", limits_.depth);
  ++scanned_;
  state_ = State::nested;
  return false;
}

Result<bool> JsonStream::close() {
  if (depth_ == 0) return fail("closing bracket without an opening one");
  ++scanned_;
  return --depth_ == 0;
}

}  // namespace bondway::rpc
