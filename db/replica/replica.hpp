#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <utility>
#include <vector>

#include "db/engine/database.hpp"
#include "db/replica/following.hpp"

namespace bondway::replica {

/// A copy of another server's database in memory, to be used like one of our own: whoever observes
/// it sees what the server commits, and what is committed here is written to the server.
///
/// Two things make it up: what the server last said, and the columns that were set here and that
/// the server has not yet confirmed, which win over what the server says.  So the server's own echo
/// of a write changes nothing, and neither does reading everything again after a new connection,
/// except for what became different meanwhile.
///
/// Only columns of rows that the server has can be written; rows come and go at the server.
///
/// Knows no socket: the caller brings what the server says, and takes what is to be written.
class Replica {
 public:
  /// The schema is the one that the users of the database need, see Following.
  explicit Replica(db::Schema schema);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Outlived by this.  Commits become final, and seen here, with its flush().
  db::Database& database() { return database_; }

  /// A commit here has left something for take_writes().  Must not commit.
  std::function<void()> on_written;

  // ---- what the server says ----

  /// A new connection, to a server with this schema.  What was being written is written again.
  void connect(const db::Schema& theirs);
  nlohmann::json monitor_requests() const;

  /// All that the server has; becomes one commit of what differs from the contents here.  An
  /// error, here and below, means that nothing happened and all must be read anew.
  db::Result<void> replace(const nlohmann::json& contents, Format format);
  /// What changed at the server, in one commit.
  db::Result<void> update(const nlohmann::json& updates, Format format);

  // ---- what the server is told ----

  /// The operations of a "transact" request that writes all that is to be written and is not being
  /// written yet; none: an empty array.  Until done(), there are no more.
  nlohmann::json take_writes();
  /// The server has answered, after the updates that tell of it.  From now on its value counts
  /// here, too: the one written, or what it has instead if it refused.
  void done();

 private:
  using Place = std::pair<const db::Table*, db::Uuid>;
  using Columns = std::map<Place, std::set<std::size_t>>;

  void note(const db::Changes& changes);
  void take_over(std::vector<RowNews> news);
  void settle(const std::vector<Place>& places);
  db::RowPtr wanted(const Place& place, const db::RowPtr& now) const;
  bool is_ours(const Place& place, std::size_t column) const;
  db::RowPtr theirs(const db::Table& table, const db::Uuid& uuid) const;

  db::Database database_;
  Following following_;
  std::vector<db::RowMap> server_;  ///< what the server last said, by table
  Columns unwritten_;               ///< set here and not sent
  Columns being_written_;           ///< sent and not answered
  bool adopting_ = false;           ///< what is committed now comes from the server
  db::Subscription subscription_;
};

}  // namespace bondway::replica
