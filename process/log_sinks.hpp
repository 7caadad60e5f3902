#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "process/log_pattern.hpp"
#include "vswitchd/net/result.hpp"

namespace spdlog::sinks {
class sink;
}

namespace bondway::process {

/// Where finished lines of one destination go.  Not for two threads at once.
class LogSink {
 public:
  explicit LogSink(std::shared_ptr<spdlog::sinks::sink> sink);
  void write(LogLevel level, std::string_view line);

 private:
  std::shared_ptr<spdlog::sinks::sink> sink_;
};

LogSink console_sink();
/// Appends; the error is that of open(2) as text.
Result<LogSink> file_sink(const std::string& file);
/// `facility` is a multiple of 8, as <syslog.h> has it.
LogSink libc_syslog_sink(const std::string& ident, unsigned facility);
/// A datagram a line; what can't be sent is lost.
LogSink unix_datagram_sink(std::string_view path);
/// `ip_and_port` is IP:PORT, an IPv6 address in brackets.
Result<LogSink> udp_sink(std::string_view ip_and_port);

}  // namespace bondway::process
