#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "db/engine/schema.hpp"

namespace bondway::ctl {

/// A schema as constants: what schema_writer.cpp writes and known_schema() reads.

struct BaseData {
  db::AtomicType type{};
  std::string_view words{};  ///< the allowed strings, a blank between
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::string_view ref_table{};
  db::RefKind ref_kind = db::RefKind::strong;
};

struct ColumnData {
  std::string_view name;
  BaseData key, value;
  bool is_map;
  std::uint32_t min, max;
  bool ephemeral, is_mutable;
};

struct TableData {
  std::string_view name;
  std::span<const ColumnData> columns;
  std::string_view indexes;  ///< positions of columns; a blank between, a comma between indexes
  std::uint32_t max_rows;
  bool is_root;
};

struct SchemaData {
  std::string_view name, version, cksum;
  std::span<const TableData> tables;  ///< by name
};

/// In the file that schema_writer.cpp writes.
const SchemaData& schema_data();

}  // namespace bondway::ctl
