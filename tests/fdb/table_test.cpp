#include "vswitchd/fdb/table.hpp"

#include <gmock/gmock.h>

namespace bondway::fdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Learned = Table::Learned;

constexpr PortId kA{1}, kB{2}, kC{3};

MacAddress mac(std::uint64_t number) { return MacAddress::from_number(0x505400000000 + number); }
VlanId vlan(int number) { return VlanId::from(number).value(); }

class TableTest : public testing::Test {
 protected:
  Learned learn(std::uint64_t number, PortId port, Arrival arrival = Arrival::ordinary) {
    return table.learn(mac(number), {}, port, now, arrival);
  }
  std::optional<PortId> port_of(std::uint64_t number) const {
    const auto found = table.lookup(mac(number), {}, now);
    return found ? std::optional(found->port) : std::nullopt;
  }
  /// The table's addresses, least recently used first.
  std::vector<std::uint64_t> order() const {
    std::vector<std::uint64_t> numbers;
    for (const Entry& entry : table.entries(now)) {
      numbers.push_back(entry.mac.number() - mac(0).number());
    }
    return numbers;
  }
  void resize(std::size_t max_entries) {
    TableConfig config = table.config();
    config.max_entries = max_entries;
    table.configure(config);
  }

  TimePoint now{1000s};
  Table table;
};

// ---- learning

TEST_F(TableTest, LearnsWhereAStationIs) {
  EXPECT_EQ(port_of(1), std::nullopt);
  EXPECT_EQ(learn(1, kA), Learned::added);
  EXPECT_EQ(port_of(1), kA);
  EXPECT_EQ(learn(1, kA), Learned::refreshed);
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(TableTest, MovesAStationThatIsHeardElsewhereAtOnce) {
  learn(1, kA);
  EXPECT_EQ(learn(1, kB), Learned::moved);
  EXPECT_EQ(port_of(1), kB);
  EXPECT_EQ(table.statistics().moved, 1U);
}

TEST_F(TableTest, KeepsVlansApart) {
  table.learn(mac(1), vlan(10), kA, now);
  table.learn(mac(1), vlan(20), kB, now);
  EXPECT_EQ(table.lookup(mac(1), vlan(10), now)->port, kA);
  EXPECT_EQ(table.lookup(mac(1), vlan(20), now)->port, kB);
  EXPECT_EQ(table.lookup(mac(1), {}, now), std::nullopt);
}

TEST_F(TableTest, NeverLearnsAMulticastSource) {
  EXPECT_EQ(table.learn(kBroadcastMac, {}, kA, now), Learned::refused);
  EXPECT_EQ(table.learn(MacAddress::from_number(0x0100'0000'0000), {}, kA, now), Learned::refused);
  EXPECT_EQ(table.size(), 0U);
}

// ---- age

TEST_F(TableTest, ForgetsAStationThatIsSilentForTheIdleTime) {
  learn(1, kA);
  EXPECT_EQ(table.deadline(), now + 300s);
  now += 300s - 1ms;
  EXPECT_EQ(table.expire(now), 0U);
  now += 1ms;
  EXPECT_EQ(table.expire(now), 1U);
  EXPECT_EQ(port_of(1), std::nullopt);
  EXPECT_EQ(table.deadline(), std::nullopt);
  EXPECT_EQ(table.statistics().expired, 1U);
}

TEST_F(TableTest, RefreshesTheAgeWithEveryFrame) {
  learn(1, kA);
  learn(2, kA);
  now += 200s;
  learn(1, kA);
  EXPECT_EQ(table.entries(now)[0].age, 200s);
  EXPECT_EQ(table.entries(now)[1].age, 0s);
  now += 100s;
  EXPECT_EQ(table.expire(now), 1U);
  EXPECT_EQ(port_of(1), kA);
  EXPECT_EQ(port_of(2), std::nullopt);
}

TEST_F(TableTest, MovesAllDeadlinesWhenTheIdleTimeChanges) {
  learn(1, kA);
  table.configure({.idle_time = 60s});
  EXPECT_EQ(table.deadline(), now + 60s);
  table.configure({.idle_time = 3600s});
  EXPECT_EQ(table.deadline(), now + 3600s);
}

TEST_F(TableTest, ListsTheLeastRecentlyUsedEntryFirst) {
  for (const std::uint64_t number : {1U, 2U, 3U}) learn(number, kA);
  table.add_static(mac(4), 0, kA, now);
  learn(5, kB);
  learn(2, kA);
  EXPECT_THAT(order(), ElementsAre(1, 3, 4, 5, 2));
}

// ---- size

TEST_F(TableTest, EvictsFromThePortWithMostEntriesItsLeastRecentlyUsed) {
  resize(10);
  learn(100, kB);
  for (std::uint64_t number = 1; number <= 9; ++number) learn(number, kA);
  learn(1, kA);
  learn(10, kA);
  EXPECT_EQ(port_of(2), std::nullopt);
  EXPECT_EQ(port_of(1), kA);
  EXPECT_EQ(port_of(100), kB);
  EXPECT_EQ(table.statistics().evicted, 1U);
  EXPECT_EQ(table.size(), 10U);
}

TEST_F(TableTest, KeepsTheOthersStationsWhileOnePortFloods) {
  resize(100);
  for (std::uint64_t number = 0; number < 20; ++number) learn(number, kA);
  for (std::uint64_t number = 20; number < 40; ++number) learn(number, kC);
  for (std::uint64_t number = 1000; number < 100'000; ++number) learn(number, kB);
  for (std::uint64_t number = 0; number < 40; ++number) EXPECT_NE(port_of(number), std::nullopt);
  EXPECT_EQ(table.size(), 100U);
}

TEST_F(TableTest, LetsAPortReachItsShareOfATableThatAFloodHasFilled) {
  resize(100);
  for (std::uint64_t number = 1000; number < 10'000; ++number) learn(number, kB);
  for (std::uint64_t number = 0; number < 50; ++number) learn(number, kA);
  for (std::uint64_t number = 0; number < 50; ++number) EXPECT_EQ(port_of(number), kA);
}

TEST_F(TableTest, EvictsStaticEntriesToo) {
  resize(2);
  table.add_static(mac(1), 0, kA, now);
  table.add_static(mac(2), 0, kA, now);
  learn(3, kB);
  EXPECT_EQ(port_of(1), std::nullopt);
  EXPECT_EQ(table.statistics().static_entries, 1U);
  EXPECT_EQ(table.statistics().evicted, 1U);
}

TEST_F(TableTest, ExpiresTheLeastRecentlyUsedLearnedEntriesForASmallerMaximum) {
  table.add_static(mac(1), 0, kA, now);
  for (std::uint64_t number = 2; number <= 6; ++number) learn(number, kA);
  resize(3);
  EXPECT_THAT(order(), ElementsAre(1, 5, 6));
  EXPECT_EQ(table.statistics().expired, 3U);
  EXPECT_EQ(table.statistics().evicted, 0U);
}

TEST_F(TableTest, KeepsMoreStaticEntriesThanASmallerMaximumAllows) {  // as the reference does
  for (std::uint64_t number = 1; number <= 5; ++number) table.add_static(mac(number), 0, kA, now);
  resize(3);
  EXPECT_EQ(table.size(), 5U);
  learn(9, kB);
  EXPECT_LE(table.size(), 5U);
}

// ---- static entries

TEST_F(TableTest, NeitherAgesNorMovesAStaticEntry) {
  EXPECT_EQ(table.add_static(mac(1), 0, kA, now), std::nullopt);
  EXPECT_EQ(learn(1, kB), Learned::refused);
  EXPECT_EQ(learn(1, kA), Learned::refreshed);
  now += 24h;
  EXPECT_EQ(table.expire(now), 0U);
  EXPECT_EQ(table.lookup(mac(1), {}, now), (Table::Found{kA, true, false}));
  EXPECT_EQ(table.entries(now), (std::vector<Entry>{{mac(1), 0, kA, std::nullopt}}));
  EXPECT_EQ(table.statistics().learned, 0U);
}

TEST_F(TableTest, DoesNotCountAFrameAsUseOfAStaticEntry) {
  table.add_static(mac(1), 0, kA, now);
  learn(2, kA);
  learn(1, kA);
  EXPECT_THAT(order(), ElementsAre(1, 2));
}

TEST_F(TableTest, SaysWhatAStaticEntryReplaces) {
  using Replaced = Table::Replaced;
  learn(1, kA);
  EXPECT_EQ(table.add_static(mac(1), 0, kA, now), (Replaced{kA, false}));
  EXPECT_EQ(table.add_static(mac(1), 0, kA, now), (Replaced{kA, true}));
  EXPECT_EQ(table.add_static(mac(1), 0, kB, now), (Replaced{kA, true}));
  EXPECT_EQ(port_of(1), kB);
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(TableTest, TakesStaticEntriesOfAnyAddressAndSixteenBitVlan) {
  table.add_static(kBroadcastMac, 5000, kA, now);
  EXPECT_EQ(table.entries(now)[0].vlan, 5000);
  EXPECT_TRUE(table.remove_static(kBroadcastMac, 5000));
}

TEST_F(TableTest, RemovesOnlyStaticEntriesOnCommand) {
  learn(1, kA);
  table.add_static(mac(2), 0, kA, now);
  EXPECT_FALSE(table.remove_static(mac(1), 0));
  EXPECT_FALSE(table.remove_static(mac(2), 7));
  EXPECT_TRUE(table.remove_static(mac(2), 0));
  EXPECT_FALSE(table.remove_static(mac(2), 0));
  EXPECT_THAT(order(), ElementsAre(1));
}

// ---- gratuitous ARP

TEST_F(TableTest, LocksAnEntryForFiveSecondsAgainstGratuitousArpsFromBonds) {
  learn(1, kA, Arrival::gratuitous_arp_on_plain_port);
  now += 5s - 1ms;
  EXPECT_TRUE(table.lookup(mac(1), {}, now)->locked);
  EXPECT_EQ(learn(1, kB, Arrival::gratuitous_arp_on_bond), Learned::refused);
  EXPECT_EQ(port_of(1), kA);
  EXPECT_EQ(table.entries(now).front().age, 0s) << "it was heard none the less";
  now += 1ms;
  EXPECT_FALSE(table.lookup(mac(1), {}, now)->locked);
  EXPECT_EQ(learn(1, kB, Arrival::gratuitous_arp_on_bond), Learned::moved);
}

TEST_F(TableTest, LocksAKnownEntryAnewToo) {
  learn(1, kA);
  EXPECT_FALSE(table.lookup(mac(1), {}, now)->locked);
  learn(1, kA, Arrival::gratuitous_arp_on_plain_port);
  EXPECT_TRUE(table.lookup(mac(1), {}, now)->locked);
}

TEST_F(TableTest, DoesNotLockAgainstOrdinaryFramesOrPlainPorts) {
  learn(1, kA, Arrival::gratuitous_arp_on_plain_port);
  EXPECT_EQ(learn(1, kB), Learned::moved);
  EXPECT_EQ(learn(1, kA, Arrival::gratuitous_arp_on_plain_port), Learned::moved);
}

TEST_F(TableTest, IsNotLockedByAGratuitousArpOnABond) {
  learn(1, kA, Arrival::gratuitous_arp_on_bond);
  EXPECT_FALSE(table.lookup(mac(1), {}, now)->locked);
}

// ---- flushing

TEST_F(TableTest, KeepsStaticEntriesWhenFlushed) {
  learn(1, kA);
  table.add_static(mac(2), 0, kA, now);
  learn(3, kB);
  table.flush();
  EXPECT_THAT(order(), ElementsAre(2));
  EXPECT_EQ(table.statistics(), (Statistics{.entries = 1,
                                            .max_entries = 8192,
                                            .static_entries = 1,
                                            .learned = 2,
                                            .expired = 0,
                                            .evicted = 0,
                                            .moved = 0}));
}

TEST_F(TableTest, ForgetsEverythingAboutOnePort) {
  learn(1, kA);
  learn(2, kB);
  table.add_static(mac(3), 0, kA, now);
  table.flush_port(kA);
  table.flush_port(kC);
  EXPECT_THAT(order(), ElementsAre(2));
}

TEST_F(TableTest, ForgetsOneEntry) {
  learn(1, kA);
  EXPECT_TRUE(table.forget(mac(1), {}));
  EXPECT_FALSE(table.forget(mac(1), {}));
}

TEST_F(TableTest, ClearsItsTotalsOnly) {
  learn(1, kA);
  table.clear_statistics();
  EXPECT_EQ(table.statistics().learned, 0U);
  EXPECT_EQ(table.statistics().entries, 1U);
}

// ---- what others build on it

TEST_F(TableTest, AnAnswerHoldsUntilItChanges) {
  Table::Stamp stamp = table.stamp(mac(1), {});
  const auto changed = [&] {
    const bool held = table.holds(std::exchange(stamp, table.stamp(mac(1), {})));
    return !held;
  };
  EXPECT_FALSE(changed());
  learn(1, kA);
  EXPECT_TRUE(changed());
  learn(1, kA);
  EXPECT_FALSE(changed());
  learn(1, kB);
  EXPECT_TRUE(changed());
  table.add_static(mac(1), 0, kB, now);
  EXPECT_TRUE(changed());
  table.add_static(mac(1), 0, kB, now);
  EXPECT_FALSE(changed());
  table.flush();
  EXPECT_FALSE(changed());
  table.flush_port(kB);
  EXPECT_TRUE(changed());
  now += table.config().idle_time;
  EXPECT_FALSE(changed());
  learn(1, kA);
  EXPECT_TRUE(changed());
  table.expire(now += table.config().idle_time);
  EXPECT_TRUE(changed());
}

TEST_F(TableTest, WhatIsKnownOutlastsAFlood) {
  resize(2048);
  std::vector<Table::Stamp> known;
  for (unsigned i = 0; i < 256; ++i) {
    learn(i, kA);
    known.push_back(table.stamp(mac(i), {}));
  }
  const Table::Stamp unknown = table.stamp(mac(9999), {});
  for (unsigned i = 0; i < 20000; ++i) learn(10000 + i, kB);
  for (const Table::Stamp& stamp : known) EXPECT_TRUE(table.holds(stamp));
  EXPECT_FALSE(table.holds(unknown)) << "for all one can tell";
}

TEST_F(TableTest, AnAnswerAboutAnEntryDoesNotPassToItsSuccessor) {
  learn(1, kA);
  const Table::Stamp stamp = table.stamp(mac(1), {});
  table.flush();
  EXPECT_FALSE(table.holds(stamp));
  learn(2, kA);  // in the same place
  EXPECT_FALSE(table.holds(stamp));
  learn(1, kA);
  EXPECT_FALSE(table.holds(stamp));
}

TEST_F(TableTest, NamesTheStationsBehindAllPortsButOne) {
  learn(1, kA);
  learn(2, kB);
  table.add_static(mac(3), 0, kC, now);
  std::vector<MacAddress> macs;
  for (const Entry& entry : table.entries_elsewhere(kB, now)) macs.push_back(entry.mac);
  EXPECT_THAT(macs, testing::UnorderedElementsAre(mac(1), mac(3)));
}

TEST_F(TableTest, IsEmptyAtFirst) {
  EXPECT_THAT(table.entries(now), IsEmpty());
  EXPECT_EQ(table.deadline(), std::nullopt);
  EXPECT_EQ(table.expire(now), 0U);
  table.flush();
}

}  // namespace
}  // namespace bondway::fdb
