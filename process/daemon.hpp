#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "process/options.hpp"

namespace bondway::process {

class Log;
struct Paths;

/// How a daemon was asked to live; filled by daemon_options().
struct DaemonSettings {
  bool detach = false;
  bool monitor = false;
  bool change_directory = true;
  bool overwrite_pidfile = false;
  std::optional<std::string> pidfile;  ///< absolute
  std::string user;                    ///< USER, USER:GROUP or :GROUP
  std::string unixctl;                 ///< as given; empty: the default socket
  /// Set by the program: with --user, keep the capabilities to configure network devices and to
  /// open packet sockets.
  bool needs_network = false;
};

/// --detach, --no-chdir, --pidfile, --overwrite-pidfile, --monitor, --user, --unixctl,
/// --no-self-confinement.  `settings` outlives the options.
Options daemon_options(DaemonSettings& settings, std::string_view program, const Paths& paths);
/// The section of --help that goes with it, with the blank line before it.
std::string daemon_options_help(std::string_view program, const Paths& paths);

/// The life of a daemon as a Unix process: in the background, watched, as another user, with a
/// pidfile, as asked.
///
///     Daemon daemon(settings, "ovs-vswitchd", log);  // from here on we are the daemon
///     ... open sockets, first configuration ...
///     daemon.ready();                                // the one who started us gets its prompt
///     back
///
/// Make it before any thread and any io_context.
class Daemon {
 public:
  /// Forks as asked; returns in the process that is to work, the others never return: whoever
  /// started us ends with status 0 on ready(), or with our status if we end before it; a monitor
  /// stays and starts another one when we die of a programming error.
  /// Throws std::runtime_error with the text to print after "PROGRAM: ".  `log` outlives it.
  Daemon(const DaemonSettings& settings, std::string_view program, Log& log);
  /// Removes the pidfile.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Startup is done: detaches from the terminal and lets the starting process go.
  void ready();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bondway::process
