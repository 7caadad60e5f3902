#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/command.hpp"
#include "ctl/table.hpp"
#include "db/client/tls.hpp"
#include "process/log.hpp"

namespace bondway::ctl {

/// What becomes of advice about settings that will not do what they say.
enum class Advice : std::uint8_t {
  to_people,  ///< told when standard error is a terminal
  always,     ///< told: --lint
  binding     ///< an error: --strict
};

/// What the options before the commands say.
struct Settings {
  std::string remote;
  bool wait = true;
  bool dry_run = false;
  bool one_line = false;
  bool retry = false;
  unsigned timeout = 0;  ///< seconds; 0: none
  Advice advice = Advice::to_people;
  bool complete = false;           ///< --complete: tell how the last word may go on instead
  std::vector<std::string> words;  ///< with --complete: all that follow
  TableStyle style;
  std::shared_ptr<client::Tls> tls;
};

struct CommandLine {
  Settings settings;
  std::vector<Call> calls;
};

/// Reads the command line and sets up the log.  When something is wrong, says so on standard error
/// and returns nothing: the program then exits with status 1.  --help and the like are answered on
/// the spot and end the program.
std::optional<CommandLine> parse_command_line(int argc, char** argv, process::Log& log);

/// The commands that `words` name, with "--" between them.
Result<std::vector<Call>> parse_commands(std::span<const std::string> words);

/// The commands, and the options of each, for whoever documents or completes them: one a line,
/// `[--OPTION] ,NAME,ARGUMENTS`.
std::string commands_text();

}  // namespace bondway::ctl
