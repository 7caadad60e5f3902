#include "appctl/tool.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "appctl/answer.hpp"
#include "appctl/client.hpp"
#include "db/rpc/json_text.hpp"
#include "process/log_modules.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "process/pidfile.hpp"
#include "process/signals.hpp"
#include "process/version.hpp"

namespace bondway::appctl {
namespace {

using process::Log;
using process::Option;
using process::Options;
using process::Paths;
using Value = std::optional<std::string>;

/// To the byte what scripts and completions of release 3.1 know; --format and --pretty, which came
/// later, are listed by --option.
constexpr std::string_view kHelp = R"({0}, for querying and controlling Open vSwitch daemon
usage: {0} [TARGET] COMMAND [ARG...]
Targets:
  -t, --target=TARGET  pidfile or socket to contact
Common commands:
  list-commands      List commands supported by the target
  version            Print version of the target
  vlog/list          List current logging levels
  vlog/list-pattern  List logging patterns for each destination.
  vlog/set [SPEC]
      Set log levels as detailed in SPEC, which may include:
      A valid module name (all modules, by default)
      'syslog', 'console', 'file' (all destinations, by default))
      'off', 'emer', 'err', 'warn', 'info', or 'dbg' ('dbg', bydefault)
  vlog/reopen        Make the program reopen its log file
Other options:
  --timeout=SECS     wait at most SECS seconds for a response
  -h, --help         Print this helpful information
  -V, --version      Display {0} version information
)";

enum class Format { text, json };

struct Request {
  std::string target = "ovs-vswitchd";
  Deadline deadline;
  Format format = Format::text;
  bool pretty = false;
  std::vector<std::string> words;  ///< the command and its arguments
};

Result<void> set_timeout(Request& request, const std::string& text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds == 0) {
    return fail("value {} on -T or --timeout is invalid", text);
  }
  request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  return {};
}

Result<void> set_format(Request& request, const std::string& text) {
  if (text != "text" && text != "json") {
    return fail("value {} on -f or --format is invalid", text);
  }
  request.format = text == "json" ? Format::json : Format::text;
  return {};
}

Options make_options(const std::string& program, Request& request, Log& log) {
  using Argument = Option::Argument;
  Options options{
      {"target", 't', Argument::required,
       [&request](const Value& target) -> Result<void> {
         request.target = *target;
         return {};
       }},
      {"execute", 'e', Argument::none,  // of releases long ago
       [](const Value&) -> Result<void> { return {}; }},
      process::printing_option("help", 'h', fmt::format(fmt::runtime(kHelp), program)),
      process::printing_option("option", 'o', ""),
      process::printing_option("version", 'V', process::version_text(program) + "\n"),
      {"timeout", 'T', Argument::required,
       [&request](const Value& text) { return set_timeout(request, *text); }},
      {"format", 'f', Argument::required,
       [&request](const Value& text) { return set_format(request, *text); }},
      {"pretty", '\0', Argument::none,
       [&request](const Value&) -> Result<void> {
         request.pretty = true;
         return {};
       }},
  };
  append(options, process::log_options(log));
  for (Option& each : options) {
    if (each.name == "option") {
      each = process::printing_option("option", 'o', process::list_options(options));
    }
  }
  return options;
}

/// One run of the program.
class Tool {
 public:
  Tool(std::string program, Log& log, Request request)
      : program_(std::move(program)), log_(log), request_(std::move(request)) {}

  int run() {
    if (request_.words.empty()) {
      return complain("at least one non-option argument is required (use --help for help)");
    }
    const std::optional<std::string> socket = find_socket();
    if (!socket) return 1;
    auto client = Client::connect(*socket, request_.deadline, log_);
    if (!client) return cannot_connect(*socket, client.error());
    return ask(*client, *socket);
  }

 private:
  template <typename... Args>
  int complain(fmt::format_string<Args...> format, Args&&... args) const {
    fmt::print(stderr, "{}: {}\n", program_, fmt::format(format, std::forward<Args>(args)...));
    return 1;
  }

  /// The target's socket; a pidfile that nobody locks belongs to a daemon that is gone.
  std::optional<std::string> find_socket() const {
    if (request_.target.starts_with('/')) return request_.target;
    const Paths paths = Paths::from_environment();
    const std::string pidfile = paths.in_rundir(request_.target + ".pid");
    const auto pid = process::read_pidfile(pidfile);
    if (pid) return paths.in_rundir(fmt::format("{}.{}.ctl", request_.target, *pid));
    const char* reason = std::strerror(pid.error());
    if (pid.error() != ESRCH) {
      log_.module("daemon_unix").warn("{}: open: {}", pidfile, reason);
    }
    complain("cannot read pidfile \"{}\" ({})", pidfile, reason);
    return std::nullopt;
  }

  int cannot_connect(const std::string& socket, const Failure& failure) const {
    if (failure.timed_out) time_out();
    if (failure.error == ENAMETOOLONG) {
      log_.module("socket_util_unix")
          .warn("Unix socket name {} is longer than maximum 107 bytes", socket);
    }
    log_.module("unixctl").warn("failed to connect to {}", socket);
    return complain("cannot connect to \"{}\" ({})", request_.target, to_string(failure));
  }

  int ask(Client& client, const std::string& socket) const {
    if (request_.format == Format::json) {
      const auto accepted = client.call("set-options", {"--format", "json"});
      if (!accepted) return broken(socket, accepted.error());
      if (!accepted->error.is_null()) return print_error(socket, accepted->error);
    }
    const std::vector<std::string> args(request_.words.begin() + 1, request_.words.end());
    const auto answer = client.call(request_.words.front(), args);
    if (!answer) return broken(socket, answer.error());
    if (!answer->error.is_null()) return print_error(socket, answer->error);
    return print_result(socket, answer->result);
  }

  int broken(const std::string& socket, const Failure& failure) const {
    if (failure.timed_out) time_out();
    log_.module("unixctl").warn("error communicating with unix:{}: {}", socket, to_string(failure));
    return complain("{}: transaction error ({})", request_.target, to_string(failure));
  }

  int print_error(const std::string& socket, const nlohmann::json& error) const {
    if (!error.is_string()) {
      log_.module("unixctl").warn("unix:{}: unexpected error type in JSON RPC reply: {}", socket,
                                  type_name(error));
      return complain("{}: transaction error ({})", request_.target, std::strerror(EINVAL));
    }
    print(stderr, error.get_ref<const std::string&>());
    complain("{}: server returned an error", request_.target);
    return 2;
  }

  int print_result(const std::string& socket, const nlohmann::json& result) const {
    if (request_.format == Format::json) {
      print(stdout, (request_.pretty ? pretty(result) : rpc::to_text(result)) + "\n");
      return 0;
    }
    if (!result.is_string()) {
      log_.module("unixctl").warn("unix:{}: unexpected result type in JSON rpc reply: {}", socket,
                                  type_name(result));
      return complain("{}: transaction error ({})", request_.target, std::strerror(EINVAL));
    }
    print(stdout, result.get_ref<const std::string&>());
    return 0;
  }

  static void print(std::FILE* file, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), file);
    std::fflush(file);
  }

  /// Dies as by alarm(2), which is what scripts look for.
  [[noreturn]] void time_out() const {
    process::die_of_signal(SIGALRM, log_.module("fatal_signal"));
  }

  const std::string program_;
  Log& log_;
  const Request request_;
};

}  // namespace

int run(int argc, char** argv) {
  const std::string program = process::program_name(argv[0]);
  Log log({.program = program,
           .directory = Paths::from_environment().logdir,
           .modules = process::tool_log_modules(),
           .now = {}});

  Request request;
  const Options options = make_options(program, request, log);
  auto words = process::parse_options(argc, argv, options, process::Order::stop_at_first_operand);
  if (!words) return 1;
  request.words = std::move(*words);
  return Tool(program, log, std::move(request)).run();
}

}  // namespace bondway::appctl
