#include "db/store/sqlite.hpp"

namespace bondway::db {

namespace {

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read_only:
      return SQLITE_OPEN_READONLY;
    case OpenMode::read_write:
      return SQLITE_OPEN_READWRITE;
    case OpenMode::create:
      break;
  }
  return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

}  // namespace

Sqlite::Sqlite(const std::filesystem::path& file, OpenMode mode) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      file.c_str(), &handle, flags_of(mode) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  // The file may be anybody's: nothing in it is to be run.
  const int harmless[][2] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                             {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                             {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                             {SQLITE_DBCONFIG_ENABLE_VIEW, 0}};
  for (const auto& [option, value] : harmless) sqlite3_db_config(handle, option, value, nullptr);
}

void Sqlite::fail(int code) const {
  throw SqliteFailure(code, handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
}

void Sqlite::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Sqlite::ask_integer(const std::string& sql) {
  Statement question(*this, sql);
  return question.step() ? question.integer(0) : 0;
}

std::optional<std::string> Sqlite::ask_text(const std::string& sql) {
  Statement question(*this, sql);
  if (!question.step() || question.is_null(0)) return std::nullopt;
  return question.text(0);
}

bool Sqlite::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Statement::Statement(const Sqlite& sqlite, const std::string& sql) : sqlite_(&sqlite) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(sqlite.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  check(code);
}

void Statement::check(int code) {
  if (code != SQLITE_OK) sqlite_->fail(code);
}

void Statement::bind_null(int parameter) {
  check(sqlite3_bind_null(statement_.get(), parameter + 1));
}

void Statement::bind(int parameter, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), parameter + 1, value));
}

void Statement::bind(int parameter, double value) {
  check(sqlite3_bind_double(statement_.get(), parameter + 1, value));
}

void Statement::bind(int parameter, std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(),
                            SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_copy(int parameter, const std::string& text) {
  check(sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::run() {
  while (step()) {
  }
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) sqlite_->fail(code);
  return false;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* octets = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (!octets) return {};
  return {reinterpret_cast<const char*>(octets), static_cast<std::size_t>(size)};
}

}  // namespace bondway::db
