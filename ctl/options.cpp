#include "ctl/options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "ctl/help.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "process/version.hpp"

namespace bondway::ctl {
namespace {

using process::Option;
using process::Options;
using Argument = Option::Argument;
using Value = std::optional<std::string>;

/// An option of a command as typed, before it is known which command it is.
struct TypedOption {
  std::string text;  ///< with dashes, without its value
  Value value;
  bool is_literal = false;  ///< behind a "--": its name in full, and only once
};

// ---------------------------------------------------------------- values of global options

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

std::size_t parse_width(const std::string& text) {
  const int width = std::atoi(text.c_str());  // NOLINT(cert-err34-c): lenient by tradition
  return width > 0 ? static_cast<std::size_t>(width) : 0;
}

// ---------------------------------------------------------------- options

template <typename Act>
Option flag(std::string name, Act act, char letter = '\0') {
  return {std::move(name), letter, Argument::none, [act](const Value&) -> Result<void> {
            act();
            return {};
          }};
}

Option text_option(std::string name, std::string& target, char letter = '\0') {
  return {std::move(name), letter, Argument::required,
          [&target](const Value& value) -> Result<void> {
            target = *value;
            return {};
          }};
}

template <typename T>
Option parsed_option(std::string name, char letter, T& target,
                     Result<T> (*parse)(std::string_view)) {
  return {std::move(name), letter, Argument::required,
          [&target, parse](const Value& value) -> Result<void> {
            const Result<T> parsed = parse(*value);
            if (!parsed) return tl::unexpected(parsed.error());
            target = *parsed;
            return {};
          }};
}

Options ignored_options(std::initializer_list<const char*> names) {
  Options options;
  for (const char* name : names) options.push_back(flag(name, [] {}));
  return options;
}

Options output_options(TableStyle& style) {
  return {
      parsed_option("format", 'f', style.format, parse_format),
      parsed_option("data", 'd', style.cells, parse_cells),
      flag("no-headings", [&style] { style.headings = false; }),
      flag("pretty", [&style] { style.json = Json::pretty; }),
      flag("bare",
           [&style] {
             style.format = TableFormat::list;
             style.cells = CellFormat::bare;
             style.headings = false;
           }),
      {"max-column-width", '\0', Argument::required,
       [&style](const Value& value) -> Result<void> {
         style.max_column_width = parse_width(*value);
         return {};
       }},
  };
}

Option tls_option(std::string name, client::Tls& tls, void (client::Tls::*use)(const std::string&),
                  char letter = '\0') {
  return {std::move(name), letter, Argument::required,
          [&tls, use](const Value& value) -> Result<void> {
            (tls.*use)(*value);
            return {};
          }};
}

Options tls_options(client::Tls& tls) {
  using client::Tls;
  return {
      tls_option("private-key", tls, &Tls::use_private_key, 'p'),
      tls_option("certificate", tls, &Tls::use_certificate, 'c'),
      tls_option("ca-cert", tls, &Tls::use_ca, 'C'),
      tls_option("ssl-protocols", tls, &Tls::use_protocols),
      tls_option("ssl-ciphers", tls, &Tls::use_ciphers),
      tls_option("bootstrap-ca-cert", tls, &Tls::bootstrap_ca),
      tls_option("peer-ca-cert", tls, &Tls::send_ca),
  };
}

/// One a line, as completion scripts read them.
std::string options_text(const Options& options) {
  std::string text;
  for (const Option& option : options) {
    const bool has_value = option.argument != Argument::none;
    text += fmt::format("--{}{}\n", option.name, has_value ? "=ARG" : "");
    if (option.letter != '\0') {
      text += fmt::format("-{}{}\n", option.letter, has_value ? " ARG" : "");
    }
  }
  return text;
}

/// In the order in which --options lists them.
Options global_options(const std::string& program, Settings& settings, process::Log& log) {
  Options options{
      text_option("db", settings.remote),
      flag("no-syslog", [&log] { (void)log.set("vsctl:syslog:warn"); }),
      flag("no-wait", [&settings] { settings.wait = false; }),
      flag("dry-run", [&settings] { settings.dry_run = true; }),
      flag("oneline", [&settings] { settings.one_line = true; }),
      parsed_option("timeout", 't', settings.timeout, parse_timeout),
      flag("retry", [&settings] { settings.retry = true; }),
      process::printing_option("help", 'h', [program] { return help_text(program); }),
      process::printing_option("commands", '\0', commands_text),
  };
  const std::size_t place_of_listing = options.size();
  append(options, ignored_options(
                      {"leader-only", "no-leader-only", "shuffle-remotes", "no-shuffle-remotes"}));
  options.push_back(process::printing_option("version", 'V', [program] {
    return process::version_text(program) + fmt::format("\nDB Schema {}\n", kSchemaVersion);
  }));
  append(options, process::log_options(log));
  append(options, output_options(settings.style));
  append(options, tls_options(*settings.tls));
  const auto place = options.begin() + static_cast<std::ptrdiff_t>(place_of_listing);
  const auto at =
      options.insert(place, process::printing_option("options", '\0', [] { return ""; }));
  at->take =
      process::printing_option("options", '\0', [options] { return options_text(options); }).take;
  return options;
}

/// The options of commands, in the order in which messages about ambiguous ones name them.
constexpr std::string_view kCommandOptions[] = {
    "may-exist", "if-exists", "id",  "inactivity-probe", "real", "fake", "with-iface",
    "columns",   "bootstrap", "all", "fake-iface"};

bool takes_value(std::string_view option) {
  bool found = false;
  for (const Command& command : commands()) {
    for_each_option(command, [&](std::string_view name, bool has_value) {
      found = found || (name == option && has_value);
    });
  }
  return found;
}

/// The options of the first command may stand among the global ones, where getopt reads them.
Options command_options(std::vector<TypedOption>& typed) {
  Options options;
  for (const std::string_view name : kCommandOptions) {
    const auto argument = takes_value(name) ? Argument::required : Argument::none;
    options.push_back(
        {std::string(name), '\0', argument,
         [&typed, text = "--" + std::string(name)](const Value& value) -> Result<void> {
           typed.push_back({text, value, false});
           return {};
         },
         Option::Ambiguity::first});
  }
  return options;
}

// ---------------------------------------------------------------- options of our own

bool takes_next_word(const Options& options, std::string_view word) {
  const bool is_long = word.starts_with("--");
  if (is_long ? word.find('=') != std::string_view::npos : word.size() != 2) return false;
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    if (option.argument != Argument::required) return false;
    return is_long ? option.name == word.substr(2) : option.letter == word[1];
  });
}

/// Takes --lint, --strict and --complete off the command line before getopt sees it, so that the
/// unique beginnings of all other options stay what they were.  Returns how many words are left.
int take_own_options(int argc, char** argv, const Options& options, Settings& settings) {
  int kept = 1;
  int at = 1;
  for (; at < argc && argv[at][0] == '-' && std::string_view(argv[at]) != "--"; ++at) {
    const std::string_view word = argv[at];
    if (word == "--lint") {
      settings.advice = Advice::always;
    } else if (word == "--strict") {
      settings.advice = Advice::binding;
    } else if (word == "--complete") {
      settings.complete = true;
      settings.words.assign(argv + at + 1, argv + argc);
      return kept;
    } else {
      argv[kept++] = argv[at];
      if (takes_next_word(options, word) && at + 1 < argc) argv[kept++] = argv[++at];
    }
  }
  while (at < argc) argv[kept++] = argv[at++];
  argv[kept] = nullptr;
  return kept;
}

// ---------------------------------------------------------------- commands

constexpr std::string_view kMissingCommand = "missing command name (use --help for help)";

Result<void> check_option(const Call& call, const TypedOption& typed) {
  const std::string_view text = typed.text;
  const std::string_view name = text.starts_with("--") ? text.substr(2) : text;
  std::optional<bool> takes_value;
  for_each_option(*call.command, [&](std::string_view declared, bool has_value) {
    if (declared == name) takes_value = has_value;
  });
  if (!takes_value) return fail("'{}' command has no '{}' option", call.command->name, text);
  if (*takes_value && !typed.value) {
    return fail("missing argument to '{}' option on '{}' command", text, call.command->name);
  }
  if (!*takes_value && typed.value) {
    return fail("'{}' option on '{}' does not accept an argument", text, call.command->name);
  }
  return {};
}

Result<void> check_count(const Call& call) {
  const Command& command = *call.command;
  const std::size_t count = call.arguments.size();
  if (count < command.min_arguments) {
    return fail("'{}' command requires at least {} arguments", command.name, command.min_arguments);
  }
  if (count <= command.max_arguments) return {};
  const bool misplaced = std::any_of(call.arguments.begin(), call.arguments.end(),
                                     [](const auto& word) { return word.starts_with('-'); });
  return fail("'{}' command takes at most {} arguments{}", command.name, command.max_arguments,
              misplaced ? " (note that options must precede command names and follow a \"--\" "
                          "argument)"
                        : "");
}

/// Which of several options of the same name counts: not always the last.  Scripts that repeat one
/// have come to live with the order in which the original's table of options, which grows when it
/// has 2 and 8 of them, finds them.
void settle_repetitions(Call& call, const std::vector<TypedOption>& options) {
  std::vector<const TypedOption*> found;
  for (const TypedOption& option : options) {
    found.insert(found.begin(), &option);
    if (found.size() == 2 || found.size() == 8) std::reverse(found.begin(), found.end());
  }
  std::for_each(found.rbegin(), found.rend(), [&call](const TypedOption* option) {
    call.options[option->text.substr(2)] = option->value.value_or("");
  });
}

/// One command; `options` are those that getopt found in front of it.
Result<Call> parse_call(std::span<const std::string> words, std::vector<TypedOption> options) {
  std::size_t i = 0;
  for (; i < words.size() && words[i].starts_with('-'); ++i) {
    const std::size_t equals = words[i].find('=');
    TypedOption typed{words[i].substr(0, equals), std::nullopt, true};
    if (equals != std::string::npos) typed.value = words[i].substr(equals + 1);
    const bool again = std::any_of(options.begin(), options.end(), [&](const TypedOption& other) {
      return other.is_literal && other.text == typed.text;
    });
    if (again) return fail("'{}' option specified multiple times", words[i]);
    options.push_back(std::move(typed));
  }
  if (i == words.size()) return fail("{}", kMissingCommand);
  Call call;
  call.command = find_command(words[i]);
  if (call.command == nullptr) return fail("unknown command '{}'; use --help for help", words[i]);
  call.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
  for (const TypedOption& typed : options) {
    if (auto done = check_option(call, typed); !done) return tl::unexpected(done.error());
  }
  settle_repetitions(call, options);
  if (auto ok = check_count(call); !ok) return tl::unexpected(ok.error());
  return call;
}

/// The commands between the "--"s; empty ones do not count.
Result<std::vector<Call>> parse_calls(std::span<const std::string> words,
                                      std::vector<TypedOption> options) {
  std::vector<Call> calls;
  for (;;) {
    const auto end = std::find(words.begin(), words.end(), "--");
    const auto segment = words.first(static_cast<std::size_t>(end - words.begin()));
    if (!segment.empty() || !options.empty()) {
      Result<Call> call = parse_call(segment, std::exchange(options, {}));
      if (!call) return tl::unexpected(call.error());
      calls.push_back(std::move(*call));
    }
    if (end == words.end()) break;
    words = words.subspan(segment.size() + 1);
  }
  if (calls.empty()) return fail("{}", kMissingCommand);
  return calls;
}

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char** argv, process::Log& log) {
  const std::string program = process::program_name(argv[0]);
  CommandLine line;
  line.settings.remote = "unix:" + process::Paths::from_environment().in_rundir("db.sock");
  line.settings.tls = std::make_shared<client::Tls>(
      [logger = log.module("stream_ssl")](const std::string& text) { logger.err("{}", text); });
  std::vector<TypedOption> typed;
  Options options = global_options(program, line.settings, log);
  append(options, command_options(typed));
  argc = take_own_options(argc, argv, options, line.settings);
  const auto words = parse_options(argc, argv, options, process::Order::stop_at_first_operand);
  if (!words) return std::nullopt;
  if (line.settings.complete) return line;
  if (line.settings.timeout == 0) {
    const char* preset = std::getenv("OVS_CTL_TIMEOUT");  // NOLINT(concurrency-mt-unsafe)
    if (preset != nullptr) line.settings.timeout = parse_timeout(preset).value_or(0);
  }
  Result<std::vector<Call>> calls = parse_calls(*words, std::move(typed));
  if (!calls) {
    fmt::print(stderr, "{}: {}\n", program, calls.error().message);
    return std::nullopt;
  }
  line.calls = std::move(*calls);
  return line;
}

Result<std::vector<Call>> parse_commands(std::span<const std::string> words) {
  return parse_calls(words, {});
}

std::string commands_text() {
  std::string text;
  for (const Command& command : commands()) {
    for_each_option(command, [&text](std::string_view name, bool has_value) {
      text += fmt::format("[--{}{}] ", name, has_value ? "=" : "");
    });
    text += fmt::format(",{},{}\n", command.name, command.arguments);
  }
  return text;
}

}  // namespace bondway::ctl
