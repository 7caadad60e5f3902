#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "db/engine/database.hpp"
#include "db/store/stored_database.hpp"
#include "db/tool/log_file.hpp"

/// Takes its input for a database file: ours, or an OVSDB log to import.  Whatever is in it,
/// opening says what is wrong or yields a database that keeps the rules of its schema, and that can
/// be written and read again.
namespace bondway::db {
namespace {

namespace fs = std::filesystem;

void require(bool condition) {
  if (!condition) std::abort();
}

/// A directory in memory, as each input makes and syncs several files.
class Directory {
 public:
  Directory() {
    std::string name = "/dev/shm/db_file_fuzz.XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }
  void clear() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove(entry.path());
  }

 private:
  fs::path path_;
};

void write(const fs::path& file, const std::uint8_t* data, std::size_t size) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
}

std::size_t count_rows(const Database& database) {
  std::size_t count = 0;
  for (const auto& [name, table] : database.schema().tables) count += database.rows(table).size();
  return count;
}

void check_log(const Directory& directory) {
  const auto log = read_log_file(directory / "input");
  if (!log) return;
  const auto stored = StoredDatabase::create_from(directory / "imported", *log->database);
  require(stored.has_value());
  require(count_rows((*stored)->database()) == count_rows(*log->database));
  require(!write_log_file(directory / "exported", *log->database, 0, "").has_value());
  const auto again = read_log_file(directory / "exported");
  require(again && again->damage.empty());
  require(count_rows(*again->database) == count_rows(*log->database));
}

void check_database(const Directory& directory) {
  static_cast<void>(StoredDatabase::open_read_only(directory / "input"));
  const auto stored = StoredDatabase::open(directory / "input");
  if (!stored) return;
  require(converted_to((*stored)->database(), (*stored)->database().schema()).has_value());
  if (!(*stored)->compact()) static_cast<void>((*stored)->log());
}

}  // namespace
}  // namespace bondway::db

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bondway::db;
  static const Directory directory;
  write(directory / "input", data, size);
  check_log(directory);
  check_database(directory);
  directory.clear();
  return 0;
}
