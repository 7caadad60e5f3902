#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::db {

struct ToolSettings {
  std::string default_database{};  ///< where no DB is named
  /// For the log: why a lock was not to be had.
  std::function<void(const std::string& text)> warn{};
};

/// What a command leaves for the shell.
struct ToolOutcome {
  std::string output{};    ///< for standard output
  std::string warnings{};  ///< for standard error, whole lines
  int status = 0;
};

/// One thing the tool can do.  Dispatch, checks and help all read this row.
struct ToolCommand {
  std::string_view name, arguments, summary;
  std::size_t min_arguments, max_arguments;
  /// The error is printed as "ovsdb-tool: MESSAGE"; the status is then 1.
  Result<ToolOutcome> (*run)(const ToolSettings& settings, std::span<const std::string> arguments);
};

std::span<const ToolCommand> tool_commands();

/// Finds and runs a command line without its options.
Result<ToolOutcome> run_tool(const ToolSettings& settings, std::span<const std::string> words);

}  // namespace bondway::db
