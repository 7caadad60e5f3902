#include "db/server/host.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/engine/schemas.hpp"
#include "db/engine/transaction.hpp"
#include "db/rpc/json_text.hpp"
#include "db/server/session.hpp"

namespace bondway::server {
namespace {

/// So that many blocked transactions leave room for others.
constexpr auto kRetryTurn = std::chrono::milliseconds(5);

db::Schema server_schema() {
  const auto json = rpc::parse_json(db::server_schema_text());
  return *db::Schema::parse(*json);
}

const db::Table& database_table(const db::Database& server) {
  return *server.schema().find("Database");
}

/// The row of `_Server` that describes a database.
std::optional<db::Uuid> find_description(const db::Database& server, std::string_view name) {
  const db::Table& table = database_table(server);
  const std::size_t column = *table.find("name");
  const db::Datum wanted{db::Atom(std::string(name))};
  for (const auto& [uuid, row] : server.rows(table))
    if (row->columns[column] == wanted) return uuid;
  return std::nullopt;
}

}  // namespace

Host::Host(std::function<TimePoint()> now, std::function<void()> settle_soon)
    : now_(std::move(now)),
      settle_soon_(std::move(settle_soon)),
      server_id_(db::Uuid::random()),
      server_(std::make_unique<db::Database>(server_schema())) {
  add({server_.get()});
}

Host::~Host() = default;

// --- databases
// ------------------------------------------------------------------------------------

bool Host::add(Hosted hosted) {
  if (find_entry(hosted.database->schema().name) != nullptr) return false;
  db::Database& database = *hosted.database;
  entries_.push_back(std::make_unique<Entry>(Entry{std::move(hosted), {}, {}}));
  Entry& entry = *entries_.back();
  watch(entry, database);
  describe(entry);
  if (!is_reserved(database)) databases_changed(nullptr);
  tell_observers(database.schema().name, {});
  return true;
}

bool Host::remove(std::string_view name) {
  Entry* entry = find_entry(name);
  if (entry == nullptr || is_reserved(*entry->hosted.database)) return false;
  flush();
  databases_changed(entry->hosted.database);
  undescribe(name);
  std::erase_if(entries_, [entry](const auto& other) { return other.get() == entry; });
  tell_observers(name, {});
  return true;
}

db::Subscription Host::observe(Observer observer) {
  const std::uint64_t key = ++last_observer_;
  observers_.emplace(key, std::move(observer));
  return db::Subscription([this, key] { observers_.erase(key); });
}

void Host::tell_observers(std::string_view database, const db::Changes& changes) const {
  for (const auto& [key, observer] : observers_) observer(database, changes);
}

std::vector<std::string> Host::names() const {
  std::vector<std::string> names;
  for (const auto& entry : entries_) names.push_back(entry->hosted.database->schema().name);
  std::sort(names.begin(), names.end());
  return names;
}

db::Database* Host::find(std::string_view name) const {
  const Entry* entry = find_entry(name);
  return entry == nullptr ? nullptr : entry->hosted.database;
}

Host::Entry* Host::find_entry(std::string_view name) const {
  for (const auto& entry : entries_)
    if (entry->hosted.database->schema().name == name) return entry.get();
  return nullptr;
}

Host::Entry* Host::find_entry(const db::Database& database) const {
  for (const auto& entry : entries_)
    if (entry->hosted.database == &database) return entry.get();
  return nullptr;
}

const std::string& Host::schema_text(const db::Database& database) const {
  return find_entry(database)->schema_text;
}

void Host::watch(Entry& entry, db::Database& database) {
  entry.hosted.database = &database;
  entry.views.clear();
  entry.schema_text = rpc::to_text(database.schema().to_json());
  entry.subscription = database.observe([this, &entry, &database](const db::Changes& changes) {
    ++entry.state;
    entry.changed = true;
    for (const auto& [key, view] : entry.views)
      if (const auto monitored = view.lock()) monitored->record(changes);
    tell_observers(database.schema().name, changes);
    settle_soon_();
  });
}

std::optional<db::Error> Host::compact(std::string_view name) {
  Entry* entry = find_entry(name);
  if (entry == nullptr || !entry->hosted.compact) return std::nullopt;
  flush();
  return entry->hosted.compact();
}

std::optional<db::Error> Host::convert(db::Database& database, const db::Schema& schema) {
  Entry& entry = *find_entry(database);
  if (!entry.hosted.convert)
    return db::Error{"not supported", "the schema of this database cannot be changed"};
  flush();
  entry.subscription = {};
  const auto replacement = entry.hosted.convert(schema);
  if (!replacement) {
    watch(entry, database);
    return replacement.error();
  }
  databases_changed(&database);
  watch(entry, **replacement);
  describe(entry);
  tell_observers(schema.name, {});
  return std::nullopt;
}

void Host::databases_changed(const db::Database* gone) {
  for (Session* session : sessions_) session->databases_changed(gone);
}

void Host::describe(const Entry& entry) {
  const db::Database& database = *entry.hosted.database;
  const db::Table& table = database_table(*server_);
  const auto known = find_description(*server_, database.schema().name);
  db::Transaction transaction(*server_);
  const db::Uuid row = known ? *known : transaction.insert(table);
  transaction.set(table, row, "name", db::Datum(db::Atom(database.schema().name)));
  transaction.set(table, row, "model", db::Datum(db::Atom(std::string("standalone"))));
  transaction.set(table, row, "connected", db::Datum(db::Atom(true)));
  transaction.set(table, row, "leader", db::Datum(db::Atom(true)));
  transaction.set(table, row, "schema", db::Datum(db::Atom(entry.schema_text)));
  static_cast<void>(transaction.commit());
  settle_soon_();
}

void Host::undescribe(std::string_view name) {
  const auto row = find_description(*server_, name);
  db::Transaction transaction(*server_);
  if (row) transaction.erase(database_table(*server_), *row);
  static_cast<void>(transaction.commit());
  settle_soon_();
}

// --- rounds
// ---------------------------------------------------------------------------------------

void Host::flush() {
  for (const auto& entry : entries_)
    if (entry->hosted.database->has_unflushed()) entry->hosted.database->flush();
}

void Host::settle() {
  flush();
  const TimePoint end = now_() + kRetryTurn;
  bool in_time = true;
  for (bool again = true; again && in_time;) {
    again = false;
    for (const auto& entry : entries_) {
      if (!std::exchange(entry->changed, false)) continue;
      again = true;
      if (retry_blocked(*entry, end)) continue;
      entry->changed = true;
      in_time = false;
    }
    flush();
  }
  if (!in_time) settle_soon_();
  for (Session* session : sessions_) {
    if (session->outbox_.congested())
      session->fall_behind();
    else
      session->send_updates();
  }
}

db::Result<std::shared_ptr<MonitorView>> Host::monitor_view(const db::Database& database,
                                                            MonitorKind kind,
                                                            const nlohmann::json& requests) {
  auto& views = find_entry(database)->views;
  const std::string key = fmt::format("{} {}", static_cast<int>(kind), rpc::to_text(requests));
  const auto known = views.find(key);
  if (known != views.end())
    if (auto view = known->second.lock()) return view;
  auto view = MonitorView::parse(kind, database.schema(), requests);
  if (view) add_view(database, *view, key);
  return view;
}

void Host::add_view(const db::Database& database, const std::shared_ptr<MonitorView>& view,
                    const std::string& key) {
  auto& views = find_entry(database)->views;
  std::erase_if(views, [](const auto& other) { return other.second.expired(); });
  views.emplace(key, view);
}

bool Host::retry_blocked(const Entry& entry, TimePoint end) {
  const std::size_t begin = next_to_retry_;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    const std::size_t position = (begin + i) % sessions_.size();
    if (sessions_[position]->retry_blocked(*entry.hosted.database, entry.state, end)) continue;
    next_to_retry_ = position + 1;
    return false;
  }
  return true;
}

void Host::expire() {
  for (Session* session : sessions_) session->expire();
  settle();
}

std::optional<Host::TimePoint> Host::deadline() const {
  std::optional<TimePoint> first;
  for (const Session* session : sessions_) {
    const auto deadline = session->deadline();
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

// --- sessions
// -------------------------------------------------------------------------------------

SessionId Host::enter(Session& session) {
  sessions_.push_back(&session);
  return SessionId{++last_session_};
}

void Host::leave(Session& session) {
  std::erase(sessions_, &session);
  for (const LockTable::Granted& granted : locks_.release_all(session.id()))
    notify_locked(granted.lock, granted.new_owner);
}

Session* Host::find_session(SessionId id) const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [id](const Session* session) { return session->id() == id; });
  return found == sessions_.end() ? nullptr : *found;
}

void Host::notify_locked(const std::string& lock, SessionId owner) {
  if (Session* session = find_session(owner)) session->notify_lock("locked", lock);
}

void Host::notify_stolen(const std::string& lock, SessionId victim) {
  Session* session = find_session(victim);
  if (session == nullptr) return;
  ++session->locks_lost_;
  session->notify_lock("stolen", lock);
}

}  // namespace bondway::server
