#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "db/server/locks.hpp"
#include "db/server/monitor.hpp"

namespace bondway::server {

class Session;

/// A database as the host serves it.
struct Hosted {
  db::Database* database = nullptr;  ///< outlives its being hosted
  /// Puts another schema in place and returns the database that then takes the old one's place,
  /// which is gone.  On an error nothing happened.  Empty: this database can't be converted.
  std::function<db::Result<db::Database*>(const db::Schema&)> convert{};
  /// Gives unused space back.  Empty: there is nothing to give back.
  std::function<std::optional<db::Error>()> compact{};
};

/// What all sessions share: the databases, the `_Server` database that describes them, the locks,
/// and the order of things:
///
/// Commits of one round of requests become final together (settle()); then the sessions hear of
/// them, each before the replies to its own; then blocked transactions are tried again.
///
/// Knows no socket and reads no clock but the one it is given.
class Host {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `settle_soon` is called when there is work for settle(), which must not be called from within
  /// it but after the present round of requests.
  Host(std::function<TimePoint()> now, std::function<void()> settle_soon);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Sessions hear of it through `_Server`, or are disconnected if they did not ask to.
  /// False if one of that name is there already.
  bool add(Hosted hosted);
  /// False if there is none of that name, or it is `_Server`.
  bool remove(std::string_view name);
  std::vector<std::string> names() const;  ///< sorted, `_Server` included

  /// Null: no such database.
  db::Database* find(std::string_view name) const;
  bool is_reserved(const db::Database& database) const { return &database == server_.get(); }
  const std::string& schema_text(const db::Database& database) const;  ///< as JSON

  /// Told of every commit in any database, and, without changes, of a database that came, went or
  /// was converted.  Must not commit.
  using Observer = std::function<void(std::string_view database, const db::Changes& changes)>;
  [[nodiscard]] db::Subscription observe(Observer observer);

  std::optional<db::Error> compact(std::string_view name);
  std::optional<db::Error> convert(db::Database& database, const db::Schema& schema);

  /// Makes all commits final and tells everybody; to be called after each round of requests.  When
  /// trying blocked transactions again takes long, others come first: it asks to be called again.
  void settle();
  /// Makes them final, but leaves other sessions' updates and blocked transactions to settle().
  void flush();
  void settle_soon() const { settle_soon_(); }

  /// Tries blocked transactions whose time is over.  To be called no later than deadline().
  void expire();
  std::optional<TimePoint> deadline() const;
  TimePoint now() const { return now_(); }

  const db::Uuid& server_id() const { return server_id_; }
  LockTable& locks() { return locks_; }
  void notify_locked(const std::string& lock, SessionId owner);
  void notify_stolen(const std::string& lock, SessionId victim);

  /// What monitors of that kind with these <monitor-requests> share.  It and those added tell what
  /// is committed from now on, for as long as somebody holds them.
  db::Result<std::shared_ptr<MonitorView>> monitor_view(const db::Database& database,
                                                        MonitorKind kind,
                                                        const nlohmann::json& requests);
  /// Under an empty key, no other monitor will share it.
  void add_view(const db::Database& database, const std::shared_ptr<MonitorView>& view,
                const std::string& key = {});

  const std::vector<Session*>& sessions() const { return sessions_; }

 private:
  friend class Session;
  struct Entry {
    Hosted hosted;
    std::string schema_text;
    db::Subscription subscription;
    /// By what was asked for; empty: not to be shared.  Some may have ended.
    std::multimap<std::string, std::weak_ptr<MonitorView>> views{};
    std::uint64_t state = 1;  ///< counts its changes
    bool changed = false;     ///< not all blocked transactions have been tried in that state
  };

  SessionId enter(Session& session);
  void leave(Session& session);
  Session* find_session(SessionId id) const;
  Entry* find_entry(std::string_view name) const;
  Entry* find_entry(const db::Database& database) const;
  void watch(Entry& entry, db::Database& database);
  bool retry_blocked(const Entry& entry, TimePoint end);
  void databases_changed(const db::Database* gone);
  void tell_observers(std::string_view database, const db::Changes& changes) const;
  void describe(const Entry& entry);
  void undescribe(std::string_view name);

  std::function<TimePoint()> now_;
  std::function<void()> settle_soon_;
  db::Uuid server_id_;
  std::unique_ptr<db::Database> server_;  ///< `_Server`
  std::vector<std::unique_ptr<Entry>> entries_;
  std::map<std::uint64_t, Observer> observers_;
  std::uint64_t last_observer_ = 0;
  LockTable locks_;
  std::vector<Session*> sessions_;
  std::size_t next_to_retry_ = 0;  ///< in sessions_: whose blocked transactions come first
  std::uint64_t last_session_ = 0;
};

}  // namespace bondway::server
