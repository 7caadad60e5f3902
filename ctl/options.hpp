#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/command.hpp"
#include "ctl/table.hpp"
#include "db/client/stream.hpp"
#include "process/log.hpp"

namespace bondway::ctl {

/// What the options before the commands say.
struct Settings {
  std::string remote;
  bool wait = true;
  bool dry_run = false;
  bool one_line = false;
  bool retry = false;
  unsigned timeout = 0;  ///< seconds; 0: none
  TableStyle style;
  client::TlsFiles tls;
};

struct CommandLine {
  Settings settings;
  std::vector<Call> calls;
};

/// Reads the command line and sets up the log.  When something is wrong, says so on standard error
/// and returns nothing: the program then exits with status 1.  --help and the like are answered on
/// the spot and end the program.
std::optional<CommandLine> parse_command_line(int argc, char** argv, process::Log& log);

/// The commands, and the options of each, for whoever documents or completes them: one a line,
/// `[--OPTION] ,NAME,ARGUMENTS`.
std::string commands_text();

}  // namespace bondway::ctl
