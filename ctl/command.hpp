#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/table.hpp"
#include "ctl/view.hpp"
#include "db/engine/schema.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::ctl {

struct Command;

/// One command as typed: `[--option[=VALUE]]... NAME ARGUMENT...`.
struct Call {
  const Command* command = nullptr;
  std::vector<std::string> arguments;
  std::map<std::string, std::string, std::less<>> options;  ///< without the dashes

  bool has(std::string_view option) const { return options.contains(option); }
  std::optional<std::string> option(std::string_view name) const;
  /// As messages quote it: the options in the order of the command's table.
  std::string text() const;
};

/// An argument as messages and logs show it: in double quotes if a blank, a quote or a backslash is
/// in it.
std::string quote_argument(std::string_view argument);
std::string quote_arguments(int argc, char** argv);

/// What a name like `@bond` stands for in this run.
struct RowId {
  db::Uuid uuid;
  bool is_defined = false;  ///< by create or get
  bool is_created = false;
  bool has_strong_reference = false, has_weak_reference = false;
};

/// A line for the log and, if bad enough, for standard error.
struct Warning {
  std::string module, text;
};

/// Text whose row ids are known only once the database has chosen them.
struct Output {
  std::string text;
  std::optional<TableText> table;
  Row* created = nullptr;  ///< its uuid is all of the output
};

/// What the commands of one run share, and leave behind.
struct Run {
  View& view;
  std::map<std::string, RowId, std::less<>> row_ids = {};
  std::vector<Warning> warnings = {};
  std::vector<std::string> advice = {};   ///< about settings that will not do what they say
  std::vector<Row*> new_interfaces = {};  ///< whose set-up by the daemon is to be reported
};

enum class Next : std::uint8_t {
  go_on,
  try_again,  ///< when the database has changed
  exit_2,     ///< at once, without output or change
};

/// One command at work.
struct Context {
  Run& run;
  const Call& call;
  bool is_last = false;  ///< nothing looks at its changes before they are sent
  Output output = {};

  View& view() { return run.view; }
  const std::string& argument(std::size_t i) const { return call.arguments[i]; }
  std::size_t count() const { return call.arguments.size(); }
  std::span<const std::string> arguments_from(std::size_t i) const {
    return std::span(call.arguments).subspan(std::min(i, call.arguments.size()));
  }
};

using Done = Result<Next>;

enum class Writes : std::uint8_t { no, yes };

/// One thing that the tool can do.  Dispatch, checks of the command line, --help, --commands, the
/// manual page and completion all read this row.
struct Command {
  std::string_view name;
  std::size_t min_arguments, max_arguments;
  std::string_view arguments;  ///< as --commands prints them
  std::string_view options;    ///< "--may-exist,--id="; with "=": has a value
  /// Before anything is read: checks what can be checked without the database, and announces what
  /// run() will ask it.  May be null.
  Result<void> (*prepare)(Context&);
  Done (*run)(Context&);
  Writes writes;
  std::string_view group, summary;  ///< for people
};

inline constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

/// Calls `visit(name, has_value)` for each option of a command, in the order of its row.
template <typename Visit>
void for_each_option(const Command& command, const Visit& visit) {
  for (std::string_view rest = command.options; !rest.empty();) {
    std::string_view name = rest.substr(2, rest.find(',') - 2);
    rest.remove_prefix(std::min(name.size() + 3, rest.size()));
    const bool has_value = name.ends_with('=');
    if (has_value) name.remove_suffix(1);
    visit(name, has_value);
  }
}

/// All commands, in the order of the documentation.
std::span<const Command> commands();
const Command* find_command(std::string_view name);

}  // namespace bondway::ctl
