#include "process/pidfile.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace bondway::process {
namespace {

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw std::runtime_error(fmt::format(format, std::forward<Args>(args)...));
}

std::string error_text() { return std::strerror(errno); }

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::optional<pid_t> read_pid(int fd) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (length <= 0 || std::from_chars(text.data(), text.data() + length, pid).ec != std::errc()) {
    return std::nullopt;
  }
  return pid;
}

}  // namespace

Pidfile::Pidfile(std::string path, Existing existing) : path_(std::move(path)) {
  if (existing == Existing::refuse) refuse_if_running(path_);

  // Written and locked under another name first, so that nobody ever sees it half done.
  const std::string temporary = path_ + ".tmp";
  ::unlink(temporary.c_str());
  fd_ = UniqueFd(::open(temporary.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd_) refuse("{}: create failed ({})", temporary, error_text());
  struct flock lock = whole_file();
  if (::fcntl(fd_.get(), F_SETLK, &lock) != 0) {
    refuse("{}: fcntl(F_SETLK) failed ({})", temporary, error_text());
  }
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::write(fd_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    refuse("{}: write failed ({})", temporary, error_text());
  }
  if (::rename(temporary.c_str(), path_.c_str()) != 0) {
    refuse("failed to rename \"{}\" to \"{}\" ({})", temporary, path_, error_text());
  }
}

Pidfile::~Pidfile() {
  if (fd_) ::unlink(path_.c_str());
}

void Pidfile::release() { fd_.reset(); }

void refuse_if_running(const std::string& path) {
  const auto pid = read_pidfile(path);
  if (pid) refuse("{}: already running as pid {}, aborting", path, *pid);
  if (pid.error() != ENOENT && pid.error() != ESRCH) {
    refuse("{}: pidfile check failed ({}), aborting", path, std::strerror(pid.error()));
  }
}

tl::expected<pid_t, int> read_pidfile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return tl::unexpected(errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode)) return tl::unexpected(EISDIR);
  struct flock lock = whole_file();
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0) return tl::unexpected(errno);
  if (lock.l_type == F_UNLCK) return tl::unexpected(ESRCH);
  const std::optional<pid_t> pid = read_pid(fd.get());
  if (!pid || *pid != lock.l_pid) return tl::unexpected(ESRCH);
  return *pid;
}

}  // namespace bondway::process
