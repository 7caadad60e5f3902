#include "process/version.hpp"

#include <fmt/format.h>

namespace bondway::process {

std::string version_text(std::string_view program) {
  return fmt::format("{} (Open vSwitch) {}", program, kVersion);
}

}  // namespace bondway::process
