#include "ctl/runner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "ctl/command.hpp"
#include "ctl/view.hpp"
#include "db/client/session.hpp"
#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/rpc/remote.hpp"

namespace bondway::ctl {
namespace {

using client::Session;
using db::Datum;
using db::Uuid;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kProbe{5000};  ///< of network remotes; local ones are trusted to answer
constexpr std::string_view kEndOfFile = "End of file";
constexpr milliseconds kShortestBackoff{1000}, kLongestBackoff{8000};

/// What came of running all commands once.
struct Outcome {
  Run run;
  std::vector<Output> outputs = {};
  bool missing = false;  ///< something was not read yet
  bool again = false;    ///< a wait-until is not satisfied
  std::optional<Ending> ending = {};
};

Ending failure(std::string message) { return Ending{1, "", {std::move(message)}}; }

/// One invocation of the tool.
class Runner {
 public:
  Runner(const CommandLine& line, const db::Schema& schema, process::Log& log,
         std::string description, const std::function<void()>& before_long_wait)
      : line_(line),
        schema_(schema),
        log_(log),
        description_(std::move(description)),
        before_long_wait_(before_long_wait),
        view_(schema) {}

  Ending run() {
    if (auto ending = prepare()) return std::move(*ending);
    if (auto ending = connect()) return std::move(*ending);
    for (;;) {
      Result<std::optional<Ending>> ending = sane_attempt();
      if (!ending) {
        if (!was_server_restarted(ending.error())) return lost(ending.error());
        session_.reset();
        if (auto failed = connect()) return std::move(*failed);
      } else if (*ending) {
        return std::move(**ending);
      }
    }
  }

 private:
  // ---- before the database is asked

  /// Checks all commands as far as possible and collects what they will read.
  std::optional<Ending> prepare() {
    view_.want(view_.table("Open_vSwitch"), Where::all(), {});
    Run run{view_};
    for (const Call& call : line_.calls) {
      if (call.command->prepare == nullptr) continue;
      Context context{run, call};
      if (auto ok = call.command->prepare(context); !ok) {
        print_warnings(run);
        return failure(ok.error().message);
      }
    }
    print_warnings(run);
    return std::nullopt;
  }

  void warn(const std::string& module, const std::string& text) {
    log_.module(module).warn("{}", text);
  }

  void print_warnings(const Run& run) {
    for (const Warning& warning : run.warnings) {
      warn(warning.module, warning.text);
    }
  }

  /// Tries each remote once, or with --retry until one answers.
  std::optional<Ending> connect() {
    for (milliseconds backoff = kShortestBackoff;;
         backoff = std::min(backoff * 2, kLongestBackoff)) {
      const Result<void> connected = try_remotes();
      if (connected) return std::nullopt;
      if (!line_.settings.retry) return lost(connected.error());
      pause(backoff);
    }
  }

  void pause(milliseconds time) {
    before_long_wait_();
    std::this_thread::sleep_for(time);
  }

  Result<void> try_remotes() {
    std::vector<std::string> remotes = rpc::split_remotes(line_.settings.remote);
    if (remotes.empty()) remotes.emplace_back();
    std::shuffle(remotes.begin(), remotes.end(), std::minstd_rand(std::random_device{}()));
    Result<void> why;
    for (const std::string& remote : remotes) {
      auto stream = client::open_stream(remote, *line_.settings.tls, before_long_wait_);
      if (!stream) {
        why = tl::unexpected(stream.error());
        continue;
      }
      const bool local = remote.starts_with("unix:");
      session_.emplace(std::move(*stream), local ? milliseconds::zero() : kProbe,
                       before_long_wait_);
      return {};
    }
    return why;
  }

  /// A server that answered and went away may be back: everything is run anew, on what it has now.
  bool was_server_restarted(const Error& why) const {
    return session_ && session_->has_heard() && why.message == kEndOfFile;
  }

  Ending lost(const Error& why) {
    if (session_ && !why.message.empty() && why.message != kEndOfFile) {
      warn("reconnect",
           fmt::format("{}: connection dropped ({})", line_.settings.remote, why.message));
    }
    return failure(
        fmt::format("{}: database connection failed ({})", line_.settings.remote, why.message));
  }

  // ---- one attempt

  /// A server whose answers make no sense is given up.
  Result<std::optional<Ending>> sane_attempt() {
    try {
      return attempt();
    } catch (const json::exception&) {
      return fail("Protocol error");
    }
  }

  /// From reading to committing.  Empty: to be tried again.
  Result<std::optional<Ending>> attempt() {
    Result<Outcome> outcome = run_on_one_instant();
    if (!outcome) return tl::unexpected(outcome.error());
    if (outcome->ending) {
      print_warnings(outcome->run);
      return std::move(outcome->ending);
    }
    if (outcome->again) {
      if (auto changed = wait_for_change(); !changed) return tl::unexpected(changed.error());
      return std::nullopt;
    }
    if (auto ending = check_row_ids(outcome->run)) {
      print_warnings(outcome->run);
      return ending;
    }
    if (auto ending = give_advice(outcome->run)) return ending;
    return commit(*outcome);
  }

  std::optional<Ending> give_advice(const Run& run) {
    const Advice mode = line_.settings.advice;
    if (run.advice.empty() || std::exchange(gave_advice_, true)) return std::nullopt;
    if (mode == Advice::binding) return Ending{1, "", run.advice};
    if (mode == Advice::to_people && ::isatty(STDERR_FILENO) == 0) return std::nullopt;
    for (const std::string& text : run.advice) fmt::print(stderr, "ovs-vsctl: {}\n", text);
    return std::nullopt;
  }

  /// Reads and runs until nothing is missing any more.
  Result<Outcome> run_on_one_instant() {
    for (;;) {
      view_.rewind();
      if (auto read = fetch(); !read) return tl::unexpected(read.error());
      Outcome outcome = run_once();
      if (!outcome.missing) return outcome;
    }
  }

  Outcome run_once() {
    Outcome outcome{.run = Run{view_}};
    ensure_root();
    for (std::size_t i = 0; i < line_.calls.size(); ++i) {
      const Call& call = line_.calls[i];
      Context context{outcome.run, call, i + 1 == line_.calls.size()};
      try {
        const Done done = call.command->run(context);
        // After a gap the state is not what it will be: what follows only tells what else to read.
        if (outcome.missing) continue;
        if (!done) {
          outcome.ending = failure(done.error().message);
        } else if (*done == Next::exit_2) {
          outcome.ending = Ending{2, "", {}};
        } else if (*done == Next::try_again) {
          outcome.again = true;
        }
        if (outcome.ending || outcome.again) return outcome;
        outcome.outputs.push_back(std::move(context.output));
      } catch (const Missing&) {
        outcome.missing = true;
      }
    }
    return outcome;
  }

  /// The one row that everything hangs from is made by whoever comes first.
  void ensure_root() {
    const db::Table& table = view_.table("Open_vSwitch");
    if (!view_.select(table, Where::all(), {}, Guard::no).empty()) return;
    view_.select(table, Where::all(), {}, Guard::yes);
    view_.insert(table, Uuid::random());
  }

  Result<void> fetch() {
    for (;;) {
      const auto reply =
          session_->call("transact", fmt::format("[\"{}\",{}]", schema_.name, view_.request()));
      if (!reply) return tl::unexpected(reply.error());
      if (reply->is_error()) return fail("");
      if (!reply->result.is_array()) return fail("Protocol error");
      const bool refused = std::any_of(
          reply->result.begin(), reply->result.end(),
          [](const json& result) { return !result.is_object() || !result.contains("rows"); });
      if (!refused) {
        view_.accept(reply->result);
        return {};
      }
      if (std::exchange(knows_server_schema_, true)) return fail("Protocol error");
      if (auto adapted = adapt_to_server(); !adapted) return adapted;
    }
  }

  /// The server has an older schema than ours: what it lacks is taken to hold nothing.
  Result<void> adapt_to_server() {
    const auto reply = session_->call("get_schema", fmt::format("[\"{}\"]", schema_.name));
    if (!reply) return tl::unexpected(reply.error());
    if (reply->is_error() || !reply->result.is_object()) return fail("");
    const json tables = reply->result.value("tables", json::object());
    for (const auto& [name, table] : schema_.tables) {
      const auto theirs = tables.find(name);
      if (theirs == tables.end()) {
        if (!view_.uses(table)) continue;
        warn("ovsdb_idl", fmt::format("{} database lacks {} table (database needs upgrade?)",
                                      schema_.name, name));
        view_.hide(table);
        continue;
      }
      hide_missing_columns(table, theirs->value("columns", json::object()));
    }
    return {};
  }

  void hide_missing_columns(const db::Table& table, const json& theirs) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string& name = table.columns[i].name;
      if (theirs.contains(name)) continue;
      if (view_.uses(table, i)) {
        warn("ovsdb_idl",
             fmt::format("{} table in {} database lacks {} column (database needs upgrade?)",
                         table.name, schema_.name, name));
      }
      view_.hide(table, i);
    }
  }

  /// Blocks until something that was looked at has changed.
  Result<void> wait_for_change() {
    const std::string id = fmt::format("\"changes{}\"", ++last_monitor_);
    const auto reply = session_->call(
        "monitor", fmt::format("[\"{}\",{},{}]", schema_.name, id, view_.monitor_requests()));
    if (!reply) return tl::unexpected(reply.error());
    // What changed before the monitor began was missed: look once more first.
    Result<Outcome> outcome = run_on_one_instant();
    if (!outcome) return tl::unexpected(outcome.error());
    if (outcome->again) {
      const auto update = session_->next_notification();
      if (!update) return tl::unexpected(update.error());
    }
    const auto cancelled = session_->call("monitor_cancel", "[" + id + "]");
    if (!cancelled) return tl::unexpected(cancelled.error());
    return {};
  }

  std::optional<Ending> check_row_ids(Run& run) {
    for (const auto& [name, id] : run.row_ids) {
      if (id.is_defined) continue;
      return failure(
          fmt::format("row id \"{0}\" is referenced but never created (e.g. with "
                      "\"-- --id={0} create ...\")",
                      name));
    }
    for (const auto& [name, id] : run.row_ids) {
      if (!id.is_created || id.has_strong_reference) continue;
      const std::string_view found =
          id.has_weak_reference ? "only a weak reference to it was" : "no reference to it was";
      run.warnings.push_back(
          {"vsctl",
           fmt::format("row id \"{}\" was created but {} inserted, so it will not actually "
                       "appear in the database",
                       name, found)});
    }
    return std::nullopt;
  }

  // ---- committing

  Result<std::optional<Ending>> commit(Outcome& outcome) {
    const View::Operations changes = view_.operations();
    if (!changes.changes) {
      print_warnings(outcome.run);
      return finish(outcome, changes, json::array(), {});
    }
    const std::int64_t transaction = send_transaction(changes);
    std::optional<std::int64_t> monitor;
    if (line_.settings.wait) {
      monitor = send_monitor(!knows_server_schema_ && !outcome.run.new_interfaces.empty());
    }
    const auto reply = session_->answer(transaction);
    if (!reply) return tl::unexpected(reply.error());
    const auto refusal = refusal_of(*reply);
    if (refusal && refusal->value("error", "") == "timed out") {
      if (monitor) {
        if (auto end = drop_monitor(*monitor); !end) return tl::unexpected(end.error());
      }
      pause_if_nothing_changed();
      return std::nullopt;
    }
    print_warnings(outcome.run);
    if (refusal && !(line_.settings.dry_run && refusal->value("error", "") == "aborted")) {
      const std::string text = "transaction error: " + db::json_text(*refusal);
      warn("ovsdb_idl", text);
      return failure(text);
    }
    return finish(outcome, changes, reply->result, monitor);
  }

  std::int64_t send_transaction(const View::Operations& changes) {
    std::string text = changes.text;
    if (line_.settings.wait) {
      text +=
          R"(,{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["next_cfg","+=",1]]})"
          R"(,{"op":"select","table":"Open_vSwitch","where":[],"columns":["next_cfg"]})";
    }
    text += R"(,{"op":"comment","comment":)";
    db::append_json_string(text, description_);
    text += '}';
    if (line_.settings.dry_run) text += R"(,{"op":"abort"})";
    return session_->ask("transact", fmt::format("[\"{}\",{}]", schema_.name, text));
  }

  /// Follows cur_cfg, and what becomes of interfaces; sent together with the transaction, so that
  /// waiting costs no extra question.
  std::int64_t send_monitor(bool with_interfaces) {
    const std::string_view interfaces =
        R"(,"Interface":[{"columns":["error","name","ofport"],"select":{"initial":false}}])";
    return session_->ask(
        "monitor",
        fmt::format(R"(["{}","cur_cfg{}",{{"Open_vSwitch":[{{"columns":["cur_cfg"]}}]{}}}])",
                    schema_.name, ++last_monitor_, with_interfaces ? interfaces : ""));
  }

  Result<void> drop_monitor(std::int64_t monitor) {
    if (const auto reply = session_->answer(monitor); !reply) {
      return tl::unexpected(reply.error());
    }
    const auto cancelled =
        session_->call("monitor_cancel", fmt::format("[\"cur_cfg{}\"]", last_monitor_));
    if (!cancelled) return tl::unexpected(cancelled.error());
    return {};
  }

  /// The error of a transaction, be it the request's or an operation's.
  static std::optional<json> refusal_of(const rpc::Reply& reply) {
    if (reply.is_error()) {
      return reply.error.is_object() ? reply.error : json{{"error", reply.error}};
    }
    if (!reply.result.is_array()) return json{{"error", "protocol error"}};
    for (const json& result : reply.result) {
      if (result.is_object() && result.contains("error")) return result;
    }
    return std::nullopt;
  }

  /// A check that fails again and again although nothing changes must not burn the processor.
  void pause_if_nothing_changed() {
    if (++lost_races_ > 10) pause(milliseconds(lost_races_ % 10));
  }

  // ---- afterwards

  Result<std::optional<Ending>> finish(Outcome& outcome, const View::Operations& changes,
                                       const json& results, std::optional<std::int64_t> monitor) {
    Ending ending;
    if (monitor) {
      const json& next = results.at(changes.count + 1).at("rows");
      const std::int64_t wanted = next.empty() ? 0 : next.at(0).at("next_cfg").get<std::int64_t>();
      wait_for_daemon(*monitor, wanted);
      if (auto told = report_failures(outcome.run, changes, results, ending); !told) {
        return tl::unexpected(told.error());
      }
    }
    ending.out = print(outcome, changes, results);
    return ending;
  }

  static std::optional<std::int64_t> cur_cfg_of(const json& updates) {
    std::optional<std::int64_t> found;
    const auto table = updates.find("Open_vSwitch");
    if (!updates.is_object() || table == updates.end()) return found;
    for (const json& row : *table) {
      const auto now = row.find("new");
      if (now != row.end() && now->contains("cur_cfg")) {
        found = now->at("cur_cfg").get<std::int64_t>();
      }
    }
    return found;
  }

  /// The transaction stands: a connection that is lost meanwhile is made again.
  void wait_for_daemon(std::int64_t monitor, std::int64_t wanted) {
    while (!follow_cur_cfg(monitor, wanted)) {
      session_.reset();
      while (!try_remotes()) pause(kShortestBackoff);
      monitor = send_monitor(false);
    }
  }

  /// Until cur_cfg is `wanted`, or the connection is lost.
  Result<void> follow_cur_cfg(std::int64_t monitor, std::int64_t wanted) {
    const auto reply = session_->answer(monitor);
    if (!reply) return tl::unexpected(reply.error());
    std::optional<std::int64_t> current = cur_cfg_of(reply->result);
    while (!current || *current < wanted) {
      const auto update = session_->next_notification();
      if (!update) return tl::unexpected(update.error());
      if (update->method != "update" || update->params.size() < 2) continue;
      if (const auto now = cur_cfg_of(update->params[1])) current = now;
      note_interfaces(update->params[1]);
    }
    return {};
  }

  void note_interfaces(const json& updates) {
    const auto table = updates.find("Interface");
    if (table == updates.end()) return;
    for (const auto& [uuid, row] : table->items()) {
      if (const auto now = row.find("new"); now != row.end()) set_up_[uuid] = *now;
    }
  }

  /// The interfaces of this run that the daemon could not set up.
  Result<void> report_failures(const Run& run, const View::Operations& changes, const json& results,
                               Ending& ending) {
    for (const auto& [position, row] : changes.inserts) {
      const auto& made = run.new_interfaces;
      if (std::find(made.begin(), made.end(), row) == made.end()) continue;
      const json& uuid = results.at(position).at("uuid");
      const auto known = set_up_.find(uuid.at(1).get_ref<const std::string&>());
      if (known != set_up_.end()) {
        complain_about(known->second, ending);
      } else if (auto told = ask_about(uuid, ending); !told) {
        return told;
      }
    }
    if (!ending.complaints.empty()) {
      const char* directory = std::getenv("OVS_LOGDIR");  // NOLINT(concurrency-mt-unsafe)
      ending.complaints.push_back(
          fmt::format("The default log directory is \"{}\".",
                      directory != nullptr ? directory : "/var/log/openvswitch"));
    }
    return {};
  }

  /// About an interface that the daemon has done nothing to, or before the monitor began.
  Result<void> ask_about(const json& uuid, Ending& ending) {
    const auto reply = session_->call(
        "transact",
        fmt::format(
            R"(["{}",{{"op":"select","table":"Interface","where":[["_uuid","==",{}]],"columns":["name","ofport","error"]}}])",
            schema_.name, db::json_text(uuid)));
    if (!reply) return tl::unexpected(reply.error());
    if (reply->is_error()) return {};
    for (const json& result : reply->result) {
      if (!result.is_object() || !result.contains("rows")) continue;
      for (const json& row : result.at("rows")) complain_about(row, ending);
    }
    return {};
  }

  static void complain_about(const json& row, Ending& ending) {
    const json ofport = row.value("ofport", json());
    if (ofport.is_number_integer() && ofport != -1) return;
    const json error = row.value("error", json());
    ending.complaints.push_back(
        fmt::format("Error detected while setting up '{}'{}.  See ovs-vswitchd log for details.",
                    row.value("name", ""),
                    error.is_string() ? ": " + error.get<std::string>() : std::string()));
  }

  std::string print(const Outcome& outcome, const View::Operations& changes,
                    const json& results) const {
    const Settings& settings = line_.settings;
    std::string out;
    bool is_first_table = true;
    for (const Output& output : outcome.outputs) {
      if (output.table) {
        out += to_text(*output.table, settings.style, std::exchange(is_first_table, false));
        continue;
      }
      std::string text = output.text;
      if (output.created != nullptr) text = created_uuid(*output.created, changes, results) + '\n';
      out += settings.one_line ? one_line(text) : text;
    }
    return out;
  }

  static std::string created_uuid(const Row& row, const View::Operations& changes,
                                  const json& results) {
    for (const auto& [position, inserted] : changes.inserts) {
      if (inserted == &row) return results.at(position).at("uuid").at(1).get<std::string>();
    }
    return to_string(row.uuid);
  }

  static std::string one_line(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::string line;
    for (const char c : text) {
      if (c == '\n') {
        line += "\\n";
      } else if (c == '\\') {
        line += "\\\\";
      } else {
        line += c;
      }
    }
    return line + '\n';
  }

  const CommandLine& line_;
  const db::Schema& schema_;
  process::Log& log_;
  std::string description_;
  const std::function<void()>& before_long_wait_;
  View view_;
  std::optional<Session> session_;
  bool knows_server_schema_ = false;
  bool gave_advice_ = false;
  unsigned last_monitor_ = 0;
  std::map<std::string, json, std::less<>>
      set_up_;  ///< interfaces as the daemon left them, by uuid
  unsigned lost_races_ = 0;
};

}  // namespace

Ending run_commands(const CommandLine& line, const db::Schema& schema, process::Log& log,
                    const std::string& description, const std::function<void()>& before_long_wait) {
  return Runner(line, schema, log, description, before_long_wait).run();
}

}  // namespace bondway::ctl
