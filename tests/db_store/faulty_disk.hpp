#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace bondway::db {

/// What of the writes that no sync followed survives a power cut.
enum class Survival : std::uint8_t {
  nothing,
  everything,
  some,  ///< any of them, in any order
  torn,  ///< the same, and each only in part, in sectors of 512 octets
};

/// SQLite's default file system while it lives, under which the disk misbehaves on demand: a write
/// or a sync fails, or the power is cut.  One at a time.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  /// Called before every write, truncation and sync; what it returns is the result, and if that is
  /// not SQLITE_OK, nothing is done.  What it does itself is neither announced nor remembered.
  std::function<int()> before_operation;

  /// How many of them there were.
  std::size_t operations() const { return operations_; }

  /// Runs something whose operations are none of the workload's.
  template <typename Action>
  void pause(Action action) {
    busy_ = true;
    action();
    busy_ = false;
  }

  /// Writes what a disk would hold had the power been cut now: the files of one folder to another.
  void cut_power(const std::filesystem::path& from, const std::filesystem::path& to,
                 Survival survival, std::mt19937& random) const;

  // For the file system's functions.
  struct Change {
    std::int64_t offset = 0;
    std::string data{};
    bool is_truncation = false;
  };
  struct File {
    std::string durable{};           ///< as of the last sync
    std::vector<Change> unsynced{};  ///< since then, in order
  };
  int operate();
  void changed(const std::string& name, Change change);
  void synced(const std::string& name);
  void opened(const std::string& name);
  void removed(const std::string& name);

 private:
  std::map<std::string, File> files_;
  std::size_t operations_ = 0;
  bool busy_ = false;
};

}  // namespace bondway::db
