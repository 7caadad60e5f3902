#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/error.hpp"
#include "db/store/sqlite.hpp"
#include "db/store/stored_database.hpp"

namespace bondway::db {

/// The layout of a database file, in SQL.  `_meta` holds the schema, `_log` the log; every other
/// table is one of the schema's.  Functions throw SqliteFailure.

/// Creates all tables in an empty file, or those of the schema anew.  Within the caller's SQL
/// transaction.
void create_layout(Sqlite& sqlite, const Schema& schema);
void drop_tables(Sqlite& sqlite, const Schema& schema);
void replace_schema(Sqlite& sqlite, const Schema& schema);

/// Fails where this is no file of ours, or one of a format yet to come.
std::optional<Error> check_format(Sqlite& sqlite);
Result<Schema> read_schema(Sqlite& sqlite);
/// Fills an empty database.
std::optional<Error> read_rows(Sqlite& sqlite, Database& database);
/// Puts all rows into empty tables.
void write_rows(Sqlite& sqlite, const Database& database);
std::vector<LogEntry> read_log(Sqlite& sqlite);

/// Writes rows of one schema's tables, with statements prepared once.
class RowWriter {
 public:
  RowWriter(Sqlite& sqlite, const Schema& schema);
  void put(const Table& table, const Row& row);
  void erase(const Table& table, const Uuid& uuid);
  void log(const LogEntry& entry);

 private:
  struct Statements {
    std::unique_ptr<Statement> put{}, erase{};
  };
  Sqlite& sqlite_;
  std::vector<Statements> tables_;  ///< by ordinal
  std::unique_ptr<Statement> log_;
  std::unique_ptr<Statement> trim_log_;
};

}  // namespace bondway::db
