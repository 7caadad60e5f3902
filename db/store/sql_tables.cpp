#include "db/store/sql_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "db/engine/json_text.hpp"
#include "db/engine/transaction.hpp"
#include "db/store/cell.hpp"

namespace bondway::db {

namespace {

/// "OVSD": says whose file this is, in the header that file(1) reads.
constexpr std::int64_t kApplicationId = 0x4f565344;
constexpr std::int64_t kFormat = 1;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// SQL names do not tell upper from lower case, and SQLite keeps some for itself: a name that is
/// taken gets a mark that no <id> contains.
class SqlNames {
 public:
  std::string add(const std::string& name) {
    std::string unique = lower(name).starts_with("sqlite_") ? "~" + name : name;
    while (!taken_.insert(lower(unique)).second) unique += '~';
    return "\"" + unique + "\"";
  }

 private:
  std::set<std::string> taken_;
};

std::vector<std::string> table_names(const Schema& schema) {
  SqlNames names;
  std::vector<std::string> result;
  for (const auto& [name, table] : schema.tables) result.push_back(names.add(name));
  return result;
}

/// Positions in Table::columns of what is kept, and their names.
struct KeptColumns {
  std::vector<std::size_t> positions{};
  std::vector<std::string> names{};
};

KeptColumns kept_columns(const Table& table) {
  KeptColumns kept;
  SqlNames names;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].ephemeral) continue;
    kept.positions.push_back(i);
    kept.names.push_back(names.add(table.columns[i].name));
  }
  return kept;
}

std::string create_statement(const std::string& name, const Table& table) {
  std::string sql = fmt::format("CREATE TABLE {} (_uuid TEXT PRIMARY KEY", name);
  const KeptColumns kept = kept_columns(table);
  for (std::size_t i = 0; i < kept.names.size(); ++i) {
    sql += fmt::format(", {} {}", kept.names[i], sql_type(table.columns[kept.positions[i]].type));
  }
  return sql + ") STRICT, WITHOUT ROWID";
}

std::string select_statement(const std::string& name, const Table& table) {
  std::string sql = "SELECT _uuid";
  for (const std::string& column : kept_columns(table).names) sql += ", " + column;
  return sql + " FROM " + name;
}

std::string put_statement(const std::string& name, const Table& table) {
  std::string sql = fmt::format("INSERT OR REPLACE INTO {} VALUES (?", name);
  for (std::size_t i = 0; i < kept_columns(table).names.size(); ++i) sql += ", ?";
  return sql + ")";
}

std::optional<Error> read_table(Sqlite& sqlite, const std::string& name, const Table& table,
                                Transaction& transaction) {
  const KeptColumns kept = kept_columns(table);
  Statement rows(sqlite, select_statement(name, table));
  while (rows.step()) {
    const auto refuse = [&](const std::string& why) {
      return Error{"ovsdb error",
                   fmt::format("table {}, row {}: {}", table.name, rows.text(0), why)};
    };
    const auto uuid = Uuid::parse(rows.text(0));
    if (!uuid || !transaction.can_insert(table, *uuid)) return refuse("expected a UUID");
    transaction.insert(table, *uuid);
    auto& columns = transaction.edit(table, *uuid);
    for (std::size_t i = 0; i < kept.positions.size(); ++i) {
      const Column& column = table.columns[kept.positions[i]];
      auto datum = read(rows, static_cast<int>(i) + 1, column.type);
      if (!datum) {
        return refuse(fmt::format("column {}: {}", column.name, datum.error().details));
      }
      columns[kept.positions[i]] = std::move(*datum);
    }
  }
  return std::nullopt;
}

}  // namespace

void create_layout(Sqlite& sqlite, const Schema& schema) {
  const auto names = table_names(schema);
  for (const auto& [name, table] : schema.tables) {
    sqlite.run(create_statement(names[table.ordinal], table));
  }
  if (sqlite.ask_integer("PRAGMA application_id") == kApplicationId) return;
  sqlite.run("CREATE TABLE _meta (key TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID");
  sqlite.run("CREATE TABLE _log (id INTEGER PRIMARY KEY, date INTEGER, comment TEXT) STRICT");
  sqlite.run(fmt::format("PRAGMA application_id = {}", kApplicationId));
  sqlite.run(fmt::format("PRAGMA user_version = {}", kFormat));
  replace_schema(sqlite, schema);
}

void drop_tables(Sqlite& sqlite, const Schema& schema) {
  for (const std::string& name : table_names(schema)) sqlite.run("DROP TABLE " + name);
}

void replace_schema(Sqlite& sqlite, const Schema& schema) {
  Statement put(sqlite, "INSERT OR REPLACE INTO _meta VALUES (?, ?)");
  const std::pair<const char*, std::string> entries[] = {{"name", schema.name},
                                                         {"version", schema.version},
                                                         {"cksum", schema.cksum},
                                                         {"schema", json_text(schema.to_json())}};
  for (const auto& [key, value] : entries) {
    put.bind(0, std::string_view(key));
    put.bind(1, std::string_view(value));
    put.run();
  }
}

std::optional<Error> check_format(Sqlite& sqlite) {
  if (sqlite.ask_integer("PRAGMA application_id") != kApplicationId) {
    return Error{"ovsdb error", "an SQLite file, but not an OVSDB database"};
  }
  const std::int64_t format = sqlite.ask_integer("PRAGMA user_version");
  if (format == kFormat) return std::nullopt;
  return Error{"ovsdb error",
               fmt::format("file format {}, of which this program knows only {}", format, kFormat)};
}

Result<Schema> read_schema(Sqlite& sqlite) {
  const auto text = sqlite.ask_text("SELECT value FROM _meta WHERE key = 'schema'");
  if (!text) return fail("ovsdb error", "the file holds no schema");
  const auto source = nlohmann::json::parse(*text, nullptr, false);
  if (source.is_discarded()) return fail("ovsdb error", "its schema is not JSON");
  return Schema::parse(source);
}

std::optional<Error> read_rows(Sqlite& sqlite, Database& database) {
  Transaction transaction(database);
  const auto names = table_names(database.schema());
  for (const auto& [name, table] : database.schema().tables) {
    if (auto error = read_table(sqlite, names[table.ordinal], table, transaction)) return error;
  }
  if (auto changes = transaction.commit(); !changes) return changes.error();
  database.flush();
  return std::nullopt;
}

void write_rows(Sqlite& sqlite, const Database& database) {
  RowWriter writer(sqlite, database.schema());
  for (const auto& [name, table] : database.schema().tables) {
    for (const auto& [uuid, row] : database.rows(table)) writer.put(table, *row);
  }
}

std::vector<LogEntry> read_log(Sqlite& sqlite) {
  std::vector<LogEntry> entries;
  Statement rows(sqlite, "SELECT date, comment FROM _log ORDER BY id");
  while (rows.step()) entries.push_back({rows.integer(0), rows.text(1)});
  return entries;
}

RowWriter::RowWriter(Sqlite& sqlite, const Schema& schema)
    : sqlite_(sqlite), tables_(schema.tables.size()) {
  const auto names = table_names(schema);
  for (const auto& [name, table] : schema.tables) {
    const std::string& sql_name = names[table.ordinal];
    tables_[table.ordinal].put =
        std::make_unique<Statement>(sqlite, put_statement(sql_name, table));
    tables_[table.ordinal].erase = std::make_unique<Statement>(
        sqlite, fmt::format("DELETE FROM {} WHERE _uuid = ?", sql_name));
  }
  log_ = std::make_unique<Statement>(sqlite, "INSERT INTO _log (date, comment) VALUES (?, ?)");
  trim_log_ = std::make_unique<Statement>(
      sqlite, fmt::format("DELETE FROM _log WHERE id <= last_insert_rowid() - {}", kLogEntries));
}

void RowWriter::put(const Table& table, const Row& row) {
  Statement& put = *tables_[table.ordinal].put;
  const std::string uuid = to_string(row.uuid);
  put.bind(0, std::string_view(uuid));
  int parameter = 1;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].ephemeral) continue;
    bind(put, parameter++, row.columns[i], table.columns[i].type);
  }
  put.run();
}

void RowWriter::erase(const Table& table, const Uuid& uuid) {
  Statement& erase = *tables_[table.ordinal].erase;
  erase.bind_copy(0, to_string(uuid));
  erase.run();
}

void RowWriter::log(const LogEntry& entry) {
  log_->bind(0, entry.date);
  log_->bind(1, std::string_view(entry.comment));
  log_->run();
  trim_log_->run();
}

}  // namespace bondway::db
