#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bondway::db {

/// SQLite said no; what() is its own text.  Does not leave the store.
class SqliteFailure : public std::runtime_error {
 public:
  SqliteFailure(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
  int code() const { return code_; }  ///< an extended result code

 private:
  int code_;
};

enum class OpenMode : std::uint8_t { read_only, read_write, create };

/// One connection to a file.
class Sqlite {
 public:
  /// Throws SqliteFailure.
  Sqlite(const std::filesystem::path& file, OpenMode mode);

  void run(const std::string& sql);  ///< statements without results
  std::int64_t ask_integer(const std::string& sql);
  std::optional<std::string> ask_text(const std::string& sql);
  bool in_transaction() const;

  sqlite3* handle() const { return handle_.get(); }
  [[noreturn]] void fail(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement, used again and again.  Parameters and columns count from 0.
class Statement {
 public:
  Statement(const Sqlite& sqlite, const std::string& sql);

  void bind_null(int parameter);
  void bind(int parameter, std::int64_t value);
  void bind(int parameter, double value);
  /// The text must live until the statement has been run or stepped to its end.
  void bind(int parameter, std::string_view text);
  void bind_copy(int parameter, const std::string& text);

  /// Runs it to its end, and makes it ready for the next time.
  void run();
  /// Advances to the next row; false: there is none, and the statement is ready for the next time.
  bool step();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  void check(int code);

  const Sqlite* sqlite_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace bondway::db
