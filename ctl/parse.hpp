#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::ctl {

/// How people type names, values and conditions on the command line: ovs-vsctl(8), "Database
/// Commands".  Pure; every error text is the one that scripts know.

/// The words of a table's entry, with one separator between each two.  They live as long as `text`.
std::vector<std::string_view> words_of(std::string_view text, char separator = ' ');

/// A table or column by name: upper or lower case, `-` for `_`, and any unique beginning will do.
Result<const db::Table*> find_table(const db::Schema& schema, std::string_view name);
/// The position of the column in the table.
Result<std::size_t> find_column(const db::Table& table, std::string_view name);

/// Tells which row `@name` stands for.  `to` is the type of the column that refers to it.
using RowNames = std::function<db::Uuid(const std::string& name, const db::BaseType& to)>;

Result<db::Atom> parse_atom(std::string_view text, const db::BaseType& type, const RowNames& names);
/// A whole value: `5`, `a,b`, `[1, 2-7]`, `{k=v, k2=v2}`.
Result<db::Datum> parse_datum(std::string_view text, const db::ColumnType& type,
                              const RowNames& names);

/// `COLUMN[:KEY]` with what follows it.  The key is as typed, quotes and all.
struct ColumnKey {
  std::size_t column = 0;
  std::optional<std::string> key;
  std::string_view rest;
};
Result<ColumnKey> parse_column_key(std::string_view argument, const db::Table& table);

/// `COLUMN[:KEY]=VALUE`; the value is as typed and not empty.
struct Setting {
  std::size_t column = 0;
  std::optional<std::string> key;
  std::string_view value;
};
Result<Setting> parse_setting(std::string_view argument, const db::Table& table);

/// The column alone; nothing behind it is looked at.
Result<std::size_t> parse_column(std::string_view argument, const db::Table& table);

/// `COLUMN[:KEY]OPVALUE` of find and wait-until.
struct Condition {
  std::size_t column = 0;
  std::optional<db::Atom> key;
  std::string_view op;  ///< one of those that ovs-vsctl(8) lists; never ends
  db::Datum value;
};
Result<Condition> parse_condition(std::string_view argument, const db::Table& table,
                                  const RowNames& names);
/// Whether a row whose column holds `data` meets the condition.
bool holds(const Condition& condition, const db::Datum& data);

}  // namespace bondway::ctl
