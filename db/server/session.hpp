#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "db/engine/transact.hpp"
#include "db/rpc/message.hpp"
#include "db/server/host.hpp"
#include "db/server/monitor.hpp"
#include "db/server/outbox.hpp"

namespace bondway::server {

/// How much one session may ask for.
struct SessionLimits {
  std::size_t monitors = 1000;
  std::size_t blocked = 1000;  ///< transactions that wait
  std::size_t locks = 1000;    ///< held or waited for
};

/// One client's conversation: RFC 7047, 4, and its extensions of ovsdb-server(7).  Messages in, by
/// receive(), and out, by the outbox; what waits meanwhile is here.
///
/// Replies come in the order of the requests, except those of transactions that wait.  An update
/// caused by a transaction comes before that transaction's reply.
class Session {
 public:
  /// `outbox` and `host` outlive the session.
  Session(Host& host, Outbox& outbox, db::Access access, const SessionLimits& limits = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// One message from the client.  An error means that it does not speak the protocol and is to be
  /// disconnected.
  Result<void> receive(std::string_view message);

  /// Sends what the monitors have collected.
  void send_updates();

  SessionId id() const { return id_; }
  std::size_t monitor_count() const { return monitors_.size(); }
  std::size_t locks_lost() const { return locks_lost_; }

 private:
  friend class Host;
  using json = nlohmann::json;
  using TimePoint = Host::TimePoint;
  /// The text of the result, or the error.
  using Answer = tl::expected<std::string, json>;
  struct Method;
  struct Watching {
    db::Database* database = nullptr;
    Monitor monitor;
  };
  struct Blocked {
    json id;
    json params;
    db::Database* database = nullptr;
    TimePoint since{};
    std::optional<TimePoint> deadline{};
    std::uint64_t tried = 0;  ///< the last state of the database in which it was tried
  };

  void handle(rpc::Request request);
  void handle_notification(const rpc::Request& request);
  std::optional<Answer> dispatch(const rpc::Request& request);
  static const Method* find_method(std::string_view name);

  Answer list_dbs(const rpc::Request& request);
  Answer get_schema(const rpc::Request& request);
  Answer monitor(const rpc::Request& request);
  Answer monitor_cond_change(const rpc::Request& request);
  Answer monitor_cancel(const rpc::Request& request);
  Answer lock(const rpc::Request& request);
  Answer unlock(const rpc::Request& request);
  Answer echo(const rpc::Request& request);
  Answer set_db_change_aware(const rpc::Request& request);
  Answer get_server_id(const rpc::Request& request);
  Answer convert(const rpc::Request& request);
  void transact(rpc::Request request);
  void cancel(const rpc::Request& request);

  tl::expected<db::Database*, json> find_database(const rpc::Request& request) const;
  tl::expected<std::string, json> lock_name(const rpc::Request& request) const;

  /// Runs or blocks a transaction; false when it is (still) blocked.
  bool try_transaction(Blocked& transaction);
  void finish_transaction(const json& id, const json& results);

  // What the host tells.
  void fall_behind();  ///< it is congested: its monitors are not told of this round
  /// Tries those that have not been tried in this state of the database, until `end`.  False when
  /// there are some left.
  bool retry_blocked(const db::Database& database, std::uint64_t state, TimePoint end);
  void expire();
  std::optional<TimePoint> deadline() const;
  void notify_lock(std::string_view method, const std::string& lock);
  /// `gone`: no longer served, or about to be replaced; null: a new one came.
  void databases_changed(const db::Database* gone);

  Host& host_;
  Outbox& outbox_;
  const db::Access access_;
  const SessionLimits limits_;
  SessionId id_{};
  std::map<std::string, Watching> monitors_;  ///< by the text of the monitor's id
  std::list<Blocked> blocked_;                ///< in order of arrival
  bool is_change_aware_ = false;
  std::size_t locks_lost_ = 0;
  std::shared_ptr<Session> self_;  ///< owns nothing; expires with the session
};

}  // namespace bondway::server
