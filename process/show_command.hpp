#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "process/command_table.hpp"

namespace bondway::process {

/// Version of the schema of docs/appctl-json.md.  What is only added there leaves it as it is; what
/// is renamed, removed or changes its meaning increases it.
inline constexpr int kJsonVersion = 1;

/// `{"schema_version": 1, NAME: VALUE}`: the JSON form of an answer.
inline nlohmann::json versioned(std::string_view name, nlohmann::json value) {
  nlohmann::json answer{{"schema_version", kJsonVersion}};
  answer[std::string(name)] = std::move(value);
  return answer;
}

/// A command that shows something: `take` makes a snapshot of it (a Result), which `to_text` and
/// `to_json` render.
template <typename Take, typename ToText, typename ToJson>
Command show_command(std::string name, std::string usage, std::size_t min_args,
                     std::size_t max_args, Take take, ToText to_text, ToJson to_json) {
  Command command{.name = std::move(name),
                  .usage = std::move(usage),
                  .min_args = min_args,
                  .max_args = max_args};
  command.run = [take, to_text](const Args& args) -> Result<std::string> {
    return take(args).map(to_text);
  };
  command.json = [take, to_json](const Args& args) -> Result<nlohmann::json> {
    auto snapshot = take(args);
    if (!snapshot) return tl::unexpected(snapshot.error());
    return to_json(*snapshot);
  };
  return command;
}

}  // namespace bondway::process
