#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/engine/database.hpp"
#include "db/store/sql_tables.hpp"
#include "db/store/sqlite.hpp"

namespace bondway::db {

/// Keeps a database in its file.  Commits are gathered, each row in its latest state only, and
/// written by flush() as one SQL transaction; the disk is waited for if one of them was durable.
class FileJournal final : public Journal {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;

  /// `name` is for messages.  The connection must outlive the journal.
  FileJournal(Sqlite& sqlite, const Schema& schema, std::string name, WallClock clock);

  void append(const Changes& changes, const CommitNote& note) override;
  std::optional<Error> flush() override;

 private:
  /// A row to write: null: it must not be in the file.
  using Rows = std::unordered_map<Uuid, RowPtr>;
  struct Pending {
    std::vector<Rows> now{};     ///< by ordinal
    std::vector<Rows> before{};  ///< what the file holds of the same rows
    std::vector<LogEntry> log{};
    bool durable = false;
    bool empty = true;
  };

  void write(const Pending& pending);
  void write_rows(const std::vector<Rows>& rows);

  Sqlite& sqlite_;
  std::vector<const Table*> tables_;  ///< by ordinal
  std::unique_ptr<RowWriter> writer_;
  std::string name_;
  WallClock clock_;
  Pending pending_;
  /// Rows of a write that failed and may have reached the file all the same, as they should be.
  std::vector<Rows> suspect_;
  std::optional<bool> is_synchronous_{};  ///< empty: not known
};

/// Ends a transaction that failed; does not fail itself.
void roll_back(Sqlite& sqlite);

/// SQLite's trouble in the words of an OVSDB error.
Error io_error(const std::string& name, const SqliteFailure& failure);

}  // namespace bondway::db
