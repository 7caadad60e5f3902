#include "db/store/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace bondway::db {

namespace {

std::filesystem::path lock_name(const std::filesystem::path& file) {
  return file.parent_path() / fmt::format(".{}.~lock~", file.filename().string());
}

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// Our own locks belong to the open file, for which the kernel knows no process: so the holder
/// leaves its number in the file.
void leave_process_id(int fd) {
  const std::string text = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) == 0) [[maybe_unused]]
    const auto written = pwrite(fd, text.data(), text.size(), 0);  // of use to messages only
}

int read_process_id(int fd) {
  std::array<char, 32> text{};
  if (pread(fd, text.data(), text.size() - 1, 0) <= 0) return 0;
  return static_cast<int>(std::strtol(text.data(), nullptr, 10));
}

tl::unexpected<Error> refuse(const std::filesystem::path& file, int error) {
  return fail("I/O error", fmt::format("{}: failed to lock lockfile ({})", file.string(),
                                       std::generic_category().message(error)));
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
  const int fd = ::open(lock_name(file).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return refuse(file, errno);
  FileLock lock(fd);
  struct flock whole = whole_file();
  if (fcntl(fd, F_OFD_SETLK, &whole) != 0) return refuse(file, errno == EACCES ? EAGAIN : errno);
  leave_process_id(fd);
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::string lock_obstacle(const std::filesystem::path& file) {
  const auto name = lock_name(file);
  const int fd = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return {};
  struct flock whole = whole_file();
  const bool is_held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  const int holder = whole.l_pid > 0 ? whole.l_pid : read_process_id(fd);
  ::close(fd);
  if (!is_held) return {};
  return fmt::format("{}: cannot lock file because it is already locked by pid {}",
                     name.filename().string(), holder);
}

}  // namespace bondway::db
