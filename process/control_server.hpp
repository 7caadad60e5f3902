#pragma once

#include <memory>
#include <string>

#include "process/command_table.hpp"
#include "process/log.hpp"

namespace boost::asio {
class io_context;
}

namespace bondway::process {

struct Paths;

/// Where a program's control socket is: RUNDIR/PROGRAM.PID.ctl unless --unixctl named another;
/// empty for "none".
std::string control_socket_path(const Paths& paths, std::string_view program,
                                std::string_view unixctl_option, int pid);

/// Serves a table of commands on a Unix socket: JSON-RPC 1.0, see ovs-appctl(8).  A client's
/// requests are answered one at a time and in order; clients don't wait for each other.  Whoever
/// sends what is not a request is hung up on; a client that doesn't read its answers is not read
/// from either.
///
/// Everything happens on the thread that runs `io`.
class ControlServer {
 public:
  /// Listens at once, replacing a socket file that is there, mode 0770 less the umask.  Throws
  /// std::runtime_error with the text to print after "PROGRAM: ".  `table` and `io` outlive the
  /// server.
  ControlServer(boost::asio::io_context& io, std::string path, const CommandTable& table,
                Logger log);
  /// Hangs up and removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  const std::string& path() const;

  class Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace bondway::process
