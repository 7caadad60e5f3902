#include "ctl/help.hpp"

#include <fmt/format.h>

#include "ctl/command.hpp"
#include "ctl/records.hpp"

namespace bondway::ctl {

std::string help_text(const std::string& program) {
  return fmt::format("{}: ovs-vswitchd management utility\n", program);
}

}  // namespace bondway::ctl
