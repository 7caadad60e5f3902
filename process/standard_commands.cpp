#include "process/standard_commands.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "db/rpc/asio.hpp"
#include "process/clock.hpp"
#include "process/log.hpp"
#include "process/show_command.hpp"

namespace bondway::process {
namespace {

using nlohmann::json;

std::string list_commands(const CommandTable& table) {
  std::string out = "The available commands are:\n";
  for (const auto& [name, command] : table.commands()) {
    if (!command.hidden) out += fmt::format("  {:<23} {}\n", name, command.usage);
  }
  return out;
}

json list_commands_json(const CommandTable& table) {
  json out = json::object();
  for (const auto& [name, command] : table.commands()) {
    if (!command.hidden) out[name] = command.usage;
  }
  return out;
}

Result<std::string> text_or_error(const Result<void>& result, std::string text = {}) {
  if (!result) return tl::unexpected(result.error());
  return text;
}

Result<std::string> set_levels(Log& log, const Args& specs) {
  if (specs.empty()) return text_or_error(log.set(""));
  for (const std::string& spec : specs) {
    if (const Result<void> result = log.set(spec); !result) return text_or_error(result);
  }
  return "";
}

Result<std::string> set_rate_limiting(Log& log, const Args& modules, bool enabled) {
  if (modules.empty()) return text_or_error(log.set_rate_limiting("", enabled));
  for (const std::string& module : modules) {
    const Result<void> result = log.set_rate_limiting(module, enabled);
    if (!result) return text_or_error(result);
  }
  return "";
}

/// Eight hexadecimal digits that differ when another set of events was counted.
std::uint32_t fingerprint(const std::vector<CoverageCounter>& counters) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const CoverageCounter& counter : counters) {
    if (counter.total == 0) continue;
    for (const char c : counter.name) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
  }
  return hash;
}

using Counters = std::vector<CoverageCounter>;

std::string coverage_text(Counters counters) {
  std::ranges::sort(counters, {}, &CoverageCounter::name);
  std::string out = fmt::format(
      "Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash={:08x}:\n",
      fingerprint(counters));
  std::size_t never_hit = 0;
  for (const CoverageCounter& c : counters) {
    if (c.total == 0) {
      ++never_hit;
      continue;
    }
    out += fmt::format("{:<24} {:5.1f}/sec {:9.3f}/sec {:13.4f}/sec   total: {}\n", c.name,
                       c.per_second_5s, c.per_second_minute, c.per_second_hour, c.total);
  }
  return out + fmt::format("{} events never hit\n", never_hit);
}

json coverage_json(const Counters& counters) {
  json events = json::object();
  for (const CoverageCounter& counter : counters) {
    events[counter.name] = {{"total", counter.total},
                            {"per_second_5s", counter.per_second_5s},
                            {"per_second_minute", counter.per_second_minute},
                            {"per_second_hour", counter.per_second_hour}};
  }
  return versioned("events", std::move(events));
}

Result<std::string> read_counter(const std::vector<CoverageCounter>& counters,
                                 const std::string& name) {
  const auto found = std::ranges::find(counters, name, &CoverageCounter::name);
  if (found == counters.end()) return fail("No such counter");
  return fmt::format("{}\n", found->total);
}

std::string memory_text(const MemoryUsage& usage) {
  std::string out;
  for (const auto& [name, value] : usage) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", name, value);
  }
  return out + "\n";
}

/// A number of milliseconds above zero.
std::optional<std::chrono::milliseconds> parse_ms(const std::string& text) {
  int ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size() || ms <= 0) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

/// The one warp that may be under way.
class Warp : public std::enable_shared_from_this<Warp> {
 public:
  Warp(Clock& clock, asio::io_context& io, std::function<void()> pass)
      : clock_(clock), io_(io), pass_(std::move(pass)) {}

  void start(const Args& args, Responder respond) {
    if (left_ > Duration::zero()) {
      return respond(fail("A previous warp in progress"));
    }
    const auto total = parse_ms(args.front());
    const auto step = parse_ms(args.back());
    if (!total || !step) return respond(fail("invalid MSECS"));
    left_ = *total;
    step_ = *step;
    respond_ = std::move(respond);
    advance();
  }

 private:
  void advance() {
    const Duration span = std::min(left_, step_);
    clock_.warp(span);
    pass_();
    left_ -= span;
    asio::post(io_, [self = shared_from_this()] {
      if (self->left_ > Duration::zero()) return self->advance();
      self->pass_();  // for what the sockets brought since
      std::exchange(self->respond_, {})("warped");
    });
  }

  Clock& clock_;
  asio::io_context& io_;
  std::function<void()> pass_;
  Duration left_{0}, step_{0};
  Responder respond_;
};

}  // namespace

void add_general_commands(CommandTable& table, std::string version) {
  table.add({.name = "list-commands",
             .run = [&table](const Args&) -> Result<std::string> { return list_commands(table); },
             .json = [&table](const Args&) -> Result<json> { return list_commands_json(table); }});
  table.add("version", "", 0, 0,
            [version = std::move(version)](const Args&) -> Result<std::string> { return version; });
}

void add_exit_command(CommandTable& table, std::string usage, std::size_t max_args,
                      std::function<void(const Args&)> end) {
  table.add({.name = "exit",
             .usage = std::move(usage),
             .max_args = max_args,
             .start = [end = std::move(end)](const Args& args, const Responder& respond) {
               respond("");
               end(args);
             }});
}

void add_log_commands(CommandTable& table, Log& log) {
  table.add("vlog/set", "{spec | PATTERN:destination:pattern}", 0, kAnyNumber,
            [&log](const Args& args) { return set_levels(log, args); });
  table.add("vlog/list", "", 0, 0,
            [&log](const Args&) -> Result<std::string> { return log.list(); });
  table.add("vlog/list-pattern", "", 0, 0,
            [&log](const Args&) -> Result<std::string> { return log.list_patterns(); });
  table.add("vlog/enable-rate-limit", "[module]...", 0, kAnyNumber,
            [&log](const Args& args) { return set_rate_limiting(log, args, true); });
  table.add("vlog/disable-rate-limit", "[module]...", 0, kAnyNumber,
            [&log](const Args& args) { return set_rate_limiting(log, args, false); });
  table.add("vlog/reopen", "", 0, 0,
            [&log](const Args&) { return text_or_error(log.reopen_file()); });
  table.add("vlog/close", "", 0, 0, [&log](const Args&) -> Result<std::string> {
    log.close_file();
    return "";
  });
}

void add_memory_command(CommandTable& table, std::function<MemoryUsage()> usage) {
  table.add(show_command(
      "memory/show", "", 0, 0,
      [usage = std::move(usage)](const Args&) -> Result<MemoryUsage> { return usage(); },
      memory_text, [](const MemoryUsage& memory) { return versioned("memory", memory); }));
}

void add_coverage_commands(CommandTable& table,
                           std::function<std::vector<CoverageCounter>()> counters) {
  table.add(show_command(
      "coverage/show", "", 0, 0, [counters](const Args&) -> Result<Counters> { return counters(); },
      coverage_text, coverage_json));
  table.add("coverage/read-counter", "COUNTER", 1, 1,
            [counters = std::move(counters)](const Args& args) {
              return read_counter(counters(), args.front());
            });
}

void add_time_commands(CommandTable& table, Clock& clock, asio::io_context& io,
                       std::function<void()> pass) {
  table.add("time/stop", "", 0, 0, [&clock](const Args&) -> Result<std::string> {
    clock.stop();
    return "";
  });
  const auto warp = std::make_shared<Warp>(clock, io, std::move(pass));
  table.add({.name = "time/warp",
             .usage = "[large_msecs] msecs",
             .min_args = 1,
             .max_args = 2,
             .start = [warp](const Args& args, Responder respond) {
               warp->start(args, std::move(respond));
             }});
}

}  // namespace bondway::process
