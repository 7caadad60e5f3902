#pragma once

#include <span>
#include <string_view>

namespace bondway::process {

/// The names of modules that scripts may put into a program's -v option or vlog/set, whether or
/// not anything of ours writes under them.
std::span<const std::string_view> switch_log_modules();    ///< ovs-vswitchd
std::span<const std::string_view> database_log_modules();  ///< ovsdb-server
std::span<const std::string_view> tool_log_modules();      ///< ovs-vsctl, ovs-appctl, ovsdb-tool

}  // namespace bondway::process
