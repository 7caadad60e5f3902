#include "process/options.hpp"

#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "process/log.hpp"
#include "process/paths.hpp"

namespace bondway::process {
namespace {

/// What getopt_long() returns for an option by its name: its place in the table beyond all
/// characters, or the same for all whose common beginnings mean the first.
constexpr int kFirstLong = 257;
constexpr int kAnyLong = 256;

/// The table in the form that getopt_long() wants; names point into the Options.
struct GetoptTable {
  std::string letters;
  std::vector<option> names;
  std::vector<int> codes;  ///< of the names
};

GetoptTable make_table(const Options& options, Order order) {
  GetoptTable table;
  if (order == Order::stop_at_first_operand) table.letters = "+";
  int index = kFirstLong;
  for (const Option& each : options) {
    const auto argument = static_cast<int>(each.argument);
    if (each.letter != '\0') {
      table.letters += each.letter;
      table.letters.append(static_cast<std::size_t>(argument), ':');
    }
    if (!each.name.empty()) {
      const bool is_first = each.ambiguity == Option::Ambiguity::first;
      table.names.push_back({each.name.c_str(), argument, nullptr, is_first ? kAnyLong : index});
      table.codes.push_back(index);
    }
    ++index;
  }
  table.names.push_back({nullptr, 0, nullptr, 0});
  return table;
}

const Option& find(const Options& options, int code) {
  if (code >= kFirstLong) return options.at(static_cast<std::size_t>(code - kFirstLong));
  for (const Option& each : options) {
    if (each.letter == code) return each;
  }
  std::terminate();  // getopt_long() returns only what it was given
}

std::string_view argument_mark(Option::Argument argument) {
  switch (argument) {
    case Option::Argument::none:
      return "";
    case Option::Argument::required:
      return "ARG";
    case Option::Argument::optional:
      return "[ARG]";
  }
  return "";
}

}  // namespace

std::optional<std::vector<std::string>> parse_options(int argc, char* const* argv,
                                                      const Options& options, Order order) {
  const GetoptTable table = make_table(options, order);
  optind = 0;  // makes glibc start anew
  for (;;) {
    int name = 0;
    int code = ::getopt_long(argc, argv, table.letters.c_str(), table.names.data(), &name);
    if (code == -1) break;
    if (code == '?') return std::nullopt;
    if (code == kAnyLong) code = table.codes[static_cast<std::size_t>(name)];
    std::optional<std::string> value;
    if (optarg != nullptr) value = optarg;
    if (const Result<void> taken = find(options, code).take(std::move(value)); !taken) {
      const std::string& why = taken.error().message;
      if (!why.empty()) fmt::print(stderr, "{}: {}\n", program_name(argv[0]), why);
      return std::nullopt;
    }
  }
  return std::vector<std::string>(argv + optind, argv + argc);
}

Option printing_option(std::string name, char letter, std::string text) {
  return printing_option(std::move(name), letter, [text = std::move(text)] { return text; });
}

Option printing_option(std::string name, char letter, std::function<std::string()> text) {
  return {std::move(name), letter, Option::Argument::none,
          [text = std::move(text)](const std::optional<std::string>&) -> Result<void> {
            fmt::print("{}", text());
            std::exit(0);
          }};
}

Options log_options(Log& log) {
  using Argument = Option::Argument;
  using Value = std::optional<std::string>;
  return {
      {"verbose", 'v', Argument::optional,
       [&log](const Value& spec) -> Result<void> {
         const Result<void> result = log.set(spec.value_or(""));
         if (!result) return fail("processing \"{}\": {}", *spec, result.error().message);
         return result;
       }},
      {"log-file", '\0', Argument::optional,
       [&log](Value file) -> Result<void> {
         if (!log.open_file(std::move(file))) return fail("");  // the log told why
         return {};
       }},
      {"syslog-method", '\0', Argument::required,
       [&log](const Value& method) { return log.set_syslog_method(*method); }},
      {"syslog-target", '\0', Argument::required,
       [&log](const Value& target) -> Result<void> {
         log.set_syslog_target(*target);
         return {};
       }},
  };
}

std::string log_options_help(std::string_view program, const Paths& paths) {
  return fmt::format(
      "\nLogging options:\n"
      "  -vSPEC, --verbose=SPEC   set logging levels\n"
      "  -v, --verbose            set maximum verbosity level\n"
      "  --log-file[=FILE]        enable logging to specified FILE\n"
      "                           (default: {}/{}.log)\n"
      "  --syslog-method=(libc|unix:file|udp:ip:port)\n"
      "                           specify how to send messages to syslog daemon\n"
      "  --syslog-target=HOST:PORT  also send syslog msgs to HOST:PORT via UDP\n",
      paths.logdir, program);
}

std::string list_options(const Options& options) {
  std::string out;
  for (const Option& each : options) {
    const std::string_view mark = argument_mark(each.argument);
    if (!each.name.empty()) {
      out += fmt::format("--{}{}{}\n", each.name, mark.empty() ? "" : "=", mark);
    }
    if (each.letter != '\0') out += fmt::format("-{} {}\n", each.letter, mark);
  }
  return out;
}

void append(Options& options, Options more) {
  std::move(more.begin(), more.end(), std::back_inserter(options));
}

}  // namespace bondway::process
