#pragma once

#include <string>
#include <string_view>

namespace bondway::ctl {

struct Command;

/// The version of the Open_vSwitch database whose tables and columns the tool knows.
inline constexpr std::string_view kSchemaVersion = "8.3.1";

/// A command as people read it: `[--may-exist] add-br BRIDGE [PARENT] [VLAN]`.
std::string synopsis(const Command& command);

/// What --help prints.
std::string help_text(const std::string& program);

/// The manual page ovs-vsctl(8), for man(1).
std::string manual_text();

}  // namespace bondway::ctl
