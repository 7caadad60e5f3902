#pragma once

#include <string>
#include <string_view>

namespace bondway::process {

/// The directories in which programs and scripts meet: built-in defaults, each overridden by an
/// environment variable that is set and not empty.
struct Paths {
  std::string rundir = "/var/run/openvswitch";  ///< OVS_RUNDIR: sockets, pidfiles
  std::string logdir = "/var/log/openvswitch";  ///< OVS_LOGDIR
  std::string dbdir = "/etc/openvswitch";       ///< OVS_DBDIR, else OVS_SYSCONFDIR/openvswitch
  std::string sysconfdir = "/etc";              ///< OVS_SYSCONFDIR
  std::string pkgdatadir = "/usr/share/openvswitch";  ///< OVS_PKGDATADIR: schemas

  static Paths from_environment();

  /// `name` itself if it starts with '/', else the file of that name in the run directory.
  std::string in_rundir(std::string_view name) const;
};

/// A file name as the user gave it on the command line, made absolute while the working directory
/// is still the user's.
std::string absolute(std::string_view file);

/// The last component of argv[0]: what messages, pidfiles and sockets are named after.
std::string program_name(std::string_view argv0);

}  // namespace bondway::process
