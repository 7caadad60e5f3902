#pragma once

#include <string>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::server {

/// Values as JSON text, RFC 7047, 5.1, written without a detour over JSON values: a monitor of
/// everything writes every value there is.

void append(std::string& out, const db::Uuid& uuid);  ///< ["uuid","..."]
void append(std::string& out, const db::Datum& datum, const db::ColumnType& type);

/// What changed in a column, as in <row-update2>: a column of at most one element shows its new
/// value; a larger set the elements that only one side has; a map the pairs removed, added, and
/// changed (with the new value).
void append_difference(std::string& out, const db::Datum& before, const db::Datum& after,
                       const db::ColumnType& type);

}  // namespace bondway::server
