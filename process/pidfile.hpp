#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "process/unique_fd.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::process {

/// A file with our process id in it, locked as long as we run, so that nobody mistakes a leftover
/// or a recycled id for us.
class Pidfile {
 public:
  enum class Existing { refuse, overwrite };

  /// Creates, locks and publishes it.  The lock belongs to the calling process and isn't
  /// inherited by fork().  Throws std::runtime_error in the words of the daemon's complaint:
  /// "FILE: already running as pid 123, aborting", "FILE.tmp: create failed (No such file ...)".
  Pidfile(std::string path, Existing existing);
  /// Removes it.
  ~Pidfile();
  Pidfile(const Pidfile&) = delete;
  Pidfile& operator=(const Pidfile&) = delete;

  /// Forgets the file without removing it: for a child process that inherited this object.
  void release();

 private:
  std::string path_;
  UniqueFd fd_;
};

/// Throws as the constructor does when a running process holds the file.
void refuse_if_running(const std::string& path);

/// Who holds the pidfile: as errno says it when there is none: ENOENT, ESRCH for one that isn't
/// locked by the process it names.
tl::expected<pid_t, int> read_pidfile(const std::string& path);

}  // namespace bondway::process
