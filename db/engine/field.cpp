#include "db/engine/field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/engine/json_text.hpp"

namespace bondway::db {

namespace {

const std::string kUuidName = "_uuid", kVersionName = "_version";
const ColumnType kUuidType{.key = BaseType{.type = AtomicType::uuid}};

}  // namespace

std::optional<Field> Field::find(const Table& table, std::string_view name) {
  if (name == kUuidName) return Field(Which::uuid, table);
  if (name == kVersionName) return Field(Which::version, table);
  if (const auto position = table.find(name)) return Field(Which::column, table, *position);
  return std::nullopt;
}

std::vector<Field> Field::all(const Table& table) {
  std::vector<Field> fields{Field(Which::uuid, table), Field(Which::version, table)};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    fields.push_back(Field(Which::column, table, i));
  }
  return fields;
}

Result<std::vector<Field>> Field::from_json(const nlohmann::json* names, const Table& table) {
  if (!names) return all(table);
  std::vector<Field> fields;
  const auto refuse = [&](std::string why) {
    return fail("syntax error", std::move(why), json_text(*names));
  };
  constexpr const char* kExpected = "array of distinct column names expected";
  if (!names->is_array()) return refuse(kExpected);
  for (const auto& name : *names) {
    if (!name.is_string()) return refuse(kExpected);
    const auto& text = name.get_ref<const std::string&>();
    const auto field = find(table, text);
    if (!field) return refuse(fmt::format("{} is not a valid column name", text));
    if (std::find(fields.begin(), fields.end(), *field) != fields.end()) return refuse(kExpected);
    fields.push_back(*field);
  }
  return fields;
}

const std::string& Field::name() const {
  if (which_ == Which::column) return table_->columns[position_].name;
  return which_ == Which::uuid ? kUuidName : kVersionName;
}

const ColumnType& Field::type() const {
  return which_ == Which::column ? table_->columns[position_].type : kUuidType;
}

bool Field::is_mutable() const {
  return which_ == Which::column && table_->columns[position_].is_mutable;
}

std::optional<std::size_t> Field::position() const {
  if (which_ != Which::column) return std::nullopt;
  return position_;
}

const Datum& Field::get(const Row& row, Datum& scratch) const {
  if (which_ == Which::column) return row.columns[position_];
  scratch = Datum(Atom(which_ == Which::uuid ? row.uuid : row.version));
  return scratch;
}

}  // namespace bondway::db
