#include "process/log_sinks.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "process/unique_fd.hpp"

namespace bondway::process {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::off:
    case LogLevel::emer:
      return spdlog::level::critical;
    case LogLevel::err:
      return spdlog::level::err;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::dbg:
      return spdlog::level::debug;
  }
  return spdlog::level::debug;
}

/// Sends each line as a datagram, unconnected, so that a receiver may come and go.
class DatagramSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  DatagramSink(const void* address, socklen_t length) : length_(length) {
    std::memcpy(&address_, address, length);
    fd_ = UniqueFd(::socket(address_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    (void)::sendto(fd_.get(), message.payload.data(), message.payload.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address_), length_);
  }
  void flush_() override {}

  UniqueFd fd_;
  sockaddr_storage address_{};
  socklen_t length_;
};

std::optional<in_port_t> parse_port(std::string_view text) {
  constexpr std::uint16_t kSyslogPort = 514;
  if (text.empty()) return htons(kSyslogPort);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return htons(port);
}

std::string_view without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

LogSink::LogSink(std::shared_ptr<spdlog::sinks::sink> sink) : sink_(std::move(sink)) {
  sink_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
}

void LogSink::write(LogLevel level, std::string_view line) {
  try {
    sink_->log(spdlog::details::log_msg({}, to_spdlog(level), {line.data(), line.size()}));
    sink_->flush();
  } catch (const spdlog::spdlog_ex&) {  // disk full or the like: there is nobody to tell
  }
}

LogSink console_sink() { return LogSink(std::make_shared<spdlog::sinks::stderr_sink_st>()); }

Result<LogSink> file_sink(const std::string& file) {
  // Opened here first for the mode and for errno, neither of which spdlog has.
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0660));
  if (!fd) return fail("{}", std::strerror(errno));
  try {
    return LogSink(std::make_shared<spdlog::sinks::basic_file_sink_st>(file));
  } catch (const spdlog::spdlog_ex& error) {
    return fail("{}", error.what());
  }
}

LogSink libc_syslog_sink(const std::string& ident, unsigned facility) {
  return LogSink(std::make_shared<spdlog::sinks::syslog_sink_st>(
      ident, LOG_NDELAY, static_cast<int>(facility), false));
}

LogSink unix_datagram_sink(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return LogSink(std::make_shared<DatagramSink>(&address, socklen_t{sizeof address}));
}

Result<LogSink> udp_sink(std::string_view ip_and_port) {
  const std::size_t colon = ip_and_port.rfind(':');
  if (colon == std::string_view::npos || ip_and_port.ends_with(']')) {
    return fail("{}: port must be specified", ip_and_port);
  }
  const auto port = parse_port(ip_and_port.substr(colon + 1));
  if (!port) return fail("{}: bad port number \"{}\"", ip_and_port, ip_and_port.substr(colon + 1));
  const std::string host(without_brackets(ip_and_port.substr(0, colon)));

  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = *port;
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    return LogSink(std::make_shared<DatagramSink>(&v4, socklen_t{sizeof v4}));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = *port;
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    return LogSink(std::make_shared<DatagramSink>(&v6, socklen_t{sizeof v6}));
  }
  return fail("{}: bad IP address \"{}\"", ip_and_port, host);
}

}  // namespace bondway::process
