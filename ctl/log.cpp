#include "ctl/log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

namespace bondway::ctl {
namespace {

constexpr std::array<std::string_view, 6> kLevels = {"off", "emer", "err", "warn", "info", "dbg"};
constexpr std::array<std::string_view, 6> kLevelNames = {"OFF",  "EMER", "ERR",
                                                         "WARN", "INFO", "DBG"};
constexpr std::array<std::string_view, 3> kDestinationNames = {"syslog", "console", "file"};
constexpr std::array<int, 6> kPriorities = {LOG_DEBUG,   LOG_ALERT,  LOG_ERR,
                                            LOG_WARNING, LOG_NOTICE, LOG_DEBUG};
/// Names that -v accepts, because scripts that were written for them exist.
constexpr std::array<std::string_view, 32> kModules = {
    "vsctl",        "db_ctl_base", "ovsdb_idl",    "ovsdb_cs",   "ovsdb_error", "jsonrpc",
    "reconnect",    "stream",      "stream_fd",    "stream_ssl", "stream_tcp",  "stream_unix",
    "socket_util",  "poll_loop",   "fatal_signal", "vlog",       "timeval",     "util",
    "command_line", "daemon",      "daemon_unix",  "dirs",       "backtrace",   "coverage",
    "ovs_rcu",      "ovs_thread",  "unixctl",      "process",    "lockfile",    "dns_resolve",
    "hmap",         "fatal-signal"};
constexpr std::array<std::string_view, 20> kFacilities = {
    "kern", "user", "mail",  "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "clock",
    "ftp",  "ntp",  "audit", "alert",  "clock2", "local0", "local1", "local2", "local3", "local4"};

template <typename Names>
std::size_t index_of(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// What a signal handler may look at.
volatile unsigned next_sequence = 1;
volatile bool console_shows_warnings = true;

/// Appends a number without calling anything that a signal handler must not.
void put_number(char*& out, long number, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
  out += width;
}

void put_text(char*& out, const char* text) {
  while (*text != '\0') *out++ = *text++;
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar.
void put_date(char*& out, long day) {
  const long z = day + 719468;
  const long era = z / 146097;
  const long of_era = z - era * 146097;
  const long year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const long of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const long shifted = (5 * of_year + 2) / 153;  // months from March
  const long month = shifted < 10 ? shifted + 3 : shifted - 9;
  put_number(out, year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4);
  *out++ = '-';
  put_number(out, month, 2);
  *out++ = '-';
  put_number(out, of_year - (153 * shifted + 2) / 5 + 1, 2);
}

const char* signal_name(int number) {
  switch (number) {
    case SIGALRM:
      return "Alarm clock";
    case SIGTERM:
      return "Terminated";
    case SIGINT:
      return "Interrupt";
    default:
      return "Hangup";
  }
}

/// Logs and dies of the signal.  Everything called here may be called in a signal handler.
void on_fatal_signal(int number) {
  char line[160];
  char* out = line;
  const long now = std::time(nullptr);
  put_date(out, now / 86400);
  *out++ = 'T';
  put_number(out, now % 86400 / 3600, 2);
  *out++ = ':';
  put_number(out, now % 3600 / 60, 2);
  *out++ = ':';
  put_number(out, now % 60, 2);
  put_text(out, "Z|");
  put_number(out, static_cast<long>(next_sequence), 5);
  put_text(out, "|fatal_signal|WARN|terminating with signal ");
  put_number(out, number, number < 10 ? 1 : 2);
  put_text(out, " (");
  put_text(out, signal_name(number));
  put_text(out, ")\n");
  if (console_shows_warnings) {
    [[maybe_unused]] const ssize_t sent =
        ::write(STDERR_FILENO, line, static_cast<std::size_t>(out - line));
  }
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

// ---------------------------------------------------------------- settings

void Log::set_level(std::string_view module, std::string_view destination, Level level) {
  Levels& levels = module.empty()
                       ? defaults_
                       : modules_.try_emplace(std::string(module), defaults_).first->second;
  for (std::size_t i = 0; i < kDestinations; ++i) {
    if (destination.empty() || kDestinationNames[i] == destination) levels[i] = level;
  }
  if (module.empty()) {
    for (auto& [name, of_module] : modules_) {
      for (std::size_t i = 0; i < kDestinations; ++i) {
        if (destination.empty() || kDestinationNames[i] == destination) of_module[i] = level;
      }
    }
  }
  console_shows_warnings = threshold("fatal_signal", kConsole) >= Level::warn;
}

Result<void> Log::set_pattern(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  const std::size_t destination = index_of(kDestinationNames, name);
  if (colon == std::string_view::npos) return fail("missing ':' in pattern");
  if (name != "any" && destination == kDestinations) {
    return fail("unknown destination \"{}\"", name);
  }
  for (std::size_t i = 0; i < kDestinations; ++i) {
    if (name == "any" || i == destination) patterns_[i] = spec.substr(colon + 1);
  }
  return {};
}

Result<void> Log::configure(std::string_view spec) {
  constexpr std::string_view kPattern = "PATTERN:";
  constexpr std::string_view kFacility = "FACILITY:";
  const auto in_context = [&](const Error& error) {
    return fail("processing \"{}\": {}", spec, error.message);
  };
  if (spec.starts_with(kPattern)) {
    const auto set = set_pattern(spec.substr(kPattern.size()));
    return set ? set : in_context(set.error());
  }
  if (spec.starts_with(kFacility)) {
    const std::string_view facility = spec.substr(kFacility.size());
    if (index_of(kFacilities, facility) < kFacilities.size()) return {};
    return in_context(Error{"invalid facility"});
  }
  std::string_view module, destination;
  Level level = Level::dbg;
  std::string_view rest = spec;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find_first_of(" ,:"), rest.size());
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (word.empty() || word == "any" || word == "ANY") continue;
    if (index_of(kLevels, word) < kLevels.size()) {
      level = static_cast<Level>(index_of(kLevels, word));
    } else if (index_of(kDestinationNames, word) < kDestinations) {
      destination = word;
    } else if (index_of(kModules, word) < kModules.size()) {
      module = word;
    } else {
      return in_context(Error{fmt::format("no destination, level, or module \"{}\"", word)});
    }
  }
  set_level(module, destination, level);
  return {};
}

Result<void> Log::open_file(const std::string& path) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0660);
  if (file_ >= 0) return {};
  const std::string why = std::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
  write(Level::warn, "vlog", fmt::format("failed to open {} for logging: {}", path, why));
  return fail("{}", why);
}

// ---------------------------------------------------------------- writing

Level Log::threshold(std::string_view module, Destination destination) const {
  const auto own = modules_.find(module);
  return (own != modules_.end() ? own->second : defaults_)[destination];
}

std::string Log::format(std::string_view pattern, Level level, std::string_view module,
                        std::string_view text) const {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    std::size_t width = 0;
    while (++i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '9') {
      width = width * 10 + static_cast<std::size_t>(pattern[i] - '0');
    }
    if (i == pattern.size()) break;
    switch (pattern[i]) {
      case 'N':
        out += fmt::format("{:0{}}", sequence_, width);
        break;
      case 'c':
        out += module;
        break;
      case 'p':
        out += kLevelNames[static_cast<std::size_t>(level)];
        break;
      case 'm':
        out += text;
        break;
      case 'A':
        out += "ovs-vsctl";
        break;
      case 'P':
        out += fmt::format("{}", ::getpid());
        break;
      case 'n':
        out += '\n';
        break;
      case 'D':
      case 'd': {
        std::string_view date = "%Y-%m-%dT%H:%M:%SZ";
        if (pattern.substr(i + 1).starts_with("{")) {
          const std::size_t end = std::min(pattern.find('}', i), pattern.size());
          date = pattern.substr(i + 2, end - i - 2);
          i = end;
        }
        out += fmt::format(fmt::runtime("{:" + std::string(date) + "}"),
                           fmt::gmtime(std::time(nullptr)));
        break;
      }
      default:
        out += pattern[i];
    }
  }
  return out;
}

void Log::write(Level level, std::string_view module, std::string_view text) {
  const auto wanted = [&](Destination destination) {
    return threshold(module, destination) >= level;
  };
  if (!wanted(kSyslog) && !wanted(kConsole) && !(file_ >= 0 && wanted(kFile))) return;
  ++sequence_;
  next_sequence = sequence_ + 1;
  if (wanted(kConsole)) {
    fmt::print(stderr, "{}\n", format(patterns_[kConsole], level, module, text));
  }
  if (wanted(kSyslog)) {
    ::openlog("ovs-vsctl", LOG_NDELAY, LOG_DAEMON);
    ::syslog(kPriorities[static_cast<std::size_t>(level)], "%s",
             format(patterns_[kSyslog], level, module, text).c_str());
  }
  if (file_ >= 0 && wanted(kFile)) {
    const std::string line = format(patterns_[kFile], level, module, text) + '\n';
    [[maybe_unused]] const ssize_t sent = ::write(file_, line.data(), line.size());
  }
}

void Log::announce_fatal_signals() {
  for (const int number : {SIGALRM, SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction action {};
    action.sa_handler = on_fatal_signal;
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace bondway::ctl
