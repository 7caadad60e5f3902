#include "db/store/stored_database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "db/engine/transaction.hpp"
#include "db/store/file_journal.hpp"
#include "db/store/file_lock.hpp"
#include "db/store/sql_tables.hpp"
#include "db/store/sqlite.hpp"

namespace bondway::db {

namespace {

using std::filesystem::path;

constexpr std::string_view kSqliteMagic = "SQLite format 3";
constexpr std::string_view kLogMagic = "OVSDB ";

/// How long a person's own write to the file may hold us up.
constexpr int kBusyTimeoutMs = 200;

Error errno_error(const path& file, const char* what, int error) {
  Error result{"I/O error", fmt::format("{}: {} ({})", file.string(), what,
                                        std::generic_category().message(error))};
  result.io_error = std::generic_category().message(error);
  return result;
}

/// What a file is by its first octets.  Empty: probably a database.
std::optional<Error> check_kind(const path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error(file, "open failed", errno);
  std::array<char, 16> begin{};
  const ssize_t size = ::read(fd, begin.data(), begin.size());
  const int error = errno;
  ::close(fd);
  if (size < 0) return errno_error(file, "read failed", error);
  const std::string_view text(begin.data(), static_cast<std::size_t>(size));
  if (text.empty())
    return Error{"ovsdb error", fmt::format("{}: cannot identify file type", file.string())};
  if (text.starts_with(kSqliteMagic)) return std::nullopt;
  if (text.starts_with(kLogMagic)) {
    return Error{
        "ovsdb error",
        fmt::format("{}: an OVSDB log file; \"ovsdb-tool import {} NEW\" makes a database of "
                    "it",
                    file.string(), file.string())};
  }
  return Error{"ovsdb error", fmt::format("{}: unexpected file format", file.string())};
}

Error in_file(const path& file, Error error) {
  error.details = fmt::format("{}: {}", file.string(), error.details);
  return error;
}

bool is_there(const path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

/// SQLite reads octets beyond the end of a file as zeros.  With a write-ahead log beside it, the
/// file may lag behind.
bool is_cut_short(Sqlite& sqlite, const path& file) {
  path log = file;
  log += "-wal";
  std::error_code ignored;
  if (std::filesystem::exists(log, ignored) && std::filesystem::file_size(log, ignored) > 0) {
    return false;
  }
  const auto pages = sqlite.ask_integer("PRAGMA page_count");
  const auto page_size = sqlite.ask_integer("PRAGMA page_size");
  return std::filesystem::file_size(file) < static_cast<std::uintmax_t>(pages * page_size);
}

std::chrono::system_clock::time_point wall_clock() { return std::chrono::system_clock::now(); }

path temporary_name(const path& file) {
  path temporary = file;
  temporary += ".tmp~";
  return temporary;
}

/// Writes a complete file under another name first: a file of the right name is never half made.
std::optional<Error> create_file(const path& file, const Database& contents) {
  const path temporary = temporary_name(file);
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return errno_error(file, "create failed", errno);
  ::close(fd);
  std::optional<Error> error;
  try {
    Sqlite sqlite(temporary, OpenMode::read_write);
    sqlite.run("PRAGMA synchronous = FULL");
    sqlite.run("BEGIN IMMEDIATE");
    create_layout(sqlite, contents.schema());
    write_rows(sqlite, contents);
    sqlite.run("COMMIT");
  } catch (const SqliteFailure& failure) {
    error = io_error(file.string(), failure);
  }
  if (!error && ::link(temporary.c_str(), file.c_str()) != 0) {
    error = errno_error(file, "create failed", errno);
  }
  ::unlink(temporary.c_str());
  return error;
}

}  // namespace

class StoredDatabase::Parts {
 public:
  Parts(path name, std::optional<FileLock> taken)
      : file(std::move(name)),
        lock(std::move(taken)),
        sqlite(file, lock ? OpenMode::read_write : OpenMode::read_only) {
    sqlite.run(fmt::format("PRAGMA busy_timeout = {}", kBusyTimeoutMs));
  }

  std::optional<Error> load();
  std::optional<Error> convert(const Schema& schema);

  const path file;
  const std::optional<FileLock> lock;  ///< empty: only reading
  Sqlite sqlite;
  std::unique_ptr<FileJournal> journal;
  std::unique_ptr<Database> database;

 private:
  std::optional<Error> load_rows();
  std::unique_ptr<FileJournal> make_journal(const Database& of);
  void keep(std::unique_ptr<Database> filled, std::unique_ptr<FileJournal> in);
};

std::optional<Error> StoredDatabase::Parts::load() {
  try {
    if (auto error = check_format(sqlite)) return in_file(file, std::move(*error));
    if (is_cut_short(sqlite, file)) throw SqliteFailure(SQLITE_CORRUPT, "the file is cut short");
    const auto flaw = sqlite.ask_text("PRAGMA quick_check(1)");
    if (flaw != "ok") throw SqliteFailure(SQLITE_CORRUPT, flaw.value_or("unreadable"));
    if (lock) sqlite.run("PRAGMA journal_mode = WAL");
    return load_rows();
  } catch (const SqliteFailure& failure) {
    return Error{"ovsdb error",
                 fmt::format("{}: damaged, or not a database ({})", file.string(), failure.what())};
  }
}

std::optional<Error> StoredDatabase::Parts::load_rows() {
  sqlite.run("BEGIN");  // one state of the file, even while somebody writes to it
  auto schema = read_schema(sqlite);
  if (!schema) return in_file(file, std::move(schema.error()));
  auto filled = std::make_unique<Database>(std::move(*schema));
  if (auto error = read_rows(sqlite, *filled)) return in_file(file, std::move(*error));
  sqlite.run("COMMIT");
  auto own_journal = lock ? make_journal(*filled) : nullptr;
  keep(std::move(filled), std::move(own_journal));
  return std::nullopt;
}

std::unique_ptr<FileJournal> StoredDatabase::Parts::make_journal(const Database& of) {
  return std::make_unique<FileJournal>(sqlite, of.schema(), file.string(), wall_clock);
}

void StoredDatabase::Parts::keep(std::unique_ptr<Database> filled,
                                 std::unique_ptr<FileJournal> in) {
  filled->keep_in(in.get());
  database = std::move(filled);
  journal = std::move(in);
}

StoredDatabase::StoredDatabase(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

StoredDatabase::~StoredDatabase() = default;

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::load(const path& file,
                                                             std::optional<FileLock> lock) {
  if (auto error = check_kind(file)) return tl::unexpected(std::move(*error));
  try {
    auto parts = std::make_unique<Parts>(file, std::move(lock));
    if (auto error = parts->load()) return tl::unexpected(std::move(*error));
    return std::unique_ptr<StoredDatabase>(new StoredDatabase(std::move(parts)));
  } catch (const SqliteFailure& failure) {
    return tl::unexpected(io_error(file.string(), failure));
  }
}

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::open(const path& file) {
  if (!is_there(file)) return tl::unexpected(errno_error(file, "open failed", ENOENT));
  auto lock = FileLock::take(file);
  if (!lock) return tl::unexpected(std::move(lock.error()));
  return load(file, std::move(*lock));
}

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::open_read_only(const path& file) {
  return load(file, std::nullopt);
}

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::create(const path& file,
                                                               const Schema& schema) {
  return create_from(file, Database(schema));
}

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::create_from(const path& file,
                                                                    const Database& contents) {
  auto lock = FileLock::take(file);
  if (!lock) return tl::unexpected(std::move(lock.error()));
  if (auto error = create_file(file, contents)) return tl::unexpected(std::move(*error));
  return load(file, std::move(*lock));
}

Result<std::unique_ptr<StoredDatabase>> StoredDatabase::open_or_create(const path& file,
                                                                       const Schema& schema) {
  auto opened = is_there(file) ? open(file) : create(file, schema);
  if (!opened) return opened;
  const Schema& present = (*opened)->database().schema();
  if (present.name != schema.name) {
    return fail("ovsdb error", fmt::format("{}: a database of schema {}, not {}", file.string(),
                                           present.name, schema.name));
  }
  if (present.to_json() != schema.to_json()) {
    return fail("ovsdb error",
                fmt::format("{}: schema version {}, not {}; \"ovsdb-tool convert\" changes it",
                            file.string(), present.version, schema.version));
  }
  return opened;
}

Database& StoredDatabase::database() { return *parts_->database; }

const path& StoredDatabase::file() const { return parts_->file; }

std::vector<LogEntry> StoredDatabase::log() const {
  try {
    return read_log(parts_->sqlite);
  } catch (const SqliteFailure&) {
    return {};
  }
}

std::optional<Error> StoredDatabase::compact() {
  if (auto error = database().flush()) return error;
  try {
    parts_->sqlite.run("VACUUM");
    parts_->sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return std::nullopt;
  } catch (const SqliteFailure& failure) {
    return io_error(file().string(), failure);
  }
}

std::optional<Error> StoredDatabase::copy_to(const path& target) const {
  const path temporary = temporary_name(target);
  ::unlink(temporary.c_str());
  try {
    Statement copy(parts_->sqlite, "VACUUM INTO ?");
    const std::string name = temporary.string();
    copy.bind(0, std::string_view(name));
    copy.run();
  } catch (const SqliteFailure& failure) {
    ::unlink(temporary.c_str());
    return io_error(target.string(), failure);
  }
  std::error_code error;
  std::filesystem::permissions(temporary, std::filesystem::status(file()).permissions(), error);
  if (!error) std::filesystem::rename(temporary, target, error);
  if (!error) return std::nullopt;
  return errno_error(target, "rename failed", error.value());
}

std::optional<Error> StoredDatabase::convert(const Schema& schema) {
  if (auto error = database().flush()) return error;
  return parts_->convert(schema);
}

/// The old tables, journal and all, stay in use until the new ones are on the disk.
std::optional<Error> StoredDatabase::Parts::convert(const Schema& schema) {
  auto converted = converted_to(*database, schema);
  if (!converted) return converted.error();
  try {
    sqlite.run("PRAGMA synchronous = FULL");
    sqlite.run("BEGIN IMMEDIATE");
    drop_tables(sqlite, database->schema());
    create_layout(sqlite, schema);
    replace_schema(sqlite, schema);
    write_rows(sqlite, **converted);
    auto new_journal = make_journal(**converted);
    sqlite.run("COMMIT");
    keep(std::move(*converted), std::move(new_journal));
    return std::nullopt;
  } catch (const SqliteFailure& failure) {
    Error error = io_error(file.string(), failure);
    roll_back(sqlite);
    return error;
  }
}

}  // namespace bondway::db
