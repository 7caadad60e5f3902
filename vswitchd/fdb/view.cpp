#include "vswitchd/fdb/view.hpp"

#include <fmt/format.h>

#include <cctype>
#include <iterator>

namespace bondway::fdb {
namespace {

std::string port_name(PortNumber port) {
  return port == kLocalPort ? "LOCAL" : fmt::to_string(port);
}

}  // namespace

TableView view(const Table& table, TimePoint now, const PortNumbers& numbers) {
  TableView view;
  view.rows.reserve(table.size());
  for (const Entry& entry : table.entries(now)) {
    view.rows.push_back({numbers(entry.port), entry.vlan, entry.mac, entry.age});
  }
  return view;
}

std::string show(const TableView& table) {
  std::string text = " port  VLAN  MAC                Age\n";
  const std::back_insert_iterator out(text);
  for (const TableView::Row& row : table.rows) {
    fmt::format_to(out, "{:>5}  {:>4}  {}  ", port_name(row.port), row.vlan, to_string(row.mac));
    if (row.age) {
      fmt::format_to(out, "{:>3}\n", to_ms(*row.age) / 1000);
    } else {
      fmt::format_to(out, "static\n");
    }
  }
  return text;
}

std::string show(std::string_view bridge, const Statistics& statistics) {
  return fmt::format(
      "Statistics for bridge \"{}\":\n"
      "  Current/maximum MAC entries in the table: {}/{}\n"
      "  Current static MAC entries in the table : {}\n"
      "  Total number of learned MAC entries     : {}\n"
      "  Total number of expired MAC entries     : {}\n"
      "  Total number of evicted MAC entries     : {}\n"
      "  Total number of port moved MAC entries  : {}\n",
      bridge, statistics.entries, statistics.max_entries, statistics.static_entries,
      statistics.learned, statistics.expired, statistics.evicted, statistics.moved);
}

std::string show(const std::optional<Table::Replaced>& replaced, const PortNumbers& numbers) {
  if (!replaced) return {};
  return fmt::format("Overriding already existing {} entry on {}",
                     replaced->was_static ? "static" : "dynamic",
                     port_name(numbers(replaced->port)));
}

std::uint16_t parse_vlan(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr std::uint64_t kLimit = 0x7fff'ffff'ffff'ffff;  // as strtol(3) saturates
  std::uint64_t number = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    number = number > (kLimit - digit) / 10 ? kLimit + (negative ? 1 : 0) : number * 10 + digit;
  }
  return static_cast<std::uint16_t>(negative ? 0 - number : number);
}

}  // namespace bondway::fdb
