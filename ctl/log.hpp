#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::ctl {

enum class Level : std::uint8_t { off, emer, err, warn, info, dbg };

/// The tool's log, ovs-vsctl(8), "Logging Options": lines for standard error, the system's log and
/// a file, `TIME|SEQUENCE|MODULE|LEVEL|TEXT`.
class Log {
 public:
  /// `-vSPEC`: a comma- or colon-separated list of a module, a destination and a level.
  Result<void> configure(std::string_view spec);
  /// `--log-file`.
  Result<void> open_file(const std::string& path);
  void set_level(std::string_view module, std::string_view destination, Level level);

  void write(Level level, std::string_view module, std::string_view text);

  /// Makes a signal that ends the process be logged first.
  void announce_fatal_signals();

 private:
  enum Destination : std::uint8_t { kSyslog, kConsole, kFile, kDestinations };
  using Levels = std::array<Level, kDestinations>;

  Level threshold(std::string_view module, Destination destination) const;
  Result<void> set_pattern(std::string_view spec);
  std::string format(std::string_view pattern, Level level, std::string_view module,
                     std::string_view text) const;

  Levels defaults_{Level::info, Level::warn, Level::info};
  std::map<std::string, Levels, std::less<>> modules_;
  std::array<std::string, kDestinations> patterns_{"ovs|%05N|%c|%p|%m",
                                                   "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c|%p|%m",
                                                   "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c|%p|%m"};
  unsigned sequence_ = 0;
  int file_ = -1;
};

}  // namespace bondway::ctl
