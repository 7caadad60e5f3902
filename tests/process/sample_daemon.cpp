// A daemon made of nothing but the room under test, for tests that need a real process: its
// commands echo, wait, crash and count passes of a main loop on a clock that can be warped.

#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "db/rpc/asio.hpp"
#include "process/clock.hpp"
#include "process/control_server.hpp"
#include "process/daemon.hpp"
#include "process/log.hpp"
#include "process/log_modules.hpp"
#include "process/paths.hpp"
#include "process/signals.hpp"
#include "process/standard_commands.hpp"
#include "process/version.hpp"

namespace bondway {
namespace {

using namespace process;

Result<std::string> join(const Args& args) { return fmt::format("{}", fmt::join(args, " ")); }

/// The commands that tests ask for.
void add_sample_commands(CommandTable& table, std::vector<Responder>& waiting) {
  table.add("sample/echo", "[word]...", 0, kAnyNumber, join);
  table.add("sample/fail", "message", 1, 1,
            [](const Args& args) -> Result<std::string> { return fail("{}", args.front()); });
  table.add("sample/repeat", "count text", 2, 2, [](const Args& args) -> Result<std::string> {
    std::string out;
    for (int i = std::atoi(args[0].c_str()); i > 0; --i) out += args[1];
    return out;
  });
  table.add({.name = "sample/wait", .start = [&waiting](const Args&, Responder respond) {
               waiting.push_back(std::move(respond));
             }});
  table.add("sample/wake", "", 0, 0, [&waiting](const Args&) -> Result<std::string> {
    for (const Responder& respond : std::exchange(waiting, {})) respond("awake");
    return "";
  });
  table.add({.name = "sample/shape",
             .run = [](const Args&) -> Result<std::string> { return "two sides"; },
             .json = [](const Args&) -> Result<nlohmann::json> {
               return nlohmann::json{{"sides", {1, 2}}, {"name", "line"}};
             }});
  table.add({.name = "sample/secret", .max_args = kAnyNumber, .run = join, .hidden = true});
}

struct CommandLine {
  DaemonSettings daemon;
  bool fail_at_start = false;
};

bool parse(int argc, char** argv, const std::string& program, const Paths& paths, Log& log,
           CommandLine& line) {
  Options options{{"fail-at-start", '\0', Option::Argument::none,
                   [&line](const std::optional<std::string>&) -> Result<void> {
                     line.fail_at_start = true;
                     return {};
                   }},
                  {"needs-network", '\0', Option::Argument::none,
                   [&line](const std::optional<std::string>&) -> Result<void> {
                     line.daemon.needs_network = true;
                     return {};
                   }}};
  append(options, daemon_options(line.daemon, program, paths));
  append(options, log_options(log));
  return parse_options(argc, argv, options, Order::permute).has_value();
}

/// Returns the signal that ended us, or 0; by then pidfile and socket are gone.
int serve(const CommandLine& line, const std::string& program, const Paths& paths, Log& log,
          Clock& clock) {
  Daemon daemon(line.daemon, program, log);
  if (line.fail_at_start) throw std::runtime_error("told to fail at start");
  int death = 0;
  {
    asio::io_context io;
    CommandTable table;
    std::vector<Responder> waiting;
    std::string passes;
    const TimePoint start = clock.now();
    add_general_commands(table, version_text(program));
    add_log_commands(table, log);
    add_memory_command(table, [] { return MemoryUsage{{"cells", 7}, {"apples", 2}}; });
    add_coverage_commands(table, [] {
      return std::vector<CoverageCounter>{{"b_hit", 12, 1.5, 0.25, 0.0033}, {"a_missed"}};
    });
    add_exit_command(table, "[--cleanup]", 1, [&io](const Args&) { io.stop(); });
    add_time_commands(table, clock, io,
                      [&] { passes += fmt::format("{} ", to_ms(clock.now() - start) / 1000); });
    table.add("sample/passes", "", 0, 0,
              [&](const Args&) -> Result<std::string> { return std::exchange(passes, ""); });
    add_sample_commands(table, waiting);
    std::optional<ControlServer> server;
    const std::string path = control_socket_path(paths, program, line.daemon.unixctl, ::getpid());
    if (!path.empty()) server.emplace(io, path, table, log.module("unixctl"));

    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
      if (error) return;
      death = signal;
      io.stop();
    });
    log.module("vswitchd").info("up");
    daemon.ready();
    io.run();
  }
  return death;
}

}  // namespace
}  // namespace bondway

int main(int argc, char** argv) {
  using namespace bondway;
  const std::string program = process::program_name(argv[0]);
  const process::Paths paths = process::Paths::from_environment();
  process::ignore_sigpipe();
  process::Clock clock;
  process::Log log({.program = program,
                    .directory = paths.logdir,
                    .modules = process::switch_log_modules(),
                    .now = [&clock] { return clock.now(); }});
  CommandLine line;
  if (!parse(argc, argv, program, paths, log, line)) return 1;
  try {
    const int signal = serve(line, program, paths, log, clock);
    if (signal != 0) process::die_of_signal(signal, log.module("fatal_signal"));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
    return 1;
  }
  return 0;
}
