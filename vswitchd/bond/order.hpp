#pragma once

#include <string>

#include "vswitchd/bond/hash.hpp"
#include "vswitchd/net/reference_table.hpp"

namespace bondway::bond {

/// The order in which the reference walks its bonds in `bond/show` and `bond/list`: that of its
/// hash table keyed by name, which depends on when each was created.  Add and remove every bond as
/// it comes and goes.
using ReferenceOrder = ReferenceTable<std::string, hash_name>;

}  // namespace bondway::bond
