#pragma once

#include <string>

#include "vswitchd/net/result.hpp"

namespace bondway::server {

/// A place in a database that an option may name instead of a value, as ovsdb-server(1) allows.
struct DatabaseColumn {
  std::string database, table, column;

  /// Of "db:DATABASE,TABLE,COLUMN".
  static Result<DatabaseColumn> parse(const std::string& text);
};

}  // namespace bondway::server
