#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl/options.hpp"
#include "ctl/runner.hpp"
#include "db/engine/schemas.hpp"

namespace {

using namespace bondway;  // NOLINT(google-build-using-namespace): this is the program's main file

/// Whoever started us, as far as the system tells.
std::string parent_name() {
  std::ifstream file(fmt::format("/proc/{}/cmdline", ::getppid()));
  std::string name;
  std::getline(file, name, '\0');
  const std::size_t slash = name.rfind('/');
  if (slash != std::string::npos) name.erase(0, slash + 1);
  return name;
}

std::string program_name(const char* path) {
  const std::string_view whole = path;
  return std::string(whole.substr(whole.rfind('/') + 1));
}

int complain(const std::string& program, const std::string& message) {
  fmt::print(stderr, "{}: {}\n", program, message);
  return 1;
}

void write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string answer(ctl::Request request) {
  switch (request) {
    case ctl::Request::help:
      return ctl::help_text();
    case ctl::Request::version:
      return ctl::version_text();
    case ctl::Request::list_commands:
      return ctl::commands_text();
    default:
      return ctl::options_text();
  }
}

int run(const ctl::CommandLine& line, ctl::Log& log, const std::string& program,
        const std::string& typed) {
  const bool writes = std::any_of(line.calls.begin(), line.calls.end(), [](const ctl::Call& call) {
    return call.command->writes == ctl::Writes::yes;
  });
  log.write(writes ? ctl::Level::info : ctl::Level::dbg, "vsctl", "Called as " + typed);
  if (line.settings.timeout > 0) ::alarm(line.settings.timeout);
  const auto schema = db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text()));
  if (!schema) return complain(program, schema.error().details);
  const std::string description =
      fmt::format("{} (invoked by {}): {}", program, parent_name(), typed);
  const ctl::Ending ending = ctl::run_commands(line, *schema, log, description);
  for (const std::string& message : ending.complaints) complain(program, message);
  write_out(ending.out);
  return ending.status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string program = program_name(argv[0]);
  ctl::Log log;
  log.announce_fatal_signals();
  const std::string typed = ctl::quote_arguments(argc, argv);  // before getopt reorders anything
  const auto line = ctl::parse_command_line(argc, argv, log);
  if (!line) return complain(program, line.error().message);
  if (line->request == ctl::Request::refused) return 1;
  if (line->request != ctl::Request::run) {
    write_out(answer(line->request));
    return 0;
  }
  return run(*line, log, program, typed);
}
