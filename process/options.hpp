#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/net/result.hpp"

namespace bondway::process {

class Log;
struct Paths;

/// One option of a command line, as getopt_long(3) knows it.
struct Option {
  enum class Argument { none, required, optional };
  std::string name;    ///< without "--"; empty if there is only a letter
  char letter = '\0';  ///< '\0' if there is only a name
  Argument argument = Argument::none;
  /// Called in the order of the command line.  An error ends the parsing; one without a message
  /// has been told already.
  std::function<Result<void>(std::optional<std::string> value)> take;
  /// What happens when something shorter than the name could also be another option that takes an
  /// argument just like this: an error, or the first of those that say `first`.
  enum class Ambiguity { error, first };
  Ambiguity ambiguity = Ambiguity::error;
};
using Options = std::vector<Option>;

enum class Order {
  permute,               ///< options may follow other arguments
  stop_at_first_operand  ///< what follows the first other argument is not looked at
};

/// Reads the command line and returns its operands.  When something is wrong, says so on standard
/// error in getopt's words, or as "PROGRAM: reason", and returns nothing: the program then exits
/// with status 1.
std::optional<std::vector<std::string>> parse_options(int argc, char* const* argv,
                                                      const Options& options, Order order);

/// --help, --version and the like: prints a text and ends the program with status 0 on the spot.
Option printing_option(std::string name, char letter, std::string text);
Option printing_option(std::string name, char letter, std::function<std::string()> text);

/// -v, --verbose, --log-file, --syslog-method, --syslog-target: performed on the spot.  A log file
/// that can't be opened is an error.
Options log_options(Log& log);
/// The section of --help that goes with it, with the blank line before it.
std::string log_options_help(std::string_view program, const Paths& paths);

/// All options, a line each, as shell completion wants them from --option: "--timeout=ARG", "-T
/// ARG".
std::string list_options(const Options& options);

void append(Options& options, Options more);

}  // namespace bondway::process
