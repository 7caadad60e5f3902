#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/error.hpp"

namespace bondway::db {

/// The file format of the original, ovsdb(5): a line "OVSDB JSON LENGTH SHA1" and so many octets of
/// JSON, again and again; first the schema, then what each transaction changed.

struct LogFile {
  std::unique_ptr<Database> database;  ///< in its last state; `_uuid`s as they were
  /// Why reading stopped before the end: the rest is damaged.  Empty: it was read to the end.
  std::string damage{};
};

/// Fails for what is no such file, for clustered databases, and where not even the schema is
/// readable.
Result<LogFile> read_log_file(const std::filesystem::path& file);

/// Writes a new file: the schema and one transaction that makes all rows.
std::optional<Error> write_log_file(const std::filesystem::path& file, const Database& database,
                                    std::int64_t date, const std::string& comment);

}  // namespace bondway::db
