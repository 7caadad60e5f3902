#include "db/store/file_journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bondway::db {

namespace {

/// Whether a change shows in the file at all.
bool is_kept(const RowChange& change) {
  if (!change.before || !change.after) return true;
  for (std::size_t i = 0; i < change.table->columns.size(); ++i) {
    if (change.table->columns[i].ephemeral) continue;
    if (change.before->columns[i] != change.after->columns[i]) return true;
  }
  return false;
}

}  // namespace

FileJournal::FileJournal(Sqlite& sqlite, const Schema& schema, std::string name, WallClock clock)
    : sqlite_(sqlite),
      writer_(std::make_unique<RowWriter>(sqlite, schema)),
      name_(std::move(name)),
      clock_(std::move(clock)),
      suspect_(schema.tables.size()) {
  pending_.now.resize(schema.tables.size());
  pending_.before.resize(schema.tables.size());
  for (const auto& [table_name, table] : schema.tables) tables_.push_back(&table);
}

void FileJournal::append(const Changes& changes, const CommitNote& note) {
  bool wrote = false;
  for (const RowChange& change : changes) {
    if (!is_kept(change)) continue;
    const std::size_t table = change.table->ordinal;
    pending_.now[table][change.uuid] = change.after;
    pending_.before[table].try_emplace(change.uuid, change.before);
    wrote = true;
  }
  if (!wrote) return;
  pending_.empty = false;
  pending_.durable = pending_.durable || note.durable;
  if (note.comment.empty()) return;
  const auto date =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_().time_since_epoch());
  pending_.log.push_back({date.count(), note.comment});
}

std::optional<Error> FileJournal::flush() {
  if (pending_.empty) return std::nullopt;
  Pending pending;
  pending.now.resize(tables_.size());
  pending.before.resize(tables_.size());
  std::swap(pending, pending_);
  try {
    write(pending);
    return std::nullopt;
  } catch (const SqliteFailure& failure) {
    for (std::size_t i = 0; i < tables_.size(); ++i) suspect_[i].merge(pending.before[i]);
    roll_back(sqlite_);
    return io_error(name_, failure);
  }
}

void FileJournal::write(const Pending& pending) {
  if (pending.durable != is_synchronous_) {
    sqlite_.run(pending.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    is_synchronous_ = pending.durable;
  }
  sqlite_.run("BEGIN IMMEDIATE");
  write_rows(suspect_);
  write_rows(pending.now);
  for (const LogEntry& entry : pending.log) writer_->log(entry);
  sqlite_.run("COMMIT");
  for (Rows& rows : suspect_) rows.clear();
}

void FileJournal::write_rows(const std::vector<Rows>& rows) {
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    for (const auto& [uuid, row] : rows[i]) {
      if (row) {
        writer_->put(*tables_[i], *row);
      } else {
        writer_->erase(*tables_[i], uuid);
      }
    }
  }
}

void roll_back(Sqlite& sqlite) {
  try {
    if (sqlite.in_transaction()) sqlite.run("ROLLBACK");
  } catch (const SqliteFailure&) {
    // It has rolled back by itself, or will when the next transaction begins.
  }
}

Error io_error(const std::string& name, const SqliteFailure& failure) {
  Error error{"I/O error", fmt::format("{}: {}", name, failure.what())};
  if (failure.code() == SQLITE_FULL) error.io_error = "No space left on device";
  return error;
}

}  // namespace bondway::db
