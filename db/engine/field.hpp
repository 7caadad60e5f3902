#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/error.hpp"
#include "db/engine/schema.hpp"

namespace bondway::db {

/// A column as a client names it: one of a table's own, or the implicit `_uuid` or `_version`.
class Field {
 public:
  static std::optional<Field> find(const Table& table, std::string_view name);
  /// `_uuid`, `_version`, then the table's own columns.
  static std::vector<Field> all(const Table& table);
  /// A JSON array of different names; empty pointer: all.
  static Result<std::vector<Field>> from_json(const nlohmann::json* names, const Table& table);

  const std::string& name() const;
  const ColumnType& type() const;
  bool is_mutable() const;
  bool is_uuid() const { return which_ == Which::uuid; }
  /// The position in Table::columns; empty for an implicit one.
  std::optional<std::size_t> position() const;

  /// What a row holds.  `scratch` keeps the value of an implicit column.
  const Datum& get(const Row& row, Datum& scratch) const;

  bool operator==(const Field&) const = default;

 private:
  enum class Which : std::uint8_t { uuid, version, column };
  Field(Which which, const Table& table, std::size_t position = 0)
      : which_(which), table_(&table), position_(position) {}

  Which which_;
  const Table* table_;
  std::size_t position_;
};

}  // namespace bondway::db
