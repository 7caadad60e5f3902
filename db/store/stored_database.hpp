#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/error.hpp"
#include "db/store/file_lock.hpp"

namespace bondway::db {

/// A line of the log: a transaction that had a comment.
struct LogEntry {
  std::int64_t date = 0;  ///< milliseconds since 1970-01-01, UTC
  std::string comment{};
};

/// How many of them a file keeps.
inline constexpr std::int64_t kLogEntries = 1000;

/// A database and the SQLite file that keeps it: one SQL table per table, a column per column that
/// is not ephemeral; scalars as they are, sets and maps as JSON text.  Only one process at a time
/// has a file open: it holds a lock on `.NAME.~lock~` beside it.
///
/// Errors read like the original's: tag and details together, "I/O error: conf.db: failed to lock
/// lockfile (Resource temporarily unavailable)".
class StoredDatabase {
 public:
  /// An existing file.
  static Result<std::unique_ptr<StoredDatabase>> open(const std::filesystem::path& file);
  /// The same, or else a new file with an empty database of this schema.
  static Result<std::unique_ptr<StoredDatabase>> open_or_create(const std::filesystem::path& file,
                                                                const Schema& schema);
  /// A new file; fails where one exists.
  static Result<std::unique_ptr<StoredDatabase>> create(const std::filesystem::path& file,
                                                        const Schema& schema);
  /// A new file with the contents of a database.
  static Result<std::unique_ptr<StoredDatabase>> create_from(const std::filesystem::path& file,
                                                             const Database& contents);
  /// The state of a file now, whoever has it open.  What is committed here is not kept.
  static Result<std::unique_ptr<StoredDatabase>> open_read_only(const std::filesystem::path& file);
  ~StoredDatabase();

  /// The database; Database::flush() writes to the file.  convert() ends its life.
  Database& database();
  const std::filesystem::path& file() const;

  /// The transactions with comments, the oldest first; at most kLogEntries.
  std::vector<LogEntry> log() const;

  /// Gives unused space in the file back to the file system.
  std::optional<Error> compact();

  /// Writes a compact copy of the file, which replaces one that may be there.
  std::optional<Error> copy_to(const std::filesystem::path& file) const;

  /// Puts another schema in place of the present one: columns that it lacks are dropped, new ones
  /// get defaults.  On an error (also: a value that does not fit the new type) nothing happened.
  std::optional<Error> convert(const Schema& schema);

 private:
  class Parts;
  explicit StoredDatabase(std::unique_ptr<Parts> parts);
  static Result<std::unique_ptr<StoredDatabase>> load(const std::filesystem::path& file,
                                                      std::optional<FileLock> lock);
  std::unique_ptr<Parts> parts_;
};

}  // namespace bondway::db
