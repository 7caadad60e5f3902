#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "process/command_table.hpp"

namespace boost::asio {
class io_context;
}

namespace bondway::process {

class Clock;
class Log;

/// What every daemon answers; each function adds its rows.  Objects handed over by reference and
/// whatever functions refer to outlive the table.

/// list-commands and version; `version` as --version prints it: "ovs-vswitchd (Open
/// vSwitch) 3.1.0".
void add_general_commands(CommandTable& table, std::string version);

/// exit: `end` is called with the arguments after the answer has been sent.
void add_exit_command(CommandTable& table, std::string usage, std::size_t max_args,
                      std::function<void(const Args&)> end);

/// vlog/*.
void add_log_commands(CommandTable& table, Log& log);

/// memory/show: name and value of what the caller counts.
using MemoryUsage = std::map<std::string, std::uint64_t>;
void add_memory_command(CommandTable& table, std::function<MemoryUsage()> usage);

/// coverage/show and coverage/read-counter.
struct CoverageCounter {
  std::string name;
  std::uint64_t total = 0;
  double per_second_5s = 0, per_second_minute = 0, per_second_hour = 0;
};
void add_coverage_commands(CommandTable& table,
                           std::function<std::vector<CoverageCounter>()> counters);

/// time/stop and time/warp, for tests.  `pass` performs all that is due at clock.now(), as one
/// pass of the main loop does; it is called after each step, and between two steps `io` gets a
/// turn, so that sockets and queues are served in between.
void add_time_commands(CommandTable& table, Clock& clock, boost::asio::io_context& io,
                       std::function<void()> pass);

}  // namespace bondway::process
