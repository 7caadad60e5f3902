#include "ctl/known_schema.hpp"

#include <charconv>

#include "ctl/parse.hpp"
#include "ctl/schema_data.hpp"

namespace bondway::ctl {
namespace {

db::BaseType base_type(const BaseData& data) {
  db::BaseType base;
  base.type = data.type;
  for (const std::string_view word : words_of(data.words)) {
    base.allowed.emplace_back(std::string(word));
  }
  if (data.least != BaseData{}.least) base.min_integer = data.least;
  if (data.most != BaseData{}.most) base.max_integer = data.most;
  base.ref_table = data.ref_table;
  base.ref_kind = data.ref_kind;
  return base;
}

db::Column column(const ColumnData& data) {
  db::Column column;
  column.name = data.name;
  column.type.key = base_type(data.key);
  if (data.is_map) column.type.value = base_type(data.value);
  column.type.min = data.min;
  column.type.max = data.max;
  column.ephemeral = data.ephemeral;
  column.is_mutable = data.is_mutable;
  return column;
}

db::Table table(const TableData& data, std::size_t ordinal) {
  db::Table table;
  table.name = data.name;
  table.columns.reserve(data.columns.size());
  for (const ColumnData& each : data.columns) table.columns.push_back(column(each));
  for (const std::string_view index : words_of(data.indexes, ',')) {
    auto& positions = table.indexes.emplace_back();
    for (const std::string_view digits : words_of(index)) {
      std::from_chars(digits.data(), digits.data() + digits.size(), positions.emplace_back());
    }
  }
  table.max_rows = data.max_rows;
  table.is_root = data.is_root;
  table.ordinal = ordinal;
  return table;
}

}  // namespace

db::Schema known_schema() {
  const SchemaData& data = schema_data();
  db::Schema schema;
  schema.name = data.name;
  schema.version = data.version;
  schema.cksum = data.cksum;
  for (const TableData& each : data.tables) {
    const std::size_t ordinal = schema.tables.size();
    schema.tables.emplace_hint(schema.tables.end(), each.name, table(each, ordinal));
  }
  return schema;
}

}  // namespace bondway::ctl
