#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "db/engine/error.hpp"

namespace bondway::db {

/// The right to write a database file: a lock on `.NAME.~lock~` beside it, as the original takes
/// it, so that the two keep out of each other's way.  Held until destroyed, by this process and the
/// children it forks; the lock file stays.
class FileLock {
 public:
  static Result<FileLock> take(const std::filesystem::path& file);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

/// Why taking the lock fails now, as one line for a log: ".conf.db.~lock~: cannot lock file because
/// it is already locked by pid 7".  Empty: it would not.
std::string lock_obstacle(const std::filesystem::path& file);

}  // namespace bondway::db
