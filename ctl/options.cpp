#include "ctl/options.hpp"

#include <getopt.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>

#include "ctl/records.hpp"
#include "db/engine/json_text.hpp"

namespace bondway::ctl {
namespace {

/// One global option.  The parser, --options and getopt's table read these rows.
struct Option {
  const char* name;
  int argument;  ///< as getopt_long(3) has it
  char letter;   ///< the short form; 0: none
};

constexpr Option kOptions[] = {
    {"db", required_argument, 0},
    {"no-syslog", no_argument, 0},
    {"no-wait", no_argument, 0},
    {"dry-run", no_argument, 0},
    {"oneline", no_argument, 0},
    {"timeout", required_argument, 't'},
    {"retry", no_argument, 0},
    {"help", no_argument, 'h'},
    {"commands", no_argument, 0},
    {"options", no_argument, 0},
    {"leader-only", no_argument, 0},
    {"no-leader-only", no_argument, 0},
    {"shuffle-remotes", no_argument, 0},
    {"no-shuffle-remotes", no_argument, 0},
    {"version", no_argument, 'V'},
    {"verbose", optional_argument, 'v'},
    {"log-file", optional_argument, 0},
    {"syslog-method", required_argument, 0},
    {"syslog-target", required_argument, 0},
    {"format", required_argument, 'f'},
    {"data", required_argument, 'd'},
    {"no-headings", no_argument, 0},
    {"pretty", no_argument, 0},
    {"bare", no_argument, 0},
    {"max-column-width", required_argument, 0},
    {"private-key", required_argument, 'p'},
    {"certificate", required_argument, 'c'},
    {"ca-cert", required_argument, 'C'},
    {"ssl-protocols", required_argument, 0},
    {"ssl-ciphers", required_argument, 0},
    {"bootstrap-ca-cert", required_argument, 0},
    {"peer-ca-cert", required_argument, 0},
};
constexpr std::size_t kOptionCount = std::size(kOptions);

std::string run_directory() {
  const char* directory = std::getenv("OVS_RUNDIR");  // NOLINT(concurrency-mt-unsafe)
  return directory != nullptr ? directory : "/var/run/openvswitch";
}

std::string log_directory() {
  const char* directory = std::getenv("OVS_LOGDIR");  // NOLINT(concurrency-mt-unsafe)
  return directory != nullptr ? directory : "/var/log/openvswitch";
}

/// The options of commands, each once, without the dashes; "=" at the end: takes a value.
std::vector<std::string> command_options() {
  std::vector<std::string> names;
  const auto collect = [&names](const Command& command) {
    std::string_view rest = command.options;
    while (!rest.empty()) {
      const std::size_t length = std::min(rest.find(','), rest.size());
      std::string name(rest.substr(2, length - 2));
      rest.remove_prefix(std::min(length + 1, rest.size()));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  };
  for (const Command& command : commands()) collect(command);
  return names;
}

std::optional<std::string_view> declared_option(const Command& command, std::string_view name) {
  std::string_view rest = command.options;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find(','), rest.size());
    std::string_view declared = rest.substr(2, length - 2);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    const bool has_value = declared.ends_with('=');
    if (has_value) declared.remove_suffix(1);
    if (declared == name) return has_value ? "=" : "";
  }
  return std::nullopt;
}

Result<unsigned> parse_timeout(std::string_view text) {
  std::string_view digits = text;
  while (digits.starts_with(' ')) digits.remove_prefix(1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error != std::errc() || end != digits.data() + digits.size() || seconds == 0) {
    return fail("value {} on -t or --timeout is invalid", text);
  }
  return seconds;
}

Result<TableFormat> parse_format(std::string_view name) {
  if (name == "list") return TableFormat::list;
  if (name == "table") return TableFormat::table;
  if (name == "html") return TableFormat::html;
  if (name == "csv") return TableFormat::csv;
  if (name == "json") return TableFormat::json;
  return fail("unknown output format \"{}\"", name);
}

Result<CellFormat> parse_cells(std::string_view name) {
  if (name == "string") return CellFormat::string;
  if (name == "bare") return CellFormat::bare;
  if (name == "json") return CellFormat::json;
  return fail("unknown data format \"{}\"", name);
}

/// A command's options as typed, before it is known which command it is.
struct TypedOption {
  std::string text, name;
  std::optional<std::string> value;
  bool literal = false;  ///< parsed by hand after "--": exact and once
};

/// Takes the global options apart.
class Parser {
 public:
  Parser(CommandLine& line, Log& log) : line_(line), log_(log), settings_(line.settings) {}

  Result<void> parse(int argc, char** argv) {
    settings_.remote = "unix:" + run_directory() + "/db.sock";
    if (auto done = globals(argc, argv); !done || line_.request != Request::run) return done;
    if (settings_.timeout == 0) {
      const char* preset = std::getenv("OVS_CTL_TIMEOUT");  // NOLINT(concurrency-mt-unsafe)
      if (preset != nullptr) settings_.timeout = parse_timeout(preset).value_or(0);
    }
    return segments(std::vector<std::string>(argv + optind, argv + argc));
  }

 private:
  Result<void> globals(int argc, char** argv) {
    const std::vector<std::string> of_commands = command_options();
    const std::vector<option> table = getopt_table(of_commands);
    optind = 0;  // start over, and read the environment again
    for (;;) {
      const int found = ::getopt_long(argc, argv, "+t:hVv::f:d:p:c:C:", table.data(), nullptr);
      if (found == -1) return {};
      if (found == '?') {
        line_.request = Request::refused;
        return {};
      }
      if (static_cast<std::size_t>(found) >= kFirstCommandOption) {
        command_option(of_commands[static_cast<std::size_t>(found) - kFirstCommandOption]);
        continue;
      }
      const Option* global = std::find_if(std::begin(kOptions), std::end(kOptions),
                                          [found](const Option& o) { return o.letter == found; });
      if (global == std::end(kOptions))
        global = &kOptions[static_cast<std::size_t>(found) - kFirstGlobal];
      if (auto done = apply(global->name, optarg != nullptr ? optarg : ""); !done) return done;
      if (line_.request != Request::run) return {};
    }
  }

  std::vector<option> getopt_table(const std::vector<std::string>& of_commands) {
    std::vector<option> table;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
      table.push_back(
          {kOptions[i].name, kOptions[i].argument, nullptr, static_cast<int>(kFirstGlobal + i)});
    }
    plain_names_.reserve(of_commands.size());
    for (std::size_t i = 0; i < of_commands.size(); ++i) {
      const bool has_value = of_commands[i].ends_with('=');
      plain_names_.push_back(of_commands[i].substr(0, of_commands[i].size() - (has_value ? 1 : 0)));
      table.push_back({plain_names_.back().c_str(), has_value ? required_argument : no_argument,
                       nullptr, static_cast<int>(kFirstCommandOption + i)});
    }
    table.push_back({nullptr, 0, nullptr, 0});
    return table;
  }

  void command_option(const std::string& declared) {
    const std::string name = declared.substr(0, declared.find('='));
    TypedOption typed{"--" + name, name, std::nullopt, false};
    if (declared.ends_with('=')) typed.value = optarg;
    first_options_.push_back(std::move(typed));
  }

  Result<void> apply(std::string_view name, const std::string& value) {
    if (name == "help") return stop(Request::help);
    if (name == "version") return stop(Request::version);
    if (name == "commands") return stop(Request::list_commands);
    if (name == "options") return stop(Request::list_options);
    if (name == "timeout") return assign(settings_.timeout, parse_timeout(value));
    if (name == "format") return assign(settings_.style.format, parse_format(value));
    if (name == "data") return assign(settings_.style.cells, parse_cells(value));
    if (name == "verbose") return log_.configure(value);
    if (name == "log-file") {
      return log_.open_file(value.empty() ? log_directory() + "/ovs-vsctl.log" : value);
    }
    if (name == "syslog-method" && value != "libc" && value != "null" &&
        !value.starts_with("unix:") && !value.starts_with("udp:")) {
      return fail("unsupported syslog method '{}'", value);
    }
    apply_flag(name);
    apply_text(name, value);
    return {};
  }

  void apply_flag(std::string_view name) {
    if (name == "no-syslog") log_.set_level("vsctl", "syslog", Level::warn);
    if (name == "no-wait") settings_.wait = false;
    if (name == "dry-run") settings_.dry_run = true;
    if (name == "oneline") settings_.one_line = true;
    if (name == "retry") settings_.retry = true;
    if (name == "no-headings") settings_.style.headings = false;
    if (name == "pretty") settings_.style.json = Json::pretty;
    if (name == "bare") {
      settings_.style.format = TableFormat::list;
      settings_.style.cells = CellFormat::bare;
      settings_.style.headings = false;
    }
  }

  void apply_text(std::string_view name, const std::string& value) {
    client::TlsFiles& tls = settings_.tls;
    if (name == "db") settings_.remote = value;
    if (name == "max-column-width") {
      const int width = std::atoi(value.c_str());  // NOLINT(cert-err34-c): lenient by tradition
      settings_.style.max_column_width = width > 0 ? static_cast<std::size_t>(width) : 0;
    }
    if (name == "private-key") tls.private_key = value;
    if (name == "certificate") tls.certificate = value;
    if (name == "ca-cert") tls.ca_cert = value;
    if (name == "bootstrap-ca-cert") tls.bootstrap_ca_cert = value;
    if (name == "peer-ca-cert") tls.peer_ca_cert = value;
    if (name == "ssl-protocols") tls.protocols = value;
    if (name == "ssl-ciphers") tls.ciphers = value;
  }

  Result<void> stop(Request request) {
    line_.request = request;
    return {};
  }

  template <typename T>
  static Result<void> assign(T& target, Result<T> value) {
    if (!value) return tl::unexpected(value.error());
    target = *value;
    return {};
  }

  // ---- commands

  Result<void> segments(const std::vector<std::string>& words) {
    std::size_t start = 0;
    while (start <= words.size()) {
      const auto end = std::find(words.begin() + static_cast<std::ptrdiff_t>(start), words.end(),
                                 std::string("--"));
      const std::vector<std::string> segment(words.begin() + static_cast<std::ptrdiff_t>(start),
                                             end);
      start = static_cast<std::size_t>(end - words.begin()) + 1;
      if (segment.empty() && first_options_.empty()) continue;
      if (auto done = one_command(segment); !done) return done;
    }
    if (line_.calls.empty()) return fail("{}", kMissingCommand);
    return {};
  }

  Result<void> one_command(const std::vector<std::string>& words) {
    std::vector<TypedOption> options = std::move(first_options_);
    first_options_.clear();
    std::size_t i = 0;
    for (; i < words.size() && words[i].starts_with('-'); ++i) {
      const std::size_t equals = words[i].find('=');
      TypedOption typed{words[i], words[i].substr(0, equals), std::nullopt, true};
      if (equals != std::string::npos) typed.value = words[i].substr(equals + 1);
      const bool again = std::any_of(options.begin(), options.end(), [&](const TypedOption& o) {
        return o.literal && o.name == typed.name;
      });
      if (again) return fail("'{}' option specified multiple times", words[i]);
      options.push_back(std::move(typed));
    }
    if (i == words.size()) return fail("{}", kMissingCommand);
    return call(
        words[i],
        std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end()),
        options);
  }

  Result<void> call(const std::string& name, std::vector<std::string> arguments,
                    const std::vector<TypedOption>& options) {
    const Command* command = find_command(name);
    if (command == nullptr) return fail("unknown command '{}'; use --help for help", name);
    Call call{command, std::move(arguments), {}};
    for (const TypedOption& typed : options) {
      if (auto done = accept_option(call, typed); !done) return done;
    }
    if (auto ok = check_count(call); !ok) return ok;
    line_.calls.push_back(std::move(call));
    return {};
  }

  static Result<void> accept_option(Call& call, const TypedOption& typed) {
    const std::string dashed = typed.literal ? typed.name : "--" + typed.name;
    const std::string plain = dashed.starts_with("--") ? dashed.substr(2) : dashed;
    const auto declared = declared_option(*call.command, plain);
    if (!declared) {
      return fail("'{}' command has no '{}' option", call.command->name, dashed);
    }
    if (*declared == "=" && !typed.value) {
      return fail("missing argument to '{}' option on '{}' command", dashed, call.command->name);
    }
    if (*declared != "=" && typed.value) {
      return fail("'{}' option on '{}' does not accept an argument", dashed, call.command->name);
    }
    call.options[plain] = typed.value.value_or("");
    return {};
  }

  static Result<void> check_count(const Call& call) {
    const Command& command = *call.command;
    const std::size_t count = call.arguments.size();
    if (count < command.min_arguments) {
      return fail("'{}' command requires at least {} arguments", command.name,
                  command.min_arguments);
    }
    if (count <= command.max_arguments) return {};
    const bool misplaced =
        std::any_of(call.arguments.begin() + static_cast<std::ptrdiff_t>(command.max_arguments),
                    call.arguments.end(), [](const auto& word) { return word.starts_with('-'); });
    return fail("'{}' command takes at most {} arguments{}", command.name, command.max_arguments,
                misplaced ? " (note that options must precede command names and follow a \"--\" "
                            "argument)"
                          : "");
  }

  static constexpr std::string_view kMissingCommand = "missing command name (use --help for help)";
  static constexpr std::size_t kFirstGlobal = 256;  // beyond all letters
  static constexpr std::size_t kFirstCommandOption = 1024;

  CommandLine& line_;
  Log& log_;
  Settings& settings_;
  std::vector<std::string> plain_names_;
  std::vector<TypedOption> first_options_;
};

}  // namespace

Result<CommandLine> parse_command_line(int argc, char** argv, Log& log) {
  CommandLine line;
  if (auto done = Parser(line, log).parse(argc, argv); !done) {
    return tl::unexpected(done.error());
  }
  return line;
}

std::string version_text() { return "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\n"; }

std::string options_text() {
  std::string text;
  for (const Option& option : kOptions) {
    const char* argument = option.argument == no_argument ? "" : "ARG";
    text += fmt::format("--{}{}{}\n", option.name, *argument != '\0' ? "=" : "", argument);
    if (option.letter != 0) {
      text += fmt::format("-{}{}{}\n", option.letter, *argument != '\0' ? " " : "", argument);
    }
  }
  return text;
}

std::string commands_text() {
  std::string text;
  for (const Command& command : commands()) {
    std::string_view rest = command.options;
    while (!rest.empty()) {
      const std::size_t length = std::min(rest.find(','), rest.size());
      text += fmt::format("[{}] ", rest.substr(0, length));
      rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    text += fmt::format(",{},{}\n", command.name, command.arguments);
  }
  return text;
}

std::string quote_arguments(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) text += ' ';
    text += quote_argument(argv[i]);
  }
  return text;
}

}  // namespace bondway::ctl
