#include "db/server/session.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "db/engine/json.hpp"
#include "db/rpc/json_text.hpp"

namespace bondway::server {
namespace {

using nlohmann::json;

/// An error object; `syntax` is the offending JSON.
json refusal(std::string_view tag, std::string_view details) {
  return {{"error", tag}, {"details", details}};
}
json refusal(std::string_view tag, std::string_view details, const json& syntax) {
  return {{"error", tag}, {"details", details}, {"syntax", rpc::to_text(syntax)}};
}

constexpr std::string_view kNoResult = "{}";
/// A server without transaction history names them all so; ovsdb-server(7), 4.1.15.
constexpr std::string_view kNoTransaction = "\"00000000-0000-0000-0000-000000000000\"";

std::string_view update_method(MonitorKind kind) {
  switch (kind) {
    case MonitorKind::monitor:
      return "update";
    case MonitorKind::monitor_cond:
      return "update2";
    default:
      return "update3";
  }
}

std::string update_params(MonitorKind kind, std::string_view id, std::string_view updates) {
  const bool with_transaction = kind == MonitorKind::monitor_cond_since;
  return fmt::format("[{},{}{}{}]", id, with_transaction ? kNoTransaction : "",
                     with_transaction ? "," : "", updates);
}

}  // namespace

/// One thing a client can ask for and have answered at once.
struct Session::Method {
  std::string_view name;
  Answer (Session::*run)(const rpc::Request& request);
};

const Session::Method* Session::find_method(std::string_view name) {
  static constexpr std::array kMethods{
      Method{"list_dbs", &Session::list_dbs},
      Method{"get_schema", &Session::get_schema},
      Method{"monitor", &Session::monitor},
      Method{"monitor_cond", &Session::monitor},
      Method{"monitor_cond_since", &Session::monitor},
      Method{"monitor_cond_change", &Session::monitor_cond_change},
      Method{"monitor_cancel", &Session::monitor_cancel},
      Method{"lock", &Session::lock},
      Method{"steal", &Session::lock},
      Method{"unlock", &Session::unlock},
      Method{"echo", &Session::echo},
      Method{"set_db_change_aware", &Session::set_db_change_aware},
      Method{"get_server_id", &Session::get_server_id},
      Method{"convert", &Session::convert},
  };
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(),
                                   [name](const Method& method) { return method.name == name; });
  return found == kMethods.end() ? nullptr : found;
}

Session::Session(Host& host, Outbox& outbox, db::Access access, const SessionLimits& limits)
    : host_(host),
      outbox_(outbox),
      access_(access),
      limits_(limits),
      id_(host.enter(*this)),
      self_(this, [](Session*) {}) {}

Session::~Session() { host_.leave(*this); }

Result<void> Session::receive(std::string_view text) {
  auto message = rpc::parse_message(text);
  if (!message) return tl::unexpected(message.error());
  if (const auto* reply = std::get_if<rpc::Reply>(&*message)) {
    if (reply->id == "echo" && !reply->is_error()) return {};  // the answer to a probe
    return fail("a reply to no request of ours");
  }
  handle(std::move(std::get<rpc::Request>(*message)));
  return {};
}

void Session::handle(rpc::Request request) {
  if (request.is_notification()) return handle_notification(request);
  if (request.method == "transact") return transact(std::move(request));
  host_.flush();  // transactions before it are answered before it, and seen by it
  const Method* method = find_method(request.method);
  if (method == nullptr) return outbox_.send(rpc::encode_error(request.id, "unknown method"));
  const Answer answer = (this->*method->run)(request);
  outbox_.send(answer ? rpc::encode_reply_text(request.id, *answer)
                      : rpc::encode_error(request.id, answer.error()));
}

void Session::handle_notification(const rpc::Request& request) {
  if (request.method == "cancel") cancel(request);
}

// --- about databases
// ------------------------------------------------------------------------------

tl::expected<db::Database*, json> Session::find_database(const rpc::Request& request) const {
  const json& params = request.params;
  if (params.empty() || !params[0].is_string())
    return tl::unexpected(refusal(
        "syntax error", fmt::format("{} request params must begin with <db-name>", request.method),
        params));
  const auto& name = params[0].get_ref<const std::string&>();
  db::Database* database = host_.find(name);
  if (database == nullptr)
    return tl::unexpected(refusal(
        "unknown database",
        fmt::format("{} request specifies unknown database {}", request.method, name), params));
  return database;
}

Session::Answer Session::list_dbs(const rpc::Request&) { return rpc::to_text(host_.names()); }

Session::Answer Session::get_schema(const rpc::Request& request) {
  const auto database = find_database(request);
  if (!database) return tl::unexpected(database.error());
  return host_.schema_text(**database);
}

Session::Answer Session::convert(const rpc::Request& request) {
  const auto database = find_database(request);
  if (!database) return tl::unexpected(database.error());
  const json& params = request.params;
  if (params.size() != 2) return tl::unexpected(refusal("syntax error", "array expected", params));
  const auto schema = db::Schema::parse(params[1]);
  if (!schema) return tl::unexpected(db::to_json(schema.error()));
  const std::string& name = (*database)->schema().name;
  if (schema->name != name)
    return tl::unexpected(refusal(
        "invalid parameters",
        fmt::format("new schema name ({}) does not match database name ({})", schema->name, name)));
  if (auto error = host_.convert(**database, *schema)) return tl::unexpected(db::to_json(*error));
  host_.flush();
  send_updates();  // of `_Server`
  return std::string(kNoResult);
}

void Session::databases_changed(const db::Database* gone) {
  for (auto at = monitors_.begin(); at != monitors_.end();) {
    if (at->second.database != gone) {
      ++at;
      continue;
    }
    if (is_change_aware_)
      outbox_.send(rpc::encode_notification_text("monitor_canceled", "[" + at->first + "]"));
    at = monitors_.erase(at);
  }
  blocked_.remove_if([&](const Blocked& blocked) {
    if (blocked.database != gone) return false;
    if (is_change_aware_) outbox_.send(rpc::encode_error(blocked.id, "canceled"));
    return true;
  });
  if (!is_change_aware_) outbox_.disconnect("the set of databases has changed");
}

// --- transactions
// ---------------------------------------------------------------------------------

void Session::transact(rpc::Request request) {
  const auto database = find_database(request);
  if (!database) return outbox_.send(rpc::encode_error(request.id, database.error()));
  const auto is_same = [&](const Blocked& other) { return other.id == request.id; };
  if (std::any_of(blocked_.begin(), blocked_.end(), is_same)) {
    const json error = refusal("syntax error", "transact: duplicate request ID", request.params);
    return outbox_.send(rpc::encode_error(request.id, error));
  }
  Blocked transaction{std::move(request.id), std::move(request.params), *database, host_.now()};
  if (try_transaction(transaction)) return;
  if (blocked_.size() >= limits_.blocked) {
    const json error = refusal("resources exhausted", "too many transactions are waiting");
    return outbox_.send(rpc::encode_error(transaction.id, error));
  }
  blocked_.push_back(std::move(transaction));
  host_.settle_soon();
}

bool Session::try_transaction(Blocked& transaction) {
  using std::chrono::milliseconds;
  db::TransactContext context;
  context.access = host_.is_reserved(*transaction.database) ? db::Access::reserved : access_;
  context.elapsed = std::chrono::duration_cast<milliseconds>(host_.now() - transaction.since);
  context.holds_lock = [this](std::string_view lock) { return host_.locks().holds(id_, lock); };
  auto outcome = db::transact(*transaction.database, transaction.params, context);
  if (outcome.state == db::TransactOutcome::State::blocked) {
    transaction.deadline.reset();
    if (outcome.deadline) transaction.deadline = transaction.since + *outcome.deadline;
    return false;
  }
  transaction.database->when_flushed(
      [weak = std::weak_ptr(self_), id = std::move(transaction.id),
       results = std::move(outcome.results)](const std::optional<db::Error>& error) mutable {
        const auto self = weak.lock();
        if (!self) return;
        if (error) results.push_back(db::to_json(*error));
        self->finish_transaction(id, results);
      });
  host_.settle_soon();
  return true;
}

void Session::finish_transaction(const json& id, const json& results) {
  send_updates();
  outbox_.send(rpc::encode_reply(id, results));
}

bool Session::retry_blocked(const db::Database& database, std::uint64_t state, TimePoint end) {
  for (auto at = blocked_.begin(); at != blocked_.end();) {
    if (at->database != &database || at->tried == state) {
      ++at;
      continue;
    }
    at->tried = state;
    at = try_transaction(*at) ? blocked_.erase(at) : std::next(at);
    if (host_.now() >= end) return false;
  }
  return true;
}

void Session::expire() {
  const TimePoint now = host_.now();
  blocked_.remove_if([&](Blocked& transaction) {
    return transaction.deadline && *transaction.deadline <= now && try_transaction(transaction);
  });
}

std::optional<Session::TimePoint> Session::deadline() const {
  std::optional<TimePoint> first;
  for (const Blocked& transaction : blocked_)
    if (transaction.deadline && (!first || *transaction.deadline < *first))
      first = transaction.deadline;
  return first;
}

void Session::cancel(const rpc::Request& request) {
  if (request.params.size() != 1) return;
  blocked_.remove_if([&](const Blocked& transaction) {
    if (transaction.id != request.params[0]) return false;
    if (is_change_aware_) outbox_.send(rpc::encode_error(transaction.id, "canceled"));
    return true;
  });
}

// --- monitors
// -------------------------------------------------------------------------------------

namespace {

struct MonitorMethod {
  std::string_view name;
  MonitorKind kind;
  std::size_t min_params, max_params;
};
constexpr std::array kMonitorMethods{
    MonitorMethod{"monitor", MonitorKind::monitor, 3, static_cast<std::size_t>(-1)},
    MonitorMethod{"monitor_cond", MonitorKind::monitor_cond, 3, 3},
    MonitorMethod{"monitor_cond_since", MonitorKind::monitor_cond_since, 4, 4},
};

/// The last transaction that the client knows of; only its form matters here.
std::optional<json> check_transaction_id(const json& id) {
  if (!id.is_string()) return refusal("syntax error", "last-txn-id must be string", id);
  if (!db::Uuid::parse(id.get_ref<const std::string&>()))
    return refusal("syntax error", "last-txn-id must be UUID format.", id);
  return std::nullopt;
}

}  // namespace

Session::Answer Session::monitor(const rpc::Request& request) {
  const auto database = find_database(request);
  if (!database) return tl::unexpected(database.error());
  const auto& method =
      *std::find_if(kMonitorMethods.begin(), kMonitorMethods.end(),
                    [&](const MonitorMethod& m) { return m.name == request.method; });
  const json& params = request.params;
  if (params.size() < method.min_params || params.size() > method.max_params)
    return tl::unexpected(refusal("syntax error", "invalid parameters", params));
  std::string id = rpc::to_text(params[1]);
  if (monitors_.count(id) > 0)
    return tl::unexpected(refusal("syntax error", "duplicate monitor ID", params[1]));
  if (monitors_.size() >= limits_.monitors)
    return tl::unexpected(refusal("resources exhausted", "too many monitors"));
  if (method.kind == MonitorKind::monitor_cond_since)
    if (auto error = check_transaction_id(params[3])) return tl::unexpected(std::move(*error));

  auto view = host_.monitor_view(**database, method.kind, params[2]);
  if (!view) return tl::unexpected(db::to_json(view.error()));
  std::string initial = (*view)->initial(**database);
  monitors_.emplace(std::move(id), Watching{*database, Monitor(std::move(*view))});
  if (method.kind == MonitorKind::monitor_cond_since)
    return fmt::format("[false,{},{}]", kNoTransaction, initial);
  return initial;
}

Session::Answer Session::monitor_cond_change(const rpc::Request& request) {
  const json& params = request.params;
  if (params.size() != 3)
    return tl::unexpected(refusal("syntax error", "invalid parameters", params));
  const auto found = monitors_.find(rpc::to_text(params[0]));
  if (found == monitors_.end())
    return tl::unexpected(refusal("syntax error", "unknown monitor session", params[0]));
  std::string new_id = rpc::to_text(params[1]);
  if (new_id != found->first && monitors_.count(new_id) > 0)
    return tl::unexpected(refusal("syntax error", "duplicate monitor ID", params[1]));

  send_updates();
  Watching& watching = found->second;
  const auto change = watching.monitor.change_conditions(params[2], *watching.database);
  if (!change) return tl::unexpected(db::to_json(change.error()));
  if (change->updates) {
    const MonitorKind kind = watching.monitor.kind();
    outbox_.send(rpc::encode_notification_text(update_method(kind),
                                               update_params(kind, new_id, *change->updates)));
  }
  if (change->view) {
    host_.add_view(*watching.database, change->view);
    watching.monitor = Monitor(change->view);
  }
  auto node = monitors_.extract(found);
  node.key() = std::move(new_id);
  monitors_.insert(std::move(node));
  return std::string(kNoResult);
}

Session::Answer Session::monitor_cancel(const rpc::Request& request) {
  if (request.params.size() != 1) return tl::unexpected(json("invalid parameters"));
  send_updates();
  if (monitors_.erase(rpc::to_text(request.params[0])) == 0)
    return tl::unexpected(json("unknown monitor"));
  return std::string(kNoResult);
}

void Session::fall_behind() {
  for (auto& [id, watching] : monitors_) watching.monitor.fall_behind();
}

void Session::send_updates() {
  for (auto& [id, watching] : monitors_) {
    const auto updates = watching.monitor.take_update();
    if (!updates) continue;
    const MonitorKind kind = watching.monitor.kind();
    outbox_.send(
        rpc::encode_notification_text(update_method(kind), update_params(kind, id, *updates)));
  }
}

// --- locks and the rest
// ---------------------------------------------------------------------------

tl::expected<std::string, json> Session::lock_name(const rpc::Request& request) const {
  if (access_ == db::Access::read_only)
    return tl::unexpected(json("lock and unlock methods not allowed, DB server is read only."));
  const json& params = request.params;
  const bool valid = params.size() == 1 && params[0].is_string() &&
                     db::is_id(params[0].get_ref<const std::string&>());
  if (valid) return params[0].get<std::string>();
  return tl::unexpected(refusal(
      "syntax error", fmt::format("{} request params must be <id>", request.method), params));
}

Session::Answer Session::lock(const rpc::Request& request) {
  const auto name = lock_name(request);
  if (!name) return tl::unexpected(name.error());
  const auto counts = host_.locks().counts(id_);
  if (counts.held + counts.waiting >= limits_.locks)
    return tl::unexpected(refusal("resources exhausted", "too many locks"));
  const auto mode = request.method == "steal" ? LockTable::Mode::steal : LockTable::Mode::wait;
  const auto taken = host_.locks().take(id_, *name, mode);
  if (!taken)
    return tl::unexpected(refusal(
        "syntax error", fmt::format("must issue \"unlock\" before new \"{}\"", request.method),
        request.params));
  if (taken->victim) host_.notify_stolen(*name, *taken->victim);
  return std::string(taken->locked ? R"({"locked":true})" : R"({"locked":false})");
}

Session::Answer Session::unlock(const rpc::Request& request) {
  const auto name = lock_name(request);
  if (!name) return tl::unexpected(name.error());
  const auto released = host_.locks().release(id_, *name);
  if (!released)
    return tl::unexpected(refusal(
        "syntax error", "unlock: \"unlock\" without \"lock\" or \"steal\"", request.params));
  if (released->new_owner) host_.notify_locked(*name, *released->new_owner);
  return std::string(kNoResult);
}

void Session::notify_lock(std::string_view method, const std::string& lock) {
  outbox_.send(rpc::encode_notification(method, json::array({lock})));
}

Session::Answer Session::echo(const rpc::Request& request) { return rpc::to_text(request.params); }

Session::Answer Session::set_db_change_aware(const rpc::Request& request) {
  const json& params = request.params;
  if (params.size() != 1 || !params[0].is_boolean())
    return tl::unexpected(
        refusal("syntax error", "set_db_change_aware: true or false parameter expected", params));
  is_change_aware_ = params[0].get<bool>();
  return std::string(kNoResult);
}

Session::Answer Session::get_server_id(const rpc::Request&) {
  return rpc::to_text(db::to_string(host_.server_id()));
}

}  // namespace bondway::server
