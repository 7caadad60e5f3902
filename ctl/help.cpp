#include "ctl/options.hpp"

namespace bondway::ctl {

std::string help_text() { return "ovs-vsctl: ovs-vswitchd management utility\n"; }

}  // namespace bondway::ctl
