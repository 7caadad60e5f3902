// ovsdb-server: databases in files, served to OVSDB clients.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "db/rpc/asio.hpp"
#include "db/server/commands.hpp"
#include "db/server/files.hpp"
#include "db/server/server.hpp"
#include "process/control_server.hpp"
#include "process/daemon.hpp"
#include "process/log.hpp"
#include "process/log_modules.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "process/signals.hpp"
#include "process/standard_commands.hpp"
#include "process/version.hpp"

namespace bondway {
namespace {

using process::Option;

constexpr const char* kProgram = "ovsdb-server";

struct Settings {
  process::DaemonSettings daemon;
  std::vector<std::string> remotes;
  server::ServerSettings server;   ///< limits, keys and certificates
  std::string command;             ///< of --run
  std::optional<int> exit_status;  ///< --help, --version: nothing is left to do
};

void print_help(const process::Paths& paths) {
  const server::ServerSettings defaults;
  fmt::print(
      "{0}: Open vSwitch database server\n"
      "usage: {0} [OPTIONS] [DATABASE...]\n"
      "where each DATABASE is a database file, as ovsdb-tool creates them.\n"
      "The default DATABASE, if none is given, is\n"
      "{1}/conf.db.\n"
      "\n"
      "JSON-RPC options (may be specified any number of times):\n"
      "  --remote=REMOTE         connect or listen to REMOTE\n"
      "\n"
      "Active JSON-RPC connection methods:\n"
      "  tcp:HOST:PORT           PORT at remote HOST\n"
      "  ssl:HOST:PORT           SSL PORT at remote HOST\n"
      "  unix:FILE               Unix domain socket named FILE\n"
      "Passive JSON-RPC connection methods:\n"
      "  ptcp:PORT[:IP]          listen to TCP PORT on IP\n"
      "  pssl:PORT[:IP]          listen for SSL on PORT on IP\n"
      "  punix:FILE              listen on Unix domain socket FILE\n"
      "PKI configuration (required to use SSL):\n"
      "  -p, --private-key=FILE  file with private key\n"
      "  -c, --certificate=FILE  file with certificate for private key\n"
      "  -C, --ca-cert=FILE      file with peer CA certificate, or \"none\"\n"
      "  --bootstrap-ca-cert=FILE  the same; no peer is believed until the file exists\n"
      "  --peer-ca-cert=FILE     file with more certificates to send to peers\n"
      "SSL options:\n"
      "  --ssl-protocols=PROTOS  list of SSL protocols to enable\n"
      "  --ssl-ciphers=CIPHERS   list of SSL ciphers to enable\n"
      "{2}{3}\n"
      "Limits on clients:\n"
      "  --max-connections=N     of all remotes together (default: {4})\n"
      "  --max-message=BYTES     of one request (default: {5})\n"
      "  --max-monitors=N        of one connection (default: {6})\n"
      "\n"
      "Other options:\n"
      "  --run COMMAND           run COMMAND as subprocess then exit\n"
      "  --unixctl=SOCKET        override default control socket name\n"
      "  -h, --help              display this help message\n"
      "  -V, --version           display version information\n",
      kProgram, paths.dbdir, process::daemon_options_help(kProgram, paths),
      process::log_options_help(kProgram, paths), defaults.max_connections,
      defaults.connection.message.bytes, defaults.connection.session.monitors);
}

/// Stores a limit.
auto take_number(std::size_t& into) {
  return [&into](const std::optional<std::string>& value) -> Result<void> {
    std::size_t number = 0;
    const char* end = value->data() + value->size();
    const auto [stop, failure] = std::from_chars(value->data(), end, number);
    if (failure != std::errc() || stop != end || number == 0)
      return fail("{}: a number greater than zero expected", *value);
    into = number;
    return {};
  };
}

process::Options options(Settings& settings, process::Log& log, const process::Paths& paths) {
  using Argument = Option::Argument;
  const auto store = [](std::string& into) {
    return [&into](const std::optional<std::string>& value) -> Result<void> {
      into = *value;
      return {};
    };
  };
  const auto finish = [&settings](auto action) {
    return [&settings, action](const std::optional<std::string>&) -> Result<void> {
      action();
      settings.exit_status = 0;
      return {};
    };
  };
  server::TlsFiles& tls = settings.server.tls;
  server::ConnectionLimits& limits = settings.server.connection;
  process::Options options = process::daemon_options(settings.daemon, kProgram, paths);
  process::append(options, process::log_options(log));
  process::append(
      options,
      {{"remote", '\0', Argument::required,
        [&settings](const auto& value) -> Result<void> {
          settings.remotes.push_back(*value);
          return {};
        }},
       {"run", '\0', Argument::required, store(settings.command)},
       {"private-key", 'p', Argument::required, store(tls.private_key)},
       {"certificate", 'c', Argument::required, store(tls.certificate)},
       {"ca-cert", 'C', Argument::required, store(tls.ca_cert)},
       {"bootstrap-ca-cert", '\0', Argument::required, store(tls.ca_cert)},
       {"peer-ca-cert", '\0', Argument::required, store(tls.peer_ca_cert)},
       {"ssl-protocols", '\0', Argument::required, store(tls.protocols)},
       {"ssl-ciphers", '\0', Argument::required, store(tls.ciphers)},
       {"max-connections", '\0', Argument::required, take_number(settings.server.max_connections)},
       {"max-message", '\0', Argument::required, take_number(limits.message.bytes)},
       {"max-monitors", '\0', Argument::required, take_number(limits.session.monitors)},
       {"help", 'h', Argument::none, finish([paths] { print_help(paths); })},
       {"version", 'V', Argument::none,
        finish([] { fmt::print("{}\n", process::version_text(kProgram)); })}});
  return options;
}

/// A shell that runs the command of --run while we serve.
class Subprocess {
 public:
  /// `ended` is called with our exit status: 0 if the command's was, else after a word on stderr.
  Subprocess(asio::io_context& io, const std::string& command, std::function<void(int)> ended)
      : signals_(io, SIGCHLD), command_(command), ended_(std::move(ended)) {
    wait();
    io.notify_fork(asio::execution_context::fork_prepare);
    child_ = ::fork();
    if (child_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    io.notify_fork(asio::execution_context::fork_parent);
    if (child_ < 0)
      throw std::system_error(errno, std::generic_category(), "--run: cannot start a process");
  }

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      int status = 0;
      if (::waitpid(child_, &status, WNOHANG) != child_) return wait();
      if (status != 0)
        fmt::print(stderr, "{}: {}: child exited, {}\n", kProgram, command_, describe(status));
      ended_(status == 0 ? 0 : 1);
    });
  }

  static std::string describe(int status) {
    if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
    return fmt::format("killed ({})", ::strsignal(WTERMSIG(status)));
  }

  asio::signal_set signals_;
  std::string command_;
  std::function<void(int)> ended_;
  pid_t child_ = -1;
};

/// The server while it runs.
class Program {
 public:
  Program(const Settings& settings, const process::Paths& paths, process::Log& log)
      : settings_(settings),
        paths_(paths),
        log_(log),
        server_(io_, settings.server, log.module("ovsdb_jsonrpc_server")),
        files_(server_.host(), [log = log.module("lockfile")](const std::string& text) mutable {
          log.warn("{}", text);
        }) {}

  /// Serves until a signal, a command or the end of the subprocess.
  void run(const std::vector<std::string>& databases, process::Daemon& daemon) {
    for (const std::string& file : databases) demand(files_.add(file));
    for (const std::string& remote : settings_.remotes) demand(server_.add_remote(remote));
    add_commands();
    const std::string socket = process::control_socket_path(
        paths_, kProgram, settings_.daemon.unixctl, static_cast<int>(::getpid()));
    std::optional<process::ControlServer> control;
    if (!socket.empty()) control.emplace(io_, socket, commands_, log_.module("unixctl"));

    asio::signal_set signals(io_, SIGTERM, SIGINT, SIGHUP);
    signals.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      ended_by_ = signal;
      io_.stop();
    });
    std::optional<Subprocess> subprocess;
    if (!settings_.command.empty())
      subprocess.emplace(io_, settings_.command, [this](int status) { end(status); });
    daemon.ready();
    log_.module("ovsdb_server").info("{}", process::version_text(kProgram));
    io_.run();
    server_.host().settle();
  }

  std::optional<int> ended_by() const { return ended_by_; }
  int exit_status() const { return exit_status_; }

 private:
  static void demand(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().message);
  }

  void end(int status) {
    exit_status_ = status;
    io_.stop();
  }

  void add_commands() {
    process::add_general_commands(commands_, process::version_text(kProgram));
    process::add_exit_command(commands_, "", 0, [this](const process::Args&) { end(0); });
    process::add_log_commands(commands_, log_);
    process::add_memory_command(commands_, [this] { return server::memory_usage(server_); });
    process::add_coverage_commands(commands_,
                                   [] { return std::vector<process::CoverageCounter>(); });
    server::add_server_commands(commands_, server_, files_, log_.module("ovsdb_server"));
  }

  const Settings& settings_;
  const process::Paths& paths_;
  process::Log& log_;
  asio::io_context io_{1};
  server::Server server_;
  server::DatabaseFiles files_;
  process::CommandTable commands_;
  std::optional<int> ended_by_;
  int exit_status_ = 0;
};

/// Absolute names: a daemon changes its directory.
std::vector<std::string> database_files(const std::vector<std::string>& operands,
                                        const process::Paths& paths, bool detach) {
  if (operands.empty()) return {paths.dbdir + "/conf.db"};
  std::vector<std::string> files;
  for (const std::string& file : operands) files.push_back(detach ? process::absolute(file) : file);
  return files;
}

int run(int argc, char** argv) {
  const process::Paths paths = process::Paths::from_environment();
  process::Log log({.program = kProgram,
                    .directory = paths.logdir,
                    .modules = process::database_log_modules(),
                    .now = {}});
  Settings settings;
  settings.server.rundir = paths.rundir;
  const auto operands =
      process::parse_options(argc, argv, options(settings, log, paths), process::Order::permute);
  if (!operands) return 1;
  if (settings.exit_status) return *settings.exit_status;
  const auto files = database_files(*operands, paths, settings.daemon.detach);
  process::ignore_sigpipe();
  std::optional<int> signal;
  int status = 0;
  {
    process::Daemon daemon(settings.daemon, kProgram, log);
    Program program(settings, paths, log);
    program.run(files, daemon);
    signal = program.ended_by();
    status = program.exit_status();
  }
  if (signal) process::die_of_signal(*signal, log.module("fatal_signal"));
  return status;
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
