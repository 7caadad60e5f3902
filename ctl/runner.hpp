#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ctl/options.hpp"
#include "db/engine/schema.hpp"

namespace bondway::ctl {

/// What the process ends with.
struct Ending {
  int status = 0;
  std::string out;                      ///< for standard output
  std::vector<std::string> complaints;  ///< for standard error, after the program's name
};

/// Connects, runs the commands on one instant of the database, commits their changes as one
/// transaction, again from the start when somebody else was faster, and waits for the daemon.
/// `description` goes into the database's log with the transaction; `before_long_wait` is called
/// when something takes its time.
Ending run_commands(const CommandLine& line, const db::Schema& schema, process::Log& log,
                    const std::string& description, const std::function<void()>& before_long_wait);

}  // namespace bondway::ctl
