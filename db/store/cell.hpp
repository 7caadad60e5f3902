#pragma once

#include <string>

#include "db/engine/error.hpp"
#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"
#include "db/store/sqlite.hpp"

namespace bondway::db {

/// How a column's content stands in SQL.  At most one atom: itself (booleans as 0 and 1, uuids as
/// text), nothing as NULL.  More: JSON text, a set as an array, a map as an object.

std::string sql_type(const ColumnType& type);  ///< INTEGER, REAL or TEXT

void bind(Statement& statement, int parameter, const Datum& datum, const ColumnType& type);

/// Fails for what no one but a person with other tools can have written.
Result<Datum> read(const Statement& statement, int column, const ColumnType& type);

}  // namespace bondway::db
