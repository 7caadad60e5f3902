#include "process/log_pattern.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <ctime>

namespace bondway::process {
namespace {

using std::chrono::milliseconds;

/// How an expansion fills its field.
struct Field {
  bool left = false;
  char pad = ' ';
  std::size_t width = 0;
};

/// Reads a pattern from left to right; past its end come NULs.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  char take() { return done() ? '\0' : text_[at_++]; }
  bool accept(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Field field() {
    Field field;
    field.left = accept('-');
    if (accept('0')) field.pad = '0';
    while (std::isdigit(static_cast<unsigned char>(peek())) != 0) {
      const auto digit = static_cast<std::size_t>(take() - '0');
      if (field.width < kWidest) field.width = field.width * 10 + digit;
    }
    return field;
  }

  /// "{...}" if it is there, else `otherwise`; without its closing brace it goes to the end.
  std::string_view braces(std::string_view otherwise) {
    if (!accept('{')) return otherwise;
    const std::string_view inside = text_.substr(at_, text_.find('}', at_) - at_);
    at_ += inside.size() + 1;
    return inside;
  }

 private:
  static constexpr std::size_t kWidest = 100;
  std::string_view text_;
  std::size_t at_ = 0;
};

enum class Zone { local, utc };

/// strftime(3), in which each '#' gives the next digit of the fraction of the second.
std::string format_time(std::string_view format, std::chrono::system_clock::time_point time,
                        Zone zone) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(second);
  std::tm broken_down{};
  if (zone == Zone::utc) {
    gmtime_r(&seconds, &broken_down);
  } else {
    localtime_r(&seconds, &broken_down);
  }
  std::array<char, 512> buffer;
  const std::size_t length =
      std::strftime(buffer.data(), buffer.size(), std::string(format).c_str(), &broken_down);
  std::string text(buffer.data(), length);

  auto fraction = std::chrono::duration_cast<milliseconds>(time - second).count();
  for (char& c : text) {
    if (c != '#') continue;
    c = static_cast<char>('0' + fraction / 100);
    fraction = fraction % 100 * 10;
  }
  return text;
}

/// RFC 5424, 6.2.1.
unsigned syslog_severity(LogLevel level) {
  switch (level) {
    case LogLevel::off:
    case LogLevel::emer:
      return 1;
    case LogLevel::err:
      return 3;
    case LogLevel::warn:
      return 4;
    case LogLevel::info:
      return 6;
    case LogLevel::dbg:
      return 7;
  }
  return 7;
}

constexpr std::string_view kIsoTime = "%Y-%m-%d %H:%M:%S.###";

std::string expand(char escape, Reader& reader, const LogRecord& record) {
  switch (escape) {
    case 'A':
      return std::string(record.application);
    case 'B':
      return fmt::to_string(record.facility + syslog_severity(record.level));
    case 'c':
      return std::string(record.module);
    case 'd':
      return format_time(reader.braces(kIsoTime), record.time, Zone::local);
    case 'D':
      return format_time(reader.braces(kIsoTime), record.time, Zone::utc);
    case 'E':
      return std::string(record.hostname);
    case 'm':
      return std::string(record.message);
    case 'N':
      return fmt::to_string(record.number);
    case 'n':
      return "\n";
    case 'p':
      return std::string(to_string(record.level));
    case 'P':
      return fmt::to_string(record.pid);
    case 'r':
      return fmt::to_string(record.since_start.count());
    case 't':
      return std::string(record.subprogram.empty() ? "main" : record.subprogram);
    case 'T':
      return record.subprogram.empty() ? std::string() : fmt::format("({})", record.subprogram);
    case '\0':
      return "";
    default:
      return std::string(1, escape);
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 6> kNames{"OFF", "EMER", "ERR", "WARN", "INFO", "DBG"};
  return kNames.at(static_cast<std::size_t>(level));
}

std::string render(std::string_view pattern, const LogRecord& record) {
  std::string out;
  Reader reader(pattern);
  while (!reader.done()) {
    const char c = reader.take();
    if (c != '%') {
      out += c;
      continue;
    }
    const Field field = reader.field();
    const std::string text = expand(reader.take(), reader, record);
    const std::size_t padding = field.width > text.size() ? field.width - text.size() : 0;
    if (!field.left) out.append(padding, field.pad);
    out += text;
    if (field.left) out.append(padding, field.pad);
  }
  return out;
}

}  // namespace bondway::process
