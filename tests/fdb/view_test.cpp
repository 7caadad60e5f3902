#include "vswitchd/fdb/view.hpp"

#include <gtest/gtest.h>

namespace bondway::fdb {
namespace {

MacAddress mac(std::uint64_t number) { return MacAddress::from_number(number); }

PortNumber number(PortId port) { return static_cast<PortNumber>(port); }

TEST(FdbShow, AlignsItsColumnsAsTheReferenceDoes) {
  EXPECT_EQ(show(TableView{{{5, 0, mac(0x505400000001), 3999ms},
                            {kLocalPort, 5000, mac(0x00000000000b), std::nullopt},
                            {12, 65535, mac(0x505400000002), 3600s}}}),
            " port  VLAN  MAC                Age\n"
            "    5     0  50:54:00:00:00:01    3\n"
            "LOCAL  5000  00:00:00:00:00:0b  static\n"
            "   12  65535  50:54:00:00:00:02  3600\n");
}

TEST(FdbShow, PrintsItsHeaderAlsoForAnEmptyTable) {
  EXPECT_EQ(show(TableView{}), " port  VLAN  MAC                Age\n");
}

TEST(FdbShow, ShowsTheNumberThatStandsForAPort) {
  const TimePoint now{1000s};
  Table table;
  table.learn(mac(0x505400000001), VlanId::from(10).value(), PortId{7}, now);
  const TableView shown = view(table, now + 2s, number);
  EXPECT_EQ(shown, (TableView{{{7, 10, mac(0x505400000001), 2s}}}));
}

TEST(FdbStatsShow, PrintsSizesAndTotals) {
  const Statistics statistics{.entries = 10,
                              .max_entries = 11,
                              .static_entries = 2,
                              .learned = 12,
                              .expired = 3,
                              .evicted = 4,
                              .moved = 5};
  EXPECT_EQ(show("br0", statistics),
            "Statistics for bridge \"br0\":\n"
            "  Current/maximum MAC entries in the table: 10/11\n"
            "  Current static MAC entries in the table : 2\n"
            "  Total number of learned MAC entries     : 12\n"
            "  Total number of expired MAC entries     : 3\n"
            "  Total number of evicted MAC entries     : 4\n"
            "  Total number of port moved MAC entries  : 5\n");
}

TEST(FdbAdd, SaysWhatItReplaced) {
  EXPECT_EQ(show(std::nullopt, number), "");
  EXPECT_EQ(show(Table::Replaced{PortId{kLocalPort}, true}, number),
            "Overriding already existing static entry on LOCAL");
  EXPECT_EQ(show(Table::Replaced{PortId{4}, false}, number),
            "Overriding already existing dynamic entry on 4");
}

TEST(FdbAdd, ReadsTheVlanAsAtoiDoes) {  // results of the reference's fdb/add
  EXPECT_EQ(parse_vlan("10"), 10);
  EXPECT_EQ(parse_vlan("5000"), 5000);
  EXPECT_EQ(parse_vlan("70000"), 4464);
  EXPECT_EQ(parse_vlan("-1"), 65535);
  EXPECT_EQ(parse_vlan(" 12x"), 12);
  EXPECT_EQ(parse_vlan("99999999999"), 59391);
  EXPECT_EQ(parse_vlan("99999999999999999999"), 65535);
  EXPECT_EQ(parse_vlan("-99999999999999999999"), 0);
  EXPECT_EQ(parse_vlan("zz"), 0);
  EXPECT_EQ(parse_vlan(""), 0);
}

}  // namespace
}  // namespace bondway::fdb
