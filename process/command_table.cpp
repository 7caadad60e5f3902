#include "process/command_table.hpp"

#include <nlohmann/json.hpp>  // Command's functions speak of values, not of names

namespace bondway::process {

void CommandTable::add(Command command) {
  std::string name = command.name;
  commands_.insert_or_assign(std::move(name), std::move(command));
}

void CommandTable::add(std::string name, std::string usage, std::size_t min_args,
                       std::size_t max_args, std::function<Result<std::string>(const Args&)> run) {
  add(Command{.name = std::move(name),
              .usage = std::move(usage),
              .min_args = min_args,
              .max_args = max_args,
              .run = std::move(run)});
}

Result<const Command*> CommandTable::find(std::string_view name, std::size_t arguments) const {
  const auto found = commands_.find(name);
  if (found == commands_.end()) {
    return fail(
        "\"{}\" is not a valid command (use \"list-commands\" to see a list of valid commands)",
        name);
  }
  const Command& command = found->second;
  if (arguments < command.min_args) {
    return fail("\"{}\" command requires at least {} arguments", name, command.min_args);
  }
  if (arguments > command.max_args) {
    return fail("\"{}\" command takes at most {} arguments", name, command.max_args);
  }
  return &command;
}

}  // namespace bondway::process
