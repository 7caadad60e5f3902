#include "process/log.hpp"

#include <pthread.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "process/log_sinks.hpp"
#include "process/paths.hpp"

namespace bondway::process {

namespace {

constexpr std::size_t kDestinations = 3;
constexpr std::array<std::string_view, kDestinations> kDestinationNames{"console", "syslog",
                                                                        "file"};
constexpr auto kAllDestinations =
    std::to_array({LogDestination::console, LogDestination::syslog, LogDestination::file});

constexpr std::size_t index(LogDestination destination) {
  return static_cast<std::size_t>(destination);
}

constexpr std::string_view kDefaultConsolePattern = "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m";
constexpr std::string_view kDefaultSyslogPattern = "ovs|%05N|%c%T|%p|%m";
constexpr std::string_view kDefaultFilePattern = "%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m";

/// What --syslog-target sends; RFC 5424, with the mark that the message is UTF-8.
constexpr std::string_view kTargetPattern =
    "<%B>1 %D{%Y-%m-%dT%H:%M:%S.###Z} %E %A %P %c - \xef\xbb\xbf%m";

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<LogDestination> find_destination(std::string_view word) {
  for (const LogDestination destination : kAllDestinations) {
    if (same_word(word, kDestinationNames[index(destination)])) return destination;
  }
  return std::nullopt;
}

std::optional<LogLevel> find_level(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(LogLevel::dbg); ++i) {
    const auto level = static_cast<LogLevel>(i);
    if (same_word(word, to_string(level))) return level;
  }
  return std::nullopt;
}

/// RFC 5424, 6.2.1, under the names that ovs-appctl(8) gives them.
std::optional<unsigned> find_facility(std::string_view word) {
  constexpr std::array<std::string_view, 24> kFacilities{
      "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
      "uucp",   "clock",  "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock2",
      "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
  for (unsigned i = 0; i < kFacilities.size(); ++i) {
    if (same_word(word, kFacilities[i])) return i << 3;
  }
  return std::nullopt;
}

constexpr std::string_view kSeparators = " ,:";

/// The next word of a SPEC, taken off its front; empty at the end.
std::string_view take_word(std::string_view& spec) {
  spec.remove_prefix(std::min(spec.find_first_not_of(kSeparators), spec.size()));
  const std::string_view word = spec.substr(0, spec.find_first_of(kSeparators));
  spec.remove_prefix(std::min(word.size() + 1, spec.size()));
  return word;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "-";
  return name.data();
}

}  // namespace

struct LogModule {
  std::string name;
  std::array<LogLevel, kDestinations> levels{LogLevel::info, LogLevel::info, LogLevel::info};
  std::atomic<LogLevel> highest = LogLevel::info;  ///< of the destinations that are open
  std::atomic<bool> rate_limited = true;
};

struct Log::State {
  struct Destination {
    std::string pattern;
    std::optional<LogSink> sink;
  };
  /// A SPEC of words, understood.
  struct Choice {
    LogModule* module = nullptr;
    std::optional<LogDestination> destination;
    std::optional<LogLevel> level;
  };

  explicit State(Setup setup);

  Destination& at(LogDestination destination) { return destinations[index(destination)]; }
  LogModule& add(std::string_view name);
  LogModule* find(std::string_view name);
  Result<Choice> parse(std::string_view spec);
  Result<void> set_pattern(std::string_view spec);
  Result<void> set_facility(std::string_view name);
  void set_level(LogModule& module, std::optional<LogDestination> destination, LogLevel level);
  void update_highest();
  void emit(const LogModule& module, LogLevel level, std::string_view message);
  void emit(std::string_view module, LogLevel level, std::string_view message) {
    emit(add(module), level, message);
  }
  std::string subprogram_of_this_thread() const;
  void close_file();
  Result<void> open_file();

  const std::string program;
  const std::string directory;
  const std::function<TimePoint()> now;
  const std::string hostname = host_name();
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  std::mutex mutex;  ///< guards all that follows, save atomics
  std::map<std::string, LogModule, std::less<>> modules;
  std::array<Destination, kDestinations> destinations;
  std::optional<LogSink> target;  ///< --syslog-target
  std::string file;               ///< empty: never asked for
  std::string syslog_method = "libc";
  std::optional<unsigned> facility;
  std::string subprogram;
  unsigned number = 0;
};

Log::State::State(Setup setup)
    : program(std::move(setup.program)),
      directory(std::move(setup.directory)),
      now(setup.now ? std::move(setup.now)
                    : [] { return TimePoint(std::chrono::steady_clock::now()); }) {
  for (const std::string_view name : setup.modules) add(name);
  at(LogDestination::console) = {std::string(kDefaultConsolePattern), console_sink()};
  at(LogDestination::syslog) = {std::string(kDefaultSyslogPattern),
                                libc_syslog_sink(program, LOG_DAEMON)};
  at(LogDestination::file) = {std::string(kDefaultFilePattern), std::nullopt};
}

LogModule& Log::State::add(std::string_view name) {
  if (const auto found = modules.find(name); found != modules.end()) return found->second;
  LogModule& module = modules[std::string(name)];
  module.name = name;
  return module;
}

LogModule* Log::State::find(std::string_view name) {
  for (auto& [key, module] : modules) {
    if (same_word(key, name)) return &module;
  }
  return nullptr;
}

Result<Log::State::Choice> Log::State::parse(std::string_view spec) {
  Choice choice;
  for (std::string_view word = take_word(spec); !word.empty(); word = take_word(spec)) {
    if (const auto destination = find_destination(word)) {
      if (choice.destination) return fail("cannot specify multiple destinations");
      choice.destination = destination;
    } else if (const auto level = find_level(word)) {
      if (choice.level) return fail("cannot specify multiple levels");
      choice.level = level;
    } else if (LogModule* module = find(word)) {
      if (choice.module != nullptr) return fail("cannot specify multiple modules");
      choice.module = module;
    } else if (!same_word(word, "any")) {
      return fail("no destination, level, or module \"{}\"", word);
    }
  }
  return choice;
}

Result<void> Log::State::set_pattern(std::string_view spec) {
  const std::string_view name = take_word(spec);
  if (name.empty()) return fail("missing destination");
  const auto destination = find_destination(name);
  if (!destination && !same_word(name, "any")) return fail("unknown destination \"{}\"", name);
  for (const LogDestination each : kAllDestinations) {
    if (!destination || each == *destination) at(each).pattern = spec;
  }
  return {};
}

Result<void> Log::State::set_facility(std::string_view name) {
  const auto found = find_facility(name);
  if (!found) return fail("invalid facility");
  facility = found;
  if (syslog_method == "libc") {
    at(LogDestination::syslog).sink.reset();  // closelog() of the old before openlog() of the new
    at(LogDestination::syslog).sink = libc_syslog_sink(program, *facility);
  }
  return {};
}

void Log::State::set_level(LogModule& module, std::optional<LogDestination> destination,
                           LogLevel level) {
  for (const LogDestination each : kAllDestinations) {
    if (!destination || each == *destination) module.levels[index(each)] = level;
  }
}

/// Recomputes what enabled() asks; a destination that is not open wants nothing.
void Log::State::update_highest() {
  for (auto& [name, module] : modules) {
    LogLevel highest = LogLevel::off;
    for (const LogDestination each : kAllDestinations) {
      if (at(each).sink) highest = std::max(highest, module.levels[index(each)]);
    }
    module.highest.store(highest, std::memory_order_relaxed);
  }
}

std::string Log::State::subprogram_of_this_thread() const {
  if (::gettid() == ::getpid()) return subprogram;
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

void Log::State::emit(const LogModule& module, LogLevel level, std::string_view message) {
  const std::string thread = subprogram_of_this_thread();
  LogRecord record{.application = program,
                   .module = module.name,
                   .message = message,
                   .subprogram = thread,
                   .hostname = hostname,
                   .level = level,
                   .facility = 0,
                   .number = ++number,
                   .pid = ::getpid(),
                   .time = std::chrono::system_clock::now(),
                   .since_start = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::steady_clock::now() - started)};
  for (const LogDestination each : kAllDestinations) {
    Destination& destination = at(each);
    if (!destination.sink || module.levels[index(each)] < level) continue;
    const bool to_syslog = each == LogDestination::syslog;
    record.facility = facility.value_or(to_syslog ? LOG_DAEMON : LOG_LOCAL0);
    std::string line = render(destination.pattern, record);
    if (to_syslog && syslog_method != "libc") line = render("<%B>", record) + line;
    destination.sink->write(level, line);
  }
  if (target && module.levels[index(LogDestination::syslog)] >= level) {
    record.facility = facility.value_or(LOG_LOCAL0);
    target->write(level, render(kTargetPattern, record));
  }
}

Result<void> Log::State::open_file() {
  Result<LogSink> sink = file_sink(file);
  if (!sink) {
    update_highest();
    emit("vlog", LogLevel::warn,
         fmt::format("failed to open {} for logging: {}", file, sink.error().message));
    return tl::unexpected(sink.error());
  }
  at(LogDestination::file).sink = std::move(*sink);
  update_highest();
  emit("vlog", LogLevel::info, fmt::format("opened log file {}", file));
  return {};
}

void Log::State::close_file() {
  if (!at(LogDestination::file).sink) return;
  emit("vlog", LogLevel::info, "closing log file");
  at(LogDestination::file).sink.reset();
  update_highest();
}

// --- Log ------------------------------------------------------------------------------------

Log::Log(Setup setup) : state_(std::make_unique<State>(std::move(setup))) {}
Log::~Log() = default;

Logger Log::module(std::string_view name) {
  const std::scoped_lock lock(state_->mutex);
  LogModule& module = state_->add(name);
  return {*this, module};
}

Result<void> Log::set(std::string_view spec) {
  const std::scoped_lock lock(state_->mutex);
  std::string_view rest = spec;
  const std::string_view first = take_word(rest);
  if (same_word(first, "PATTERN")) return state_->set_pattern(rest);
  if (same_word(first, "FACILITY")) return state_->set_facility(rest);

  const Result<State::Choice> choice = state_->parse(spec);
  if (!choice) return tl::unexpected(choice.error());
  const LogLevel level = choice->level.value_or(LogLevel::dbg);
  if (choice->module != nullptr) {
    state_->set_level(*choice->module, choice->destination, level);
  } else {
    for (auto& [name, module] : state_->modules) {
      state_->set_level(module, choice->destination, level);
    }
  }
  state_->update_highest();
  return {};
}

Result<void> Log::open_file(std::optional<std::string> file) {
  const std::scoped_lock lock(state_->mutex);
  state_->close_file();
  state_->file =
      file ? absolute(*file) : fmt::format("{}/{}.log", state_->directory, state_->program);
  return state_->open_file();
}

Result<void> Log::reopen_file() {
  const std::scoped_lock lock(state_->mutex);
  if (state_->file.empty()) return fail("Logging to file not configured");
  state_->close_file();
  return state_->open_file();
}

void Log::close_file() {
  const std::scoped_lock lock(state_->mutex);
  state_->close_file();
}

void Log::change_owner(uid_t user, gid_t group) {
  const std::scoped_lock lock(state_->mutex);
  if (state_->file.empty() || ::chown(state_->file.c_str(), user, group) == 0) return;
  state_->emit("vlog", LogLevel::warn,
               fmt::format("failed to change owner of {}: {}", state_->file, std::strerror(errno)));
}

Result<void> Log::set_syslog_method(std::string_view method) {
  const std::scoped_lock lock(state_->mutex);
  std::optional<LogSink>& sink = state_->at(LogDestination::syslog).sink;
  if (method == "libc") {
    sink.reset();
    sink = libc_syslog_sink(state_->program, state_->facility.value_or(LOG_DAEMON));
  } else if (method == "null") {
    sink.reset();
  } else if (method.starts_with("unix:")) {
    sink = unix_datagram_sink(method.substr(5));
  } else if (method.starts_with("udp:")) {
    Result<LogSink> udp = udp_sink(method.substr(4));
    sink.reset();
    if (udp) sink = std::move(*udp);
  } else {
    return fail("unsupported syslog method '{}'", method);
  }
  state_->syslog_method = method;
  state_->update_highest();
  return {};
}

void Log::set_syslog_target(std::string_view host_and_port) {
  const std::scoped_lock lock(state_->mutex);
  Result<LogSink> sink = udp_sink(host_and_port);
  if (!sink) {
    state_->emit("socket_util", LogLevel::err, sink.error().message);
    return;
  }
  state_->target = std::move(*sink);
  state_->emit("vlog", LogLevel::warn,
               "--syslog-target flag is deprecated, use --syslog-method instead");
}

void Log::set_level(LogDestination destination, LogLevel level) {
  const std::scoped_lock lock(state_->mutex);
  for (auto& [name, module] : state_->modules) state_->set_level(module, destination, level);
  state_->update_highest();
}

void Log::set_subprogram(std::string name) {
  const std::scoped_lock lock(state_->mutex);
  state_->subprogram = std::move(name);
}

Result<void> Log::set_rate_limiting(std::string_view name, bool enabled) {
  const std::scoped_lock lock(state_->mutex);
  if (name.empty()) {
    for (auto& [key, module] : state_->modules) module.rate_limited = enabled;
    return {};
  }
  LogModule* module = state_->find(name);
  if (module == nullptr) return fail("unknown module");
  module->rate_limited = enabled;
  return {};
}

std::string Log::list() const {
  const std::scoped_lock lock(state_->mutex);
  std::string out =
      "                 console    syslog    file\n"
      "                 -------    ------    ------\n";
  for (const auto& [name, module] : state_->modules) {
    out +=
        fmt::format("{:<16}  {:>4}       {:>4}       {:>4}{}\n", name, to_string(module.levels[0]),
                    to_string(module.levels[1]), to_string(module.levels[2]),
                    module.rate_limited ? "" : "    (rate limiting disabled)");
  }
  return out;
}

std::string Log::list_patterns() const {
  const std::scoped_lock lock(state_->mutex);
  const std::string_view syslog_prefix =
      state_->syslog_method == "libc" ? "<%B> %D{%h %e %T} %E %A: " : "<%B>";
  std::string out =
      "         prefix                            format\n"
      "         ------                            ------\n";
  for (const auto& [name, destination, prefix] :
       {std::tuple{"SYSLOG", LogDestination::syslog, syslog_prefix},
        std::tuple{"CONSOLE", LogDestination::console, std::string_view("none")},
        std::tuple{"FILE", LogDestination::file, std::string_view("none")}}) {
    out += fmt::format("{:<7}  {:<32}  {}\n", name, prefix, state_->at(destination).pattern);
  }
  return out;
}

// --- Logger and rate limits -----------------------------------------------------------------

bool Logger::enabled(LogLevel level) const {
  return module_ != nullptr && level <= module_->highest.load(std::memory_order_relaxed);
}

void Logger::emit(LogLevel level, std::string_view message) const {
  const std::scoped_lock lock(log_->state_->mutex);
  log_->state_->emit(*module_, level, message);
}

bool Logger::admit(LogRateLimit& limit, LogLevel level) const {
  if (!module_->rate_limited.load(std::memory_order_relaxed)) return true;
  const TimePoint now = log_->state_->now();
  const std::scoped_lock lock(log_->state_->mutex);
  const LogRateLimit::Verdict verdict = limit.admit(now);
  if (verdict.dropped > 0) {
    log_->state_->emit(*module_, level,
                       fmt::format("Dropped {} log messages in last {} seconds (most recently, "
                                   "{} seconds ago) due to excessive rate",
                                   verdict.dropped, verdict.since.count(), verdict.last.count()));
  }
  return verdict.pass;
}

namespace {
constexpr std::int64_t kMessage = 60'000;  ///< what one message costs: ms per minute
}

LogRateLimit::LogRateLimit(unsigned per_minute, unsigned burst)
    : fill_(burst * kMessage), rate_(per_minute), burst_(burst * kMessage) {}

LogRateLimit::Verdict LogRateLimit::admit(TimePoint now) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  if (!filled_) filled_ = now;
  const std::chrono::milliseconds elapsed(to_ms(now - *filled_));
  fill_ = std::min(burst_, fill_ + elapsed.count() * rate_);
  *filled_ += elapsed;  // what is left of a millisecond counts next time
  if (fill_ < kMessage) {
    if (dropped_++ == 0) first_drop_ = now;
    last_drop_ = now;
    return {};
  }
  fill_ -= kMessage;
  const Verdict verdict{.pass = true,
                        .dropped = std::exchange(dropped_, 0U),
                        .since = duration_cast<seconds>(now - first_drop_),
                        .last = duration_cast<seconds>(now - last_drop_)};
  return verdict;
}

}  // namespace bondway::process
