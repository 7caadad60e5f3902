#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "ctl/completion.hpp"
#include "ctl/fatal_signals.hpp"
#include "ctl/known_schema.hpp"
#include "ctl/options.hpp"
#include "ctl/runner.hpp"
#include "process/log_modules.hpp"
#include "process/paths.hpp"
#include "process/signals.hpp"
#include "process/unique_fd.hpp"

namespace {

using namespace bondway;  // NOLINT(google-build-using-namespace): this is the program's main file

/// Whoever started us, under the name that it was started by.
std::string parent_name() {
  const std::string path = fmt::format("/proc/{}/cmdline", ::getppid());
  const process::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> words{};
  if (file.get() < 0 || ::read(file.get(), words.data(), words.size() - 1) <= 0) return {};
  return words.data();  // the first of them: each ends with a NUL
}

int complain(const std::string& program, const std::string& message) {
  fmt::print(stderr, "{}: {}\n", program, message);
  return 1;
}

/// Prints how the last word typed may go on, a candidate a line.
int complete(const ctl::CommandLine& line, const db::Schema& schema, process::Log& log) {
  const ctl::Ask ask = [&](const std::vector<std::string>& words) {
    ctl::CommandLine question = line;
    question.settings.wait = false;
    question.settings.style = {.cells = ctl::CellFormat::bare, .headings = false};
    std::vector<std::string> lines;
    auto calls = ctl::parse_commands(words);
    if (!calls) return lines;
    question.calls = std::move(*calls);
    std::istringstream out(ctl::run_commands(question, schema, log, "completion", [] {}).out);
    for (std::string text; std::getline(out, text);) {
      if (!text.empty()) lines.push_back(text);
    }
    return lines;
  };
  for (const std::string& candidate : ctl::complete(line.settings.words, schema, ask)) {
    fmt::print("{}\n", candidate);
  }
  return 0;
}

int run(const ctl::CommandLine& line, const db::Schema& schema, process::Log& log,
        const std::string& program, const std::string& typed) {
  const bool writes = std::any_of(line.calls.begin(), line.calls.end(), [](const ctl::Call& call) {
    return call.command->writes == ctl::Writes::yes;
  });
  log.module("vsctl").write(writes ? process::LogLevel::info : process::LogLevel::dbg,
                            "Called as {}", typed);
  ctl::FatalSignals fatal_signals(log);
  if (line.settings.timeout > 0) ::alarm(line.settings.timeout);
  const std::string description =
      fmt::format("{} (invoked by {}): {}", program, parent_name(), typed);
  const ctl::Ending ending = ctl::run_commands(line, schema, log, description,
                                               [&fatal_signals] { fatal_signals.start(); });
  for (const std::string& message : ending.complaints) complain(program, message);
  std::fwrite(ending.out.data(), 1, ending.out.size(), stdout);
  std::fflush(stdout);
  return ending.status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string program = process::program_name(argv[0]);
  const process::Paths paths = process::Paths::from_environment();
  process::Log log({program, paths.logdir, process::tool_log_modules(), {}});
  log.set_level(process::LogDestination::console, process::LogLevel::warn);
  process::ignore_sigpipe();
  const std::string typed = ctl::quote_arguments(argc, argv);
  const auto line = ctl::parse_command_line(argc, argv, log);
  if (!line) return 1;
  const db::Schema schema = ctl::known_schema();
  if (line->settings.complete) return complete(*line, schema, log);
  return run(*line, schema, log, program, typed);
}
