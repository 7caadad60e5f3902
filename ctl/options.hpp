#pragma once

#include <string>
#include <vector>

#include "ctl/command.hpp"
#include "ctl/log.hpp"
#include "ctl/table.hpp"
#include "db/client/stream.hpp"

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

/// What the command line asks for instead of running commands.
enum class Request : std::uint8_t { run, help, version, list_commands, list_options, refused };

struct CommandLine {
  Request request = Request::run;
  Settings settings;
  std::vector<Call> calls;
};

/// Reads the command line; `refused` when getopt has already said what is wrong.  Sets up the log.
Result<CommandLine> parse_command_line(int argc, char** argv, Log& log);

std::string help_text();
std::string version_text();
std::string commands_text();
std::string options_text();

/// The whole command line, see quote_argument().
std::string quote_arguments(int argc, char** argv);

}  // namespace bondway::ctl
