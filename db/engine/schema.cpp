#include "db/engine/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/members.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

template <typename T>
using Maybe = std::optional<T>;

Error refusal(std::string details, const json& culprit) {
  return {"syntax error", std::move(details), json_text(culprit)};
}

tl::unexpected<Error> refuse(std::string details, const json& culprit) {
  return tl::unexpected(refusal(std::move(details), culprit));
}

Result<AtomicType> parse_atomic(const json& name) {
  constexpr std::array kTypes{AtomicType::integer, AtomicType::real, AtomicType::boolean,
                              AtomicType::string, AtomicType::uuid};
  const auto& text = name.get_ref<const std::string&>();
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](AtomicType type) { return to_string(type) == text; });
  if (found != kTypes.end()) return *found;
  return refuse(fmt::format("\"{}\" is not an atomic-type", text), name);
}

Maybe<Error> parse_enum(const json& values, BaseType& base) {
  const ColumnType type{.key = BaseType{.type = base.type}, .min = 1, .max = kUnlimited};
  auto datum = datum_from_json(values, type);
  if (!datum) return datum.error();
  base.allowed.assign(datum->keys().begin(), datum->keys().end());
  return std::nullopt;
}

/// A bound that excludes nothing is the same as none.
Maybe<Error> parse_integer_range(Members& members, const json& source, BaseType& base) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (const json* min = members.optional("minInteger", Kind::integer)) {
    base.min_integer = integer_of(*min);
  }
  if (const json* max = members.optional("maxInteger", Kind::integer)) {
    base.max_integer = integer_of(*max);
  }
  if (base.min_integer && base.max_integer && *base.min_integer > *base.max_integer) {
    return refusal("minInteger exceeds maxInteger", source);
  }
  if (base.min_integer == Limits::min()) base.min_integer.reset();
  if (base.max_integer == Limits::max()) base.max_integer.reset();
  return std::nullopt;
}

Maybe<Error> parse_real_range(Members& members, const json& source, BaseType& base) {
  using Limits = std::numeric_limits<double>;
  if (const json* min = members.optional("minReal", Kind::number))
    base.min_real = min->get<double>();
  if (const json* max = members.optional("maxReal", Kind::number))
    base.max_real = max->get<double>();
  if (base.min_real && base.max_real && *base.min_real > *base.max_real) {
    return refusal("minReal exceeds maxReal", source);
  }
  if (base.min_real && *base.min_real <= Limits::lowest()) base.min_real.reset();
  if (base.max_real && *base.max_real >= Limits::max()) base.max_real.reset();
  return std::nullopt;
}

Result<Maybe<std::uint64_t>> parse_length(Members& members, std::string_view name) {
  const json* member = members.optional(name, Kind::integer);
  if (!member) return Maybe<std::uint64_t>();
  const std::int64_t number = *integer_of(*member);
  if (number < 0 || number > std::int64_t{UINT32_MAX}) {
    return refuse(fmt::format("{} out of valid range 0 to {}", name, UINT32_MAX), *member);
  }
  return Maybe<std::uint64_t>(static_cast<std::uint64_t>(number));
}

Maybe<Error> parse_length_range(Members& members, const json& source, BaseType& base) {
  const auto min = parse_length(members, "minLength");
  if (!min) return min.error();
  const auto max = parse_length(members, "maxLength");
  if (!max) return max.error();
  if (*min && *max && **min > **max) {
    return refusal("minLength exceeds maxLength", source);
  }
  if (*min && **min != 0) base.min_length = *min;
  if (*max && **max != UINT32_MAX) base.max_length = *max;
  return std::nullopt;
}

Maybe<Error> parse_reference(Members& members, BaseType& base) {
  const json* table = members.optional("refTable", Kind::id);
  if (!table) return std::nullopt;
  base.ref_table = table->get<std::string>();
  const json* kind = members.optional("refType", Kind::id);
  if (!kind) return std::nullopt;
  const auto& text = kind->get_ref<const std::string&>();
  if (text != "strong" && text != "weak") {
    return refusal(fmt::format("refType must be \"strong\" or \"weak\" (not \"{}\")", text),
                   members.source());
  }
  base.ref_kind = text == "weak" ? RefKind::weak : RefKind::strong;
  return std::nullopt;
}

Maybe<Error> parse_limits(Members& members, const json& source, BaseType& base) {
  if (const json* values = members.optional("enum", Kind::any)) return parse_enum(*values, base);
  switch (base.type) {
    case AtomicType::integer:
      return parse_integer_range(members, source, base);
    case AtomicType::real:
      return parse_real_range(members, source, base);
    case AtomicType::string:
      return parse_length_range(members, source, base);
    case AtomicType::uuid:
      return parse_reference(members, base);
    case AtomicType::boolean:
      break;
  }
  return std::nullopt;
}

Result<BaseType> parse_base(const json& source) {
  BaseType base;
  if (source.is_string()) {
    const auto type = parse_atomic(source);
    if (!type) return tl::unexpected(type.error());
    base.type = *type;
    return base;
  }
  Members members(source);
  const json* name = members.required("type", Kind::string);
  if (!name) return tl::unexpected(members.error("ovsdb type"));
  const auto type = parse_atomic(*name);
  if (!type) return tl::unexpected(type.error());
  base.type = *type;
  if (auto error = parse_limits(members, source, base)) return tl::unexpected(std::move(*error));
  if (!members.complete()) return tl::unexpected(members.error("ovsdb type"));
  return base;
}

/// A number of elements; also "unlimited" where a string got this far.
Result<std::uint32_t> parse_count(const json& source) {
  if (source.is_string() && source.get_ref<const std::string&>() == "unlimited") return kUnlimited;
  const auto number = integer_of(source);
  if (number && *number >= 0 && *number < std::int64_t{kUnlimited}) {
    return static_cast<std::uint32_t>(*number);
  }
  return refuse("bad min or max value", source);
}

Maybe<Error> parse_counts(const json* min, const json* max, const json& source, ColumnType& type) {
  if (min) {
    const auto count = parse_count(*min);
    if (!count) return count.error();
    type.min = *count;
  }
  if (max) {
    const auto count = parse_count(*max);
    if (!count) return count.error();
    type.max = *count;
  }
  if (type.min <= 1 && type.max >= 1) return std::nullopt;
  return refusal("ovsdb type fails constraint checks", source);
}

Result<ColumnType> parse_type(const json& source) {
  ColumnType type;
  if (source.is_string()) {
    auto base = parse_base(source);
    if (!base) return tl::unexpected(std::move(base.error()));
    type.key = std::move(*base);
    return type;
  }
  Members members(source);
  const json* key = members.required("key", Kind::string | Kind::object);
  const json* value = members.optional("value", Kind::string | Kind::object);
  const json* min = members.optional("min", Kind::integer);
  const json* max = members.optional("max", Kind::integer | Kind::string);
  if (!members.complete()) return tl::unexpected(members.error("ovsdb type"));
  auto key_type = parse_base(*key);
  if (!key_type) return tl::unexpected(std::move(key_type.error()));
  type.key = std::move(*key_type);
  if (value) {
    auto value_type = parse_base(*value);
    if (!value_type) return tl::unexpected(std::move(value_type.error()));
    type.value = std::move(*value_type);
  }
  if (auto error = parse_counts(min, max, source, type)) return tl::unexpected(std::move(*error));
  return type;
}

bool has_weak_reference(const ColumnType& type) {
  const auto is_weak = [](const BaseType& base) {
    return !base.ref_table.empty() && base.ref_kind == RefKind::weak;
  };
  return is_weak(type.key) || (type.value && is_weak(*type.value));
}

bool is_true(const json* member) { return member && member->get<bool>(); }

/// RFC 7047, 3.2 <column-schema>.  The server itself edits weak references: they are never
/// immutable.
Result<Column> parse_column(const std::string& name, const json& source) {
  Members members(source);
  const json* is_mutable = members.optional("mutable", Kind::boolean);
  const json* ephemeral = members.optional("ephemeral", Kind::boolean);
  const json* type = members.required("type", Kind::string | Kind::object);
  if (!members.complete())
    return tl::unexpected(members.error(fmt::format("schema for column {}", name)));
  auto parsed = parse_type(*type);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  Column column{.name = name, .type = std::move(*parsed), .ephemeral = is_true(ephemeral)};
  column.is_mutable = !is_mutable || is_true(is_mutable) || has_weak_reference(column.type);
  return column;
}

Maybe<Error> check_name(const std::string& name, const json& source) {
  if (name.starts_with('_')) {
    return refusal("names beginning with \"_\" are reserved", source);
  }
  if (!is_id(name)) return refusal("name must be a valid id", source);
  return std::nullopt;
}

Maybe<Error> parse_columns(const json& columns, const json& source, Table& table) {
  if (columns.empty()) return refusal("table must have at least one column", source);
  for (const auto& [name, column_source] : columns.items()) {  // in the order of names
    if (auto error = check_name(name, source)) return error;
    auto column = parse_column(name, column_source);
    if (!column) return column.error();
    table.columns.push_back(std::move(*column));
  }
  return std::nullopt;
}

Maybe<Error> parse_index(const json& names, const json& source, Table& table) {
  if (names.is_array() && names.empty()) {
    return refusal("index must have at least one column", source);
  }
  const auto error = [&] { return refusal("array of distinct column names expected", names); };
  if (!names.is_array()) return error();
  std::vector<std::size_t> index;
  bool has_row_identity = false;
  for (const json& name : names) {
    if (!name.is_string()) return error();
    const auto& text = name.get_ref<const std::string&>();
    has_row_identity = has_row_identity || text == "_uuid" || text == "_version";
    if (text == "_uuid" || text == "_version") continue;
    const auto position = table.find(text);
    if (!position) return refusal(fmt::format("{} is not a valid column name", text), names);
    if (std::find(index.begin(), index.end(), *position) != index.end()) return error();
    index.push_back(*position);
  }
  for (const std::size_t position : index) {
    if (!table.columns[position].ephemeral) continue;
    return refusal(fmt::format("ephemeral columns (such as {}) may not be indexed",
                               table.columns[position].name),
                   source);
  }
  if (!has_row_identity) table.indexes.push_back(std::move(index));  // else unique in any case
  return std::nullopt;
}

Maybe<Error> parse_max_rows(const json& max_rows, const json& source, Table& table) {
  const std::int64_t number = *integer_of(max_rows);
  if (number < 1) return refusal("maxRows must be at least 1", source);
  table.max_rows = static_cast<std::uint32_t>(std::min<std::int64_t>(number, kUnlimited));
  return std::nullopt;
}

Result<Table> parse_table(const std::string& name, const json& source) {
  Members members(source);
  const json* columns = members.required("columns", Kind::object);
  const json* max_rows = members.optional("maxRows", Kind::integer);
  const json* is_root = members.optional("isRoot", Kind::boolean);
  const json* indexes = members.optional("indexes", Kind::array);
  if (!members.complete())
    return tl::unexpected(members.error(fmt::format("table schema for table {}", name)));
  Table table{.name = name, .is_root = is_true(is_root)};
  Maybe<Error> error;
  if (max_rows) error = parse_max_rows(*max_rows, source, table);
  if (!error) error = parse_columns(*columns, source, table);
  if (!error && indexes) {
    for (const json& index : *indexes) {
      if (!error) error = parse_index(index, source, table);
    }
  }
  if (error) return tl::unexpected(std::move(*error));
  return table;
}

bool is_version(std::string_view text) {
  std::size_t numbers = 0;
  while (true) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    ++numbers;
    text.remove_prefix(digits);
    if (text.empty()) return numbers == 3;
    if (text[0] != '.') return false;
    text.remove_prefix(1);
  }
}

Maybe<Error> check_reference(const Schema& schema, const Column& column, const BaseType& base,
                             std::string_view side) {
  if (base.ref_table.empty() || schema.find(base.ref_table)) return std::nullopt;
  return Error{"syntax error", fmt::format("column {} {} refers to undefined table {}", column.name,
                                           side, base.ref_table)};
}

Maybe<Error> check_references(const Schema& schema) {
  for (const auto& [name, table] : schema.tables) {
    for (const Column& column : table.columns) {
      if (auto error = check_reference(schema, column, column.type.key, "key")) return error;
      if (!column.type.value) continue;
      if (auto error = check_reference(schema, column, *column.type.value, "value")) return error;
    }
  }
  return std::nullopt;
}

Maybe<Error> parse_tables(const json& tables, const json& source, Schema& schema) {
  for (const auto& [name, table_source] : tables.items()) {
    if (auto error = check_name(name, source)) return error;
    auto table = parse_table(name, table_source);
    if (!table) return table.error();
    table->ordinal = schema.tables.size();
    schema.tables.emplace(name, std::move(*table));
  }
  return check_references(schema);
}

bool all_tables_are_root(const Schema& schema) {
  return std::all_of(schema.tables.begin(), schema.tables.end(),
                     [](const auto& entry) { return entry.second.is_root; });
}

bool no_table_is_root(const Schema& schema) {
  return std::none_of(schema.tables.begin(), schema.tables.end(),
                      [](const auto& entry) { return entry.second.is_root; });
}

void write_limits(const BaseType& base, json& object) {
  if (!base.allowed.empty()) {
    const ColumnType many{.key = {}, .min = 1, .max = kUnlimited};
    object["enum"] = to_json(*Datum::set(base.allowed), many);
  }
  if (base.min_integer) object["minInteger"] = *base.min_integer;
  if (base.max_integer) object["maxInteger"] = *base.max_integer;
  if (base.min_real) object["minReal"] = *base.min_real;
  if (base.max_real) object["maxReal"] = *base.max_real;
  if (base.min_length) object["minLength"] = *base.min_length;
  if (base.max_length) object["maxLength"] = *base.max_length;
  if (!base.ref_table.empty()) object["refTable"] = base.ref_table;
  if (!base.ref_table.empty() && base.ref_kind == RefKind::weak) object["refType"] = "weak";
}

json base_to_json(const BaseType& base) {
  if (base == BaseType{.type = base.type}) return std::string(to_string(base.type));
  json object = {{"type", std::string(to_string(base.type))}};
  write_limits(base, object);
  return object;
}

json type_to_json(const ColumnType& type) {
  json key = base_to_json(type.key);
  if (type.is_scalar() && key.is_string()) return key;
  json object = {{"key", std::move(key)}};
  if (type.value) object["value"] = base_to_json(*type.value);
  if (type.min != 1) object["min"] = type.min;
  if (type.max == kUnlimited) {
    object["max"] = "unlimited";
  } else if (type.max != 1) {
    object["max"] = type.max;
  }
  return object;
}

json column_to_json(const Column& column) {
  json object = {{"type", type_to_json(column.type)}};
  if (column.ephemeral) object["ephemeral"] = true;
  if (!column.is_mutable) object["mutable"] = false;
  return object;
}

json indexes_to_json(const Table& table) {
  json indexes = json::array();
  for (const auto& index : table.indexes) {
    json names = json::array();
    for (const std::size_t position : index) names.push_back(table.columns[position].name);
    indexes.push_back(std::move(names));
  }
  return indexes;
}

json table_to_json(const Table& table, bool show_root) {
  json columns = json::object();
  for (const Column& column : table.columns) columns[column.name] = column_to_json(column);
  json object = {{"columns", std::move(columns)}};
  if (table.max_rows != kUnlimited) object["maxRows"] = table.max_rows;
  if (table.is_root && show_root) object["isRoot"] = true;
  if (!table.indexes.empty()) object["indexes"] = indexes_to_json(table);
  return object;
}

}  // namespace

std::optional<std::size_t> Table::find(std::string_view column) const {
  const auto at = std::lower_bound(columns.begin(), columns.end(), column,
                                   [](const Column& a, std::string_view b) { return a.name < b; });
  if (at == columns.end() || at->name != column) return std::nullopt;
  return static_cast<std::size_t>(at - columns.begin());
}

Result<Schema> Schema::parse(const json& source) {
  Members members(source);
  const json* name_member = members.required("name", Kind::id);
  const json* version_member = members.optional("version", Kind::string);
  const json* cksum_member = members.optional("cksum", Kind::string);
  const json* tables_member = members.required("tables", Kind::object);
  if (!members.complete()) return tl::unexpected(members.error("database schema"));
  Schema schema;
  schema.name = name_member->get<std::string>();
  if (version_member) schema.version = version_member->get<std::string>();
  if (cksum_member) schema.cksum = cksum_member->get<std::string>();
  if (version_member && !is_version(schema.version)) {
    return refuse(fmt::format("schema version \"{}\" not in format x.y.z", schema.version), source);
  }
  if (auto error = parse_tables(*tables_member, source, schema)) {
    return tl::unexpected(std::move(*error));
  }
  if (no_table_is_root(schema)) {  // a schema of the time before isRoot was invented
    for (auto& [name, table] : schema.tables) table.is_root = true;
  }
  return schema;
}

json Schema::to_json() const {
  const bool show_root = !all_tables_are_root(*this);
  json table_objects = json::object();
  for (const auto& [table_name, table] : tables) {
    table_objects[table_name] = table_to_json(table, show_root);
  }
  json object = {{"name", name}, {"tables", std::move(table_objects)}};
  if (!version.empty()) object["version"] = version;
  if (!cksum.empty()) object["cksum"] = cksum;
  return object;
}

const Table* Schema::find(std::string_view table) const {
  const auto at = tables.find(table);
  return at == tables.end() ? nullptr : &at->second;
}

}  // namespace bondway::db
