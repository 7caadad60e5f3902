#include "process/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace bondway::process {
namespace {

constexpr std::size_t kLongestName = sizeof(sockaddr_un::sun_path) - 1;

tl::unexpected<int> system_error() { return tl::unexpected(errno); }

}  // namespace

tl::expected<UnixAddress, int> unix_address(const std::string& path) {
  UnixAddress result;
  result.address.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() > kLongestName) {
    const std::filesystem::path whole(path);
    result.directory = UniqueFd(::open(whole.parent_path().c_str(), O_PATH | O_CLOEXEC));
    if (!result.directory) return system_error();
    name = fmt::format("/proc/self/fd/{}/{}", result.directory.get(), whole.filename().string());
    if (name.size() > kLongestName) return tl::unexpected(ENAMETOOLONG);
  }
  name.copy(result.address.sun_path, kLongestName);
  return result;
}

tl::expected<UniqueFd, int> listen_unix(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error();
  if (::fchmod(fd.get(), 0770) != 0) return system_error();  // the mode that bind() starts from
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error();
  if (::bind(fd.get(), address->get(), sizeof address->address) != 0) return system_error();
  if (::listen(fd.get(), SOMAXCONN) != 0) return system_error();
  return fd;
}

tl::expected<UniqueFd, int> connect_unix(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error();
  if (::connect(fd.get(), address->get(), sizeof address->address) != 0) return system_error();
  return fd;
}

}  // namespace bondway::process
