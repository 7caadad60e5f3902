#include "process/paths.hpp"

#include <cstdlib>
#include <filesystem>

namespace bondway::process {
namespace {

void override_from(const char* variable, std::string& directory) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value != '\0') directory = value;
}

}  // namespace

Paths Paths::from_environment() {
  Paths paths;
  override_from("OVS_RUNDIR", paths.rundir);
  override_from("OVS_LOGDIR", paths.logdir);
  override_from("OVS_PKGDATADIR", paths.pkgdatadir);
  override_from("OVS_SYSCONFDIR", paths.sysconfdir);
  paths.dbdir = paths.sysconfdir + "/openvswitch";
  override_from("OVS_DBDIR", paths.dbdir);
  return paths;
}

std::string Paths::in_rundir(std::string_view name) const {
  if (name.starts_with('/')) return std::string(name);
  return rundir + "/" + std::string(name);
}

std::string absolute(std::string_view file) {
  if (file.starts_with('/')) return std::string(file);
  return (std::filesystem::current_path() / file).string();
}

std::string program_name(std::string_view argv0) {
  return std::string(argv0.substr(argv0.rfind('/') + 1));
}

}  // namespace bondway::process
