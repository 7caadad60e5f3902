#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "process/unique_fd.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::process {

/// The address of a Unix socket's file.  One that is longer than an address can hold is reached
/// through its directory's descriptor, which has to stay open until bind() or connect() is done.
struct UnixAddress {
  sockaddr_un address{};
  UniqueFd directory;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

/// The error is an errno: of the directory, or ENAMETOOLONG when the file's own name doesn't fit.
tl::expected<UnixAddress, int> unix_address(const std::string& path);

/// Replaces what is at `path`, listens, and returns the socket: close-on-exec, mode 0770 less the
/// umask.  The error is an errno.
tl::expected<UniqueFd, int> listen_unix(const std::string& path);

/// A blocking connection, close-on-exec.  The error is an errno.
tl::expected<UniqueFd, int> connect_unix(const std::string& path);

}  // namespace bondway::process
