// Writes the schema of the Open_vSwitch database as constants of C++; see known_schema.hpp.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/engine/schema.hpp"
#include "db/engine/schemas.hpp"

namespace {

using namespace bondway;  // NOLINT(google-build-using-namespace): this is the program's main file

std::string base_text(const db::BaseType& base) {
  if (base.min_real || base.max_real || base.min_length || base.max_length) {
    throw std::logic_error("a limit that the constants have no place for");
  }
  std::string words;
  for (const db::Atom& atom : base.allowed) {
    words += (words.empty() ? "" : " ") + std::get<std::string>(atom);
  }
  const auto limit = [](const auto& number, std::string_view none) {
    return number ? fmt::format("{}", *number) : fmt::format("BaseData{{}}.{}", none);
  };
  return fmt::format("{{db::AtomicType{{{}}}, \"{}\", {}, {}, \"{}\", db::RefKind{{{}}}}}",
                     static_cast<int>(base.type), words, limit(base.min_integer, "least"),
                     limit(base.max_integer, "most"), base.ref_table,
                     static_cast<int>(base.ref_kind));
}

void write_columns(const db::Table& table) {
  fmt::print("constexpr ColumnData k{}[] = {{\n", table.name);
  for (const db::Column& column : table.columns) {
    fmt::print("    {{\"{}\", {}, {}, {}, {}, {}, {}, {}}},\n", column.name,
               base_text(column.type.key), base_text(column.type.value.value_or(db::BaseType{})),
               column.type.is_map(), column.type.min, column.type.max, column.ephemeral,
               column.is_mutable);
  }
  fmt::print("}};\n\n");
}

std::string indexes_text(const db::Table& table) {
  std::string text;
  for (const auto& index : table.indexes) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", fmt::join(index, " "));
  }
  return text;
}

}  // namespace

int main() {
  const auto schema = db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text()));
  fmt::print("#include \"ctl/schema_data.hpp\"\n\nnamespace bondway::ctl {{\nnamespace {{\n\n");
  for (const auto& [name, table] : schema->tables) write_columns(table);
  fmt::print("constexpr TableData kTables[] = {{\n");
  for (const auto& [name, table] : schema->tables) {
    fmt::print("    {{\"{0}\", k{0}, \"{1}\", {2}U, {3}}},\n", name, indexes_text(table),
               table.max_rows, table.is_root);
  }
  fmt::print(
      "}};\nconstexpr SchemaData kSchema = {{\"{}\", \"{}\", \"{}\", kTables}};\n\n}}  // "
      "namespace\n\n"
      "const SchemaData& schema_data() {{ return kSchema; }}\n\n}}  // namespace bondway::ctl\n",
      schema->name, schema->version, schema->cksum);
}
