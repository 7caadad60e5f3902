#pragma once

#include "db/engine/schema.hpp"

namespace bondway::ctl {

/// The schema of the Open_vSwitch database, as db::vswitch_schema_text() has it.  Made at build
/// time by schema_writer.cpp, because reading that text would take most of a call of the tool.
db::Schema known_schema();

}  // namespace bondway::ctl
