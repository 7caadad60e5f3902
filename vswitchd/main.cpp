// ovs-vswitchd: the switch daemon, with its own database or following another server's.

#include <fmt/format.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/rpc/asio.hpp"
#include "db/server/tls.hpp"
#include "process/clock.hpp"
#include "process/control_server.hpp"
#include "process/coverage.hpp"
#include "process/daemon.hpp"
#include "process/log.hpp"
#include "process/log_modules.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "process/scheduling.hpp"
#include "process/signals.hpp"
#include "process/standard_commands.hpp"
#include "process/version.hpp"
#include "vswitchd/configuration_source.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/daemon/controller.hpp"

namespace bondway {
namespace {

using daemon::DummyMode;
using process::Option;

constexpr const char* kProgram = "ovs-vswitchd";

struct Settings {
  process::DaemonSettings daemon;
  DummyMode dummies = DummyMode::off;
  bool lock_memory = false;
  server::TlsFiles tls;
  std::optional<int> exit_status;  ///< --help, --version: nothing is left to do
};

void print_help(const process::Paths& paths) {
  fmt::print(
      "{0}: Open vSwitch daemon\n"
      "usage: {0} [OPTIONS] [DATABASE]\n"
      "where DATABASE is a socket on which ovsdb-server is listening\n"
      "      (default: a database of its own in {1}/conf.db, served on {2}/db.sock).\n"
      "\n"
      "Active DATABASE connection methods:\n"
      "  tcp:HOST:PORT           PORT at remote HOST\n"
      "  ssl:HOST:PORT           SSL PORT at remote HOST\n"
      "  unix:FILE               Unix domain socket named FILE\n"
      "PKI configuration (required to use SSL):\n"
      "  -p, --private-key=FILE  file with private key\n"
      "  -c, --certificate=FILE  file with certificate for private key\n"
      "  -C, --ca-cert=FILE      file with peer CA certificate\n"
      "  --bootstrap-ca-cert=FILE  the same; no peer is believed until the file exists\n"
      "SSL options:\n"
      "  --ssl-protocols=PROTOS  list of SSL protocols to enable\n"
      "  --ssl-ciphers=CIPHERS   list of SSL ciphers to enable\n"
      "{3}{4}\n"
      "Other options:\n"
      "  --unixctl=SOCKET          override default control socket name\n"
      "  --enable-dummy[=override|system]  stand-ins for network devices, for tests\n"
      "  --mlockall                keep the program in memory\n"
      "  -h, --help                display this help message\n"
      "  -V, --version             display version information\n",
      kProgram, paths.dbdir, paths.rundir, process::daemon_options_help(kProgram, paths),
      process::log_options_help(kProgram, paths));
}

Result<void> choose_dummies(Settings& settings, const std::optional<std::string>& value) {
  if (!value) {
    settings.dummies = DummyMode::on;
  } else if (*value == "override") {
    settings.dummies = DummyMode::override_all;
  } else if (*value == "system") {
    settings.dummies = DummyMode::override_system;
  } else {
    return fail("{}: unknown dummy level", *value);
  }
  return {};
}

process::Options tls_options(server::TlsFiles& tls) {
  const auto required = Option::Argument::required;
  const auto store = [](std::string& place) {
    return [&place](const std::optional<std::string>& value) -> Result<void> {
      place = *value;
      return {};
    };
  };
  return {{"private-key", 'p', required, store(tls.private_key)},
          {"certificate", 'c', required, store(tls.certificate)},
          {"ca-cert", 'C', required, store(tls.ca_cert)},
          {"bootstrap-ca-cert", '\0', required, store(tls.ca_cert)},
          {"peer-ca-cert", '\0', required, store(tls.peer_ca_cert)},
          {"ssl-protocols", '\0', required, store(tls.protocols)},
          {"ssl-ciphers", '\0', required, store(tls.ciphers)}};
}

process::Options options(Settings& settings, process::Log& log, const process::Paths& paths) {
  const auto none = [](auto action) {
    return [action](const std::optional<std::string>&) -> Result<void> {
      action();
      return {};
    };
  };
  const auto ignore = none([] {});
  process::Options options = process::daemon_options(settings.daemon, kProgram, paths);
  process::append(options, process::log_options(log));
  process::append(options, tls_options(settings.tls));
  process::append(options,
                  {{"enable-dummy", '\0', Option::Argument::optional,
                    [&settings](const auto& value) { return choose_dummies(settings, value); }},
                   {"disable-system", '\0', Option::Argument::none, ignore},
                   {"disable-system-route", '\0', Option::Argument::none, ignore},
                   {"dpdk", '\0', Option::Argument::none,
                    [](const auto&) -> Result<void> {
                      return fail("Using --dpdk to configure DPDK is not supported.");
                    }},
                   {"mlockall", '\0', Option::Argument::none,
                    none([&settings] { settings.lock_memory = true; })},
                   {"help", 'h', Option::Argument::none, none([&settings, paths] {
                      print_help(paths);
                      settings.exit_status = 0;
                    })},
                   {"version", 'V', Option::Argument::none, none([&settings] {
                      fmt::print("{}\n", process::version_text(kProgram));
                      settings.exit_status = 0;
                    })}});
  return options;
}

/// The daemon while it runs.
class Program {
 public:
  /// `remote`: the server whose database it follows; empty: a database of its own.
  Program(const Settings& settings, const std::string& remote, const process::Paths& paths,
          process::Log& log, const process::Clock& clock)
      : settings_(settings),
        paths_(paths),
        log_(log),
        source_(remote.empty() ? make_own_database(io_, settings.tls, paths, log)
                               : make_followed_database(io_, remote, settings.tls, log)),
        switch_(
            io_, settings.dummies, [&clock] { return clock.now(); },
            [this](const bridge::Log& line) { write(line); }),
        controller_(
            io_, clock, switch_, source_->database(), [this] { source_->committed(); },
            log.module("bridge")) {
    count_events();
  }

  /// Serves until a signal or a command ends it.
  void run(process::Clock& clock, process::Daemon& daemon) {
    add_commands(clock);
    const std::string socket = process::control_socket_path(
        paths_, kProgram, settings_.daemon.unixctl, static_cast<int>(::getpid()));
    std::optional<process::ControlServer> control;
    if (!socket.empty()) control.emplace(io_, socket, commands_, log_.module("unixctl"));

    asio::signal_set signals(io_, SIGTERM, SIGINT, SIGHUP);
    signals.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) end_by_signal(signal);
    });
    source_->start([this, &daemon] {  // like the original, not detached before it is configured
      controller_.start();
      daemon.ready();
    });
    io_.run();
    switch_.on_settled = nullptr;
  }

  std::optional<int> ended_by() const { return ended_by_; }

 private:
  void add_commands(process::Clock& clock) {
    process::add_general_commands(commands_, process::version_text(kProgram));
    process::add_exit_command(commands_, "[--cleanup]", 1,
                              [this](const process::Args&) { io_.stop(); });
    process::add_log_commands(commands_, log_);
    process::add_memory_command(commands_, [this] { return memory(); });
    process::add_coverage_commands(commands_, [this] { return coverage_.counters(); });
    daemon::add_bond_commands(commands_, switch_);
    daemon::add_lacp_commands(commands_, switch_);
    daemon::add_fdb_commands(commands_, switch_);
    daemon::add_datapath_commands(commands_, switch_);
    daemon::add_tree_commands(commands_, switch_);
    daemon::add_trace_command(commands_, switch_);
    if (settings_.dummies == DummyMode::off) return;
    daemon::add_dummy_commands(commands_, switch_);
    process::add_time_commands(commands_, clock, io_, [this] { controller_.pass(); });
  }

  /// Named as the reference names them, where it counts the same.
  void count_events() {
    coverage_.add("bridge_reconfigure", [this] { return switch_.totals().reconfigurations; });
    coverage_.add("lacp_frame_received", [this] { return switch_.totals().slow_frames_received; });
    coverage_.add("lacp_frame_sent", [this] { return switch_.totals().slow_frames_sent; });
    coverage_.add("xlate_actions", [this] { return switch_.datapath().forwarded(); });
    sample_events();
  }

  void sample_events() {
    coverage_timer_.expires_after(process::Coverage::kInterval);
    coverage_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      coverage_.sample();
      sample_events();
    });
  }

  process::MemoryUsage memory() {
    return {{"ports", switch_.interfaces().all().size()},
            {"bridges", switch_.bridges().size()},
            {"sessions", source_->sessions()}};
  }

  void write(const bridge::Log& line) {
    const process::Logger logger = log_.module(line.module);
    switch (line.level) {
      case bridge::Log::Level::debug:
        return logger.dbg("{}", line.text);
      case bridge::Log::Level::info:
        return line.limited ? logger.limited(link_states_, process::LogLevel::info, "{}", line.text)
                            : logger.info("{}", line.text);
      case bridge::Log::Level::warning:
        return line.limited
                   ? logger.limited(once_a_minute_, process::LogLevel::warn, "{}", line.text)
                   : logger.warn("{}", line.text);
      case bridge::Log::Level::error:
        return logger.err("{}", line.text);
    }
  }

  void end_by_signal(int signal) {
    ended_by_ = signal;
    io_.stop();
  }

  const Settings& settings_;
  const process::Paths& paths_;
  process::Log& log_;
  process::LogRateLimit once_a_minute_{1, 1}, link_states_{5, 20};  // as the reference limits them
  asio::io_context io_;
  std::unique_ptr<ConfigurationSource> source_;
  process::CommandTable commands_;
  daemon::Switch switch_;
  daemon::Controller controller_;
  process::Coverage coverage_;
  asio::steady_timer coverage_timer_{io_};
  std::optional<int> ended_by_;
};

int run(int argc, char** argv) {
  const process::Paths paths = process::Paths::from_environment();
  process::Clock clock;
  process::Log log({.program = kProgram,
                    .directory = paths.logdir,
                    .modules = process::switch_log_modules(),
                    .now = [&clock] { return clock.now(); }});
  Settings settings;
  settings.daemon.needs_network = true;
  const auto operands =
      process::parse_options(argc, argv, options(settings, log, paths), process::Order::permute);
  if (!operands) return 1;
  if (settings.exit_status) return *settings.exit_status;
  if (operands->size() > 1) {
    fmt::print(stderr, "{}: at most one non-option argument accepted; use --help for usage\n",
               kProgram);
    return 1;
  }
  process::ignore_sigpipe();
  std::optional<int> signal;
  try {
    process::Daemon process_daemon(settings.daemon, kProgram, log);
    if (settings.lock_memory) ::mlockall(MCL_CURRENT | MCL_FUTURE);
    process::prefer_short_turns();
    const std::string remote = operands->empty() ? "" : operands->front();
    Program program(settings, remote, paths, log, clock);
    program.run(clock, process_daemon);
    signal = program.ended_by();
  } catch (const std::exception& error) {  // once detached, nobody reads what main() says of it
    log.module("daemon_unix").emer("{}", error.what());
    throw;
  }
  if (signal) process::die_of_signal(*signal, log.module("fatal_signal"));
  return 0;
}

}  // namespace
}  // namespace bondway

int main(int argc, char** argv) {
  try {
    return bondway::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", bondway::kProgram, error.what());
    return 1;
  }
}
