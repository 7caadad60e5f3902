#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::ctl {

enum class TableFormat : std::uint8_t { list, table, html, csv, json };
enum class CellFormat : std::uint8_t { string, bare, json };
enum class Json : std::uint8_t { compact, pretty };

/// How tables are printed: ovs-vsctl(8), "Table Formatting Options".
struct TableStyle {
  TableFormat format = TableFormat::list;
  CellFormat cells = CellFormat::string;
  Json json = Json::compact;
  bool headings = true;
  std::size_t max_column_width = 0;  ///< 0: as wide as the widest cell
};

struct Cell {
  db::Datum datum;
  const db::ColumnType* type = nullptr;
  bool is_row_uuid = false;  ///< the row's own _uuid
};

struct TableText {
  std::vector<std::string> headings;
  std::vector<std::vector<Cell>> rows;
};

/// The type of the column `_uuid`.
const db::ColumnType& row_uuid_type();

/// `is_first`: no table was printed before; the others are set off by an empty line.
std::string to_text(const TableText& table, const TableStyle& style, bool is_first);

}  // namespace bondway::ctl
