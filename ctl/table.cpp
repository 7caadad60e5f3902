#include "ctl/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/text.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bare_atom(const Atom& atom) {
  const auto* text = std::get_if<std::string>(&atom);
  return text != nullptr ? *text : db::to_text(atom);
}

std::string bare_text(const db::Datum& datum) {
  std::string out;
  for (std::size_t i = 0; i < datum.size(); ++i) {
    if (i > 0) out += ' ';
    out += bare_atom(datum.keys()[i]);
    if (datum.is_map()) out += '=' + bare_atom(datum.values()[i]);
  }
  return out;
}

std::string cell_text(const Cell& cell, CellFormat format) {
  switch (format) {
    case CellFormat::bare:
      return bare_text(cell.datum);
    case CellFormat::json:
      return db::json_text(db::to_json(cell.datum, *cell.type));
    case CellFormat::string:
      break;
  }
  return db::to_text(cell.datum, *cell.type);
}

// ---------------------------------------------------------------- list

std::string list_text(const TableText& table, const TableStyle& style) {
  std::string out;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (row > 0) out += '\n';
    for (std::size_t column = 0; column < table.headings.size(); ++column) {
      if (style.headings) {
        fmt::format_to(std::back_inserter(out), "{:<20}: ", table.headings[column]);
      }
      out += cell_text(table.rows[row][column], style.cells);
      out += '\n';
    }
  }
  return out;
}

// ---------------------------------------------------------------- table

std::vector<std::vector<std::string>> cell_texts(const TableText& table, const TableStyle& style) {
  std::vector<std::vector<std::string>> texts;
  for (const auto& row : table.rows) {
    std::vector<std::string>& line = texts.emplace_back();
    for (const Cell& cell : row) line.push_back(cell_text(cell, style.cells));
  }
  return texts;
}

void append_line(std::string& out, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ' ';
    line += cells[i].substr(0, widths[i]);
    line.append(widths[i] - std::min(widths[i], cells[i].size()), ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

std::string table_text(const TableText& table, const TableStyle& style) {
  const auto texts = cell_texts(table, style);
  std::vector<std::size_t> widths;
  std::vector<std::string> rules;
  for (std::size_t column = 0; column < table.headings.size(); ++column) {
    const std::size_t heading = style.headings ? table.headings[column].size() : 0;
    std::size_t width = heading;
    for (const auto& row : texts) width = std::max(width, row[column].size());
    if (style.max_column_width > 0) {
      width = std::min(width, std::max(style.max_column_width, heading));
    }
    widths.push_back(width);
    rules.emplace_back(width, '-');
  }
  std::string out;
  if (style.headings) {
    append_line(out, table.headings, widths);
    append_line(out, rules, widths);
  }
  for (const auto& row : texts) append_line(out, row, widths);
  return out;
}

// ---------------------------------------------------------------- csv

void append_csv_line(std::string& out, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (cells[i].find_first_of("\",\n") == std::string::npos) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (const char c : cells[i]) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += '"';
  }
  out += '\n';
}

std::string csv_text(const TableText& table, const TableStyle& style) {
  std::string out;
  if (style.headings) append_csv_line(out, table.headings);
  for (const auto& row : cell_texts(table, style)) append_csv_line(out, row);
  return out;
}

// ---------------------------------------------------------------- html

constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kShownOfUuid = 8;

std::string html_link(std::string_view kind, std::string_view text) {
  return fmt::format(R"(<a {}{}">{}</a>)", kind, escape_html(text),
                     escape_html(text.substr(0, kShownOfUuid)));
}

/// A row's own uuid is the target of links; whatever looks like a uuid elsewhere is one.
std::string html_cell(const Cell& cell, CellFormat format) {
  const std::string text = cell_text(cell, format);
  if (cell.is_row_uuid) return html_link("name=\"", text);
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const bool is_uuid = db::Uuid::parse(rest.substr(0, kUuidLength)).has_value();
    const std::size_t length = is_uuid ? kUuidLength : 1;
    out += is_uuid ? html_link("href=\"#", rest.substr(0, length))
                   : escape_html(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return out;
}

std::string html_text(const TableText& table, const TableStyle& style) {
  std::string out = "<table border=1>\n";
  if (style.headings) {
    out += "  <tr>\n";
    for (const std::string& heading : table.headings) {
      out += "    <th>" + escape_html(heading) + "</th>\n";
    }
    out += "  </tr>\n";
  }
  for (const auto& row : table.rows) {
    out += "  <tr>\n";
    for (const Cell& cell : row) out += "    <td>" + html_cell(cell, style.cells) + "</td>\n";
    out += "  </tr>\n";
  }
  return out + "</table>\n";
}

// ---------------------------------------------------------------- json

/// Closing brackets stay on the line of the last element.
void append_pretty(std::string& out, const nlohmann::json& json, std::size_t depth) {
  const auto indent = [&out](std::size_t levels) { out += '\n' + std::string(2 * levels, ' '); };
  if (json.empty() || !json.is_structured()) {
    db::append_json(out, json);
    return;
  }
  out += json.is_array() ? '[' : '{';
  bool first = true;
  for (const auto& item : json.items()) {
    if (!std::exchange(first, false)) out += ',';
    indent(depth + 1);
    if (json.is_object()) {
      db::append_json_string(out, item.key());
      out += ": ";
    }
    append_pretty(out, item.value(), depth + 1);
  }
  out += json.is_array() ? ']' : '}';
}

std::string json_text(const TableText& table, const TableStyle& style) {
  nlohmann::json data = nlohmann::json::array();
  for (const auto& row : table.rows) {
    nlohmann::json& line = data.emplace_back(nlohmann::json::array());
    for (const Cell& cell : row) line.push_back(db::to_json(cell.datum, *cell.type));
  }
  nlohmann::json json{{"data", std::move(data)}, {"headings", table.headings}};
  if (style.json == Json::compact) return db::json_text(json) + '\n';
  std::string out;
  append_pretty(out, json, 0);
  return out + '\n';
}

}  // namespace

const db::ColumnType& row_uuid_type() {
  static const db::ColumnType type{db::BaseType{.type = db::AtomicType::uuid}, std::nullopt, 1, 1};
  return type;
}

std::string to_text(const TableText& table, const TableStyle& style, bool is_first) {
  const std::string gap = is_first ? "" : "\n";
  switch (style.format) {
    case TableFormat::html:
      return html_text(table, style);
    case TableFormat::json:
      return json_text(table, style);
    case TableFormat::table:
      return gap + table_text(table, style);
    case TableFormat::csv:
      return gap + csv_text(table, style);
    case TableFormat::list:
      break;
  }
  return gap + list_text(table, style);
}

}  // namespace bondway::ctl
