#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace bondway::process {

/// In descending severity; a destination at level L takes messages of L and everything before it.
enum class LogLevel : std::uint8_t { off, emer, err, warn, info, dbg };

/// "OFF", "EMER", "ERR", "WARN", "INFO", "DBG".
std::string_view to_string(LogLevel level);

/// All that a pattern can show of one message.
struct LogRecord {
  std::string_view application;     ///< %A
  std::string_view module;          ///< %c
  std::string_view message;         ///< %m
  std::string_view subprogram;      ///< %t; %T puts it in parentheses; empty for the main thread
  std::string_view hostname;        ///< %E
  LogLevel level = LogLevel::info;  ///< %p
  unsigned facility = 0;            ///< as <syslog.h> has it, a multiple of 8; %B
  unsigned number = 0;              ///< %N, from 1
  int pid = 0;                      ///< %P
  std::chrono::system_clock::time_point time;  ///< %d, %D
  std::chrono::milliseconds since_start{0};    ///< %r
};

/// Expands a pattern as ovs-appctl(8), "vlog/set PATTERN", describes; an unknown escape stands
/// for its character.  Opens nothing; the local time zone matters for %d alone.
std::string render(std::string_view pattern, const LogRecord& record);

}  // namespace bondway::process
