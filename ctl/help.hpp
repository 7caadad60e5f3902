#pragma once

#include <string>
#include <string_view>

namespace bondway::ctl {

/// The version of the Open_vSwitch database whose tables and columns the tool knows.
inline constexpr std::string_view kSchemaVersion = "8.3.1";

/// What --help prints.
std::string help_text(const std::string& program);

}  // namespace bondway::ctl
