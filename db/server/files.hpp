#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/server/host.hpp"
#include "db/store/stored_database.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::server {

/// The database files that a host serves.
class DatabaseFiles {
 public:
  /// `host` outlives this.  `warn` hears who has a file that is locked.
  using Warn = std::function<void(const std::string& text)>;
  DatabaseFiles(Host& host, Warn warn) : host_(host), warn_(std::move(warn)) {}
  ~DatabaseFiles();
  DatabaseFiles(const DatabaseFiles&) = delete;
  DatabaseFiles& operator=(const DatabaseFiles&) = delete;

  /// Opens a file and serves it.  The error reads "I/O error: FILE: open failed (...)".
  Result<void> add(const std::filesystem::path& file);
  /// False if no file has a database of that name.
  bool remove(const std::string& name);

  /// Gives unused space in a database's file back.  False if no file has a database of that name.
  Result<bool> compact(const std::string& name);
  bool has(const std::string& name) const { return files_.count(name) > 0; }
  std::vector<std::string> names() const;  ///< sorted

 private:
  Host& host_;
  Warn warn_;
  std::map<std::string, std::unique_ptr<db::StoredDatabase>> files_;  ///< by the database's name
};

}  // namespace bondway::server
