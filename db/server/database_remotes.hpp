#pragma once

#include <map>
#include <memory>
#include <string>

#include "db/engine/database.hpp"
#include "db/rpc/asio.hpp"
#include "db/server/database_column.hpp"
#include "db/server/endpoint.hpp"

namespace bondway::server {

class Server;

/// A remote that a database asks for.
struct WantedRemote {
  EndpointOptions options;
  std::optional<db::Uuid> row;  ///< that describes it
};

/// Reads all remotes that a column asks for, as ovsdb-server(1) describes for --remote: a column of
/// strings has them itself; one that refers to rows (Manager) finds them there in the column
/// "target", with options beside it and room for their state.  A target named twice counts once.
std::map<std::string, WantedRemote> wanted_remotes(const db::Database& database,
                                                   const DatabaseColumn& column);

/// Serves what a column of a database asks for, follows its changes, and writes down every two and
/// a half seconds how it goes.
class DatabaseRemotes {
 public:
  static Result<std::unique_ptr<DatabaseRemotes>> from(Server& server, const std::string& remote);

  DatabaseRemotes(Server& server, DatabaseColumn column);
  ~DatabaseRemotes();
  DatabaseRemotes(const DatabaseRemotes&) = delete;
  DatabaseRemotes& operator=(const DatabaseRemotes&) = delete;

  void reconnect();

 private:
  struct Served {
    WantedRemote wanted;
    std::unique_ptr<Endpoint> endpoint;  ///< null: it can't be served yet
    std::string problem;                 ///< why
  };

  void reconcile_soon();
  void reconcile();
  void serve(const std::string& target, Served& served);
  void look_after();
  void look_after_later();
  void write_status();

  Server& server_;
  DatabaseColumn column_;
  db::Subscription subscription_;
  std::map<std::string, Served> served_;
  asio::steady_timer timer_;
  bool reconcile_due_ = false;
  std::shared_ptr<DatabaseRemotes> self_;  ///< owns nothing; expires with this
};

}  // namespace bondway::server
