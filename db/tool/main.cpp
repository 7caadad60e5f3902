// ovsdb-tool: database files without a server.

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "db/tool/commands.hpp"
#include "process/log.hpp"
#include "process/log_modules.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "process/version.hpp"

namespace {

using namespace bondway;

constexpr std::string_view kProgram = "ovsdb-tool";

std::string help_text(const process::Paths& paths, const db::ToolSettings& settings) {
  std::string text = fmt::format(
      "{}: Open vSwitch database management utility\nusage: {} [OPTIONS] COMMAND [ARG...]\n",
      kProgram, kProgram);
  for (const db::ToolCommand& command : db::tool_commands()) {
    text += fmt::format("  {:<34} {}\n", fmt::format("{} {}", command.name, command.arguments),
                        command.summary);
  }
  text += fmt::format("The default DB is {}.\nThe default SCHEMA is that of Open_vSwitch.\n",
                      settings.default_database);
  text += process::log_options_help(kProgram, paths);
  text +=
      "\nOther options:\n"
      "  -m, --more                  increase show-log verbosity\n"
      "  --rbac-role=ROLE            accepted and ignored\n"
      "  -h, --help                  display this help message\n"
      "  -V, --version               display version information\n";
  return text;
}

process::Options tool_options(process::Log& log, const process::Paths& paths,
                              const db::ToolSettings& settings) {
  using Argument = process::Option::Argument;
  const auto ignore = [](const std::optional<std::string>&) -> Result<void> { return {}; };
  process::Options options{
      {"more", 'm', Argument::none, ignore},
      {"rbac-role", '\0', Argument::required, ignore},
      process::printing_option("help", 'h', help_text(paths, settings)),
      process::printing_option("version", 'V', process::version_text(kProgram) + "\n"),
  };
  process::append(options, process::log_options(log));
  return options;
}

int run(int argc, char** argv) {
  const process::Paths paths = process::Paths::from_environment();
  process::Log log(
      {.program = std::string(kProgram), .directory = paths.logdir, .modules = {}, .now = {}});
  const db::ToolSettings settings{
      .default_database = paths.dbdir + "/conf.db",
      .warn = [logger = log.module("lockfile")](const std::string& text) {
        logger.warn("{}", text);
      }};
  const auto words = process::parse_options(argc, argv, tool_options(log, paths, settings),
                                            process::Order::stop_at_first_operand);
  if (!words) return EXIT_FAILURE;
  const auto outcome = db::run_tool(settings, *words);
  if (!outcome) {
    fmt::print(stderr, "{}: {}\n", kProgram, outcome.error().message);
    return EXIT_FAILURE;
  }
  fmt::print("{}", outcome->output);
  fmt::print(stderr, "{}", outcome->warnings);
  return std::fflush(stdout) == 0 ? outcome->status : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", kProgram, error.what());
    return EXIT_FAILURE;
  }
}
