#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/fdb/table.hpp"

namespace bondway::fdb {

/// An OpenFlow port number, as the output shows it.
using PortNumber = std::uint16_t;
inline constexpr PortNumber kLocalPort = 65534;

/// Finds the number that stands for a port: for a bond, that of its first interface.
using PortNumbers = std::function<PortNumber(PortId)>;

/// What `fdb/show` says about a bridge's table, least recently used entry first.
struct TableView {
  struct Row {
    PortNumber port = 0;
    std::uint16_t vlan = 0;
    MacAddress mac;
    std::optional<Duration> age;  ///< none: static
    bool operator==(const Row&) const = default;
  };
  std::vector<Row> rows;
  bool operator==(const TableView&) const = default;
};

TableView view(const Table& table, TimePoint now, const PortNumbers& numbers);

/// `fdb/show`.
std::string show(const TableView& table);
/// `fdb/stats-show`.
std::string show(std::string_view bridge, const Statistics& statistics);
/// What `fdb/add` answers; empty when nothing was replaced.
std::string show(const std::optional<Table::Replaced>& replaced, const PortNumbers& numbers);

/// The VLAN argument of `fdb/add` and `fdb/del`: a leading decimal integer, anything else is 0.
std::uint16_t parse_vlan(std::string_view text);

}  // namespace bondway::fdb
