#pragma once

#include <string_view>

namespace bondway::db {

/// The schemas of the folder schemas/, which every program carries within: JSON texts.
std::string_view vswitch_schema_text();  ///< Open_vSwitch, what ovs-vswitchd.conf.db(5) describes
std::string_view server_schema_text();   ///< _Server, what ovsdb-server(5) describes

}  // namespace bondway::db
