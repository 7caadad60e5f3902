#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "db/engine/error.hpp"
#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::db {

/// One row as it was committed.  Shared and never edited: a change makes a new one.
struct Row {
  Uuid uuid{}, version{};
  std::vector<Datum> columns{};  ///< in the order of Table::columns
};
using RowPtr = std::shared_ptr<const Row>;
using RowMap = std::unordered_map<Uuid, RowPtr>;

/// What one transaction did to one row.  `before` is null for an inserted row, `after` for a
/// deleted one.  A row that ends as it began is not mentioned.
struct RowChange {
  const Table* table = nullptr;
  Uuid uuid{};
  RowPtr before{}, after{};
};
using Changes = std::vector<RowChange>;

/// What else a transaction said, RFC 7047, 5.2.7 and 5.2.9.
struct CommitNote {
  std::string comment{};  ///< several comments are joined with newlines
  bool durable = false;   ///< must be on disk before it is answered
};

/// Where committed changes are kept.
class Journal {
 public:
  virtual ~Journal() = default;
  /// Takes note of one commit; does not fail and need not write yet.
  virtual void append(const Changes& changes, const CommitNote& note) = 0;
  /// Writes all that was appended since the last flush, or none of it (then: the error), and
  /// forgets it in either case.
  virtual std::optional<Error> flush() = 0;
};

/// Ends an observation when destroyed.  Must not outlive the database.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}
  Subscription(Subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(end_, other.end_);
    return *this;
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription() {
    if (end_) end_();
  }

 private:
  std::function<void()> end_;
};

class Transaction;

/// One hosted database: a schema and its tables, in memory.  One thread; nothing here waits.
///
/// A commit changes the tables at once, so that the next transaction sees it, but becomes final
/// only with flush(), which hands the journal all commits since the last one together (group
/// commit) and then tells the observers of each, in order.  When the journal fails, all of them are
/// taken back, and the observers never hear of them.  Whoever answers for a commit does so in
/// when_flushed().  Call flush() at the end of each round of requests, and before reading for
/// somebody who also observes.
class Database {
 public:
  using Observer = std::function<void(const Changes&)>;
  using Flushed = std::function<void(const std::optional<Error>&)>;

  /// Without a journal nothing is kept.  The journal must outlive the database.
  explicit Database(Schema schema, Journal* journal = nullptr);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// From now on commits go to the journal (null: nowhere); what is there already does not.
  void keep_in(Journal* journal) { journal_ = journal; }

  /// Its tables live as long as the database; everywhere below, a `table` is one of them.
  const Schema& schema() const { return schema_; }

  const RowMap& rows(const Table& table) const;
  RowPtr find(const Table& table, const Uuid& uuid) const;  ///< null: no such row
  /// The row with these values in the columns of table.indexes[index]; null: none.
  RowPtr find(const Table& table, std::size_t index, std::span<const Datum> key) const;
  /// How many strong references other rows have to this one.
  std::size_t references(const Table& table, const Uuid& uuid) const;

  /// Flushes, and from then on calls for each commit that changed something, ephemeral columns
  /// included.  Observers see the tables with all of the group's commits
  /// applied; they may commit themselves, to become final with the next flush().
  [[nodiscard]] Subscription observe(Observer observer);

  /// Commits changes that another server has checked, to a copy of its database: no rule is applied
  /// and no garbage collected.  Each `before` is the row as it is here.
  void adopt(Changes changes) { commit(std::move(changes), {}); }

  /// Makes all commits so far final, or takes them back and returns why.
  std::optional<Error> flush();
  bool has_unflushed() const { return !unflushed_.empty(); }
  /// Calls once all commits so far are final (empty argument) or taken back.  At once if they are.
  void when_flushed(Flushed done);

 private:
  friend class Transaction;
  friend class Committer;
  class TableData;
  struct Watcher;
  struct Unflushed {
    Changes changes{};
    std::vector<Flushed> done{};
  };

  TableData& data(const Table& table) const { return *tables_[table.ordinal]; }
  void commit(Changes changes, const CommitNote& note);
  void apply(const Changes& changes);
  void replace(const RowChange& change);
  void take_back(const std::vector<Unflushed>& group);
  void announce(const Changes& changes);

  Schema schema_;
  Journal* journal_;
  std::vector<std::unique_ptr<TableData>> tables_;  ///< by ordinal
  std::vector<std::shared_ptr<Watcher>> watchers_;
  std::vector<Unflushed> unflushed_;
  bool flushing_ = false;
};

/// The same rows under another schema: columns that it lacks are dropped, new ones get defaults.
/// Fails where a value or the whole violates it.
Result<std::unique_ptr<Database>> converted_to(const Database& database, const Schema& schema);

}  // namespace bondway::db
