#pragma once

#include <string>
#include <string_view>

namespace bondway::process {

/// The release whose outward behaviour we have, as scripts parse it.
inline constexpr std::string_view kVersion = "3.1.0";

/// "ovs-vswitchd (Open vSwitch) 3.1.0", for --version and the version command.
std::string version_text(std::string_view program);

}  // namespace bondway::process
