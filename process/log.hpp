#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "process/log_pattern.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::process {

class Log;
struct LogModule;

enum class LogDestination : std::uint8_t { console, syslog, file };

/// Lets a burst of messages pass, then so many a minute; the first one that passes after others
/// were dropped is preceded by a line that counts them.  A place in the code that a peer or a user
/// can reach at will owns one, usually shared by everything of its kind.
class LogRateLimit {
 public:
  LogRateLimit(unsigned per_minute, unsigned burst);

  struct Verdict {
    bool pass = false;
    unsigned dropped = 0;          ///< since the last that passed; told together with `pass`
    std::chrono::seconds since{};  ///< the first of them is that long ago
    std::chrono::seconds last{};   ///< the most recent
  };
  Verdict admit(TimePoint now);

 private:
  std::int64_t fill_;  ///< tokens, in milliseconds: one message costs a minute's worth of them
  std::int64_t rate_;
  std::int64_t burst_;
  std::optional<TimePoint> filled_;
  unsigned dropped_ = 0;
  TimePoint first_drop_, last_drop_;
};

/// The handle with which one part of a program writes: `log_.warn("bond {}: ...", name);`
/// Cheap to copy and to ask; one that was made from nothing is silent.  The Log outlives it.
/// Any thread may write.
class Logger {
 public:
  Logger() = default;

  bool enabled(LogLevel level) const;

  template <typename... Args>
  void write(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) emit(level, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void emer(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::emer, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void err(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::err, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::warn, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::info, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void dbg(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::dbg, format, std::forward<Args>(args)...);
  }

  /// The same within a limit, unless vlog/disable-rate-limit lifted it for this module.
  template <typename... Args>
  void limited(LogRateLimit& limit, LogLevel level, fmt::format_string<Args...> format,
               Args&&... args) const {
    if (enabled(level) && admit(limit, level)) {
      emit(level, fmt::format(format, std::forward<Args>(args)...));
    }
  }

 private:
  friend class Log;
  Logger(Log& log, LogModule& module) : log_(&log), module_(&module) {}

  void emit(LogLevel level, std::string_view message) const;
  bool admit(LogRateLimit& limit, LogLevel level) const;

  Log* log_ = nullptr;
  LogModule* module_ = nullptr;
};

/// Where a program's messages go: console (standard error), syslog and, once opened, a file; each
/// with a level per module and a pattern.  main makes one and hands it, or Loggers, on.
///
/// Safe from any thread.  Trouble with a destination never reaches who writes.
class Log {
 public:
  struct Setup {
    std::string program;    ///< %A, and the ident of syslog
    std::string directory;  ///< of the default log file, PROGRAM.log
    /// Shown by vlog/list and accepted by set() from the start; see log_modules.hpp.
    std::span<const std::string_view> modules;
    /// What rate limits go by; the steady clock if empty.
    std::function<TimePoint()> now;
  };
  explicit Log(Setup setup);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// The handle for a module, which is added if it is new.
  Logger module(std::string_view name);

  /// One SPEC of -v or vlog/set: words of module, destination and level, PATTERN:DEST:PATTERN or
  /// FACILITY:NAME.  An empty one sets everything to dbg.  On error nothing is changed.
  Result<void> set(std::string_view spec);

  /// Opens the log file for appending, DIRECTORY/PROGRAM.log unless named, and says so in it; a
  /// failure is a warning on the other destinations (and the result), and the program goes on.
  Result<void> open_file(std::optional<std::string> file = {});
  Result<void> reopen_file();  ///< fails when no file was ever asked for
  void close_file();
  /// Makes the log file another user's, who is to reopen it later; for --user.
  void change_owner(uid_t user, gid_t group);

  /// libc, null, unix:FILE or udp:IP:PORT.
  Result<void> set_syslog_method(std::string_view method);
  /// Sends everything for syslog to HOST:PORT over UDP as well.
  void set_syslog_target(std::string_view host_and_port);

  void set_level(LogDestination destination, LogLevel level);  ///< of all modules
  /// What %t and %T show for the main thread; other threads show their kernel name.
  void set_subprogram(std::string name);

  /// vlog/enable-rate-limit and vlog/disable-rate-limit; no module: all.
  Result<void> set_rate_limiting(std::string_view module, bool enabled);

  std::string list() const;           ///< vlog/list
  std::string list_patterns() const;  ///< vlog/list-pattern

 private:
  friend class Logger;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bondway::process
