#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>

#include "vswitchd/fdb/table.hpp"

// The table against a slow and simple model of itself, under random events from fixed seeds.

namespace bondway::fdb {
namespace {

constexpr Duration kIdle = 300s;

/// All entries in one list, least recently used first; every question walks it.
class Model {
 public:
  explicit Model(std::size_t max_entries) : max_(max_entries) {}

  void learn(const MacAddress& mac, PortId port, TimePoint now) {
    const auto known = find(mac);
    if (known == list_.end()) {
      make_room();
      list_.push_back({mac, port, now, false});
    } else if (!known->is_static) {
      list_.erase(known);
      list_.push_back({mac, port, now, false});
    }
  }
  void add_static(const MacAddress& mac, PortId port, TimePoint now) {
    const auto known = find(mac);
    if (known != list_.end()) {
      if (known->is_static && known->port == port) return;
      list_.erase(known);
    }
    make_room();
    list_.push_back({mac, port, now, true});
  }
  void remove_static(const MacAddress& mac) {
    const auto known = find(mac);
    if (known != list_.end() && known->is_static) list_.erase(known);
  }
  void expire(TimePoint now) {
    list_.remove_if([&](const Item& i) { return !i.is_static && i.heard + kIdle <= now; });
  }
  void flush() {
    list_.remove_if([](const Item& i) { return !i.is_static; });
  }
  void flush_port(PortId port) {
    list_.remove_if([&](const Item& i) { return i.port == port; });
  }
  std::vector<Entry> entries(TimePoint now) const {
    std::vector<Entry> all;
    for (const Item& i : list_) {
      all.push_back(
          {i.mac, 0, i.port, i.is_static ? std::nullopt : std::optional<Duration>(now - i.heard)});
    }
    return all;
  }
  /// Whether one port alone owns most entries: else the one to evict from is nobody's business.
  bool has_clear_victim() const {
    const auto counts = count();
    const auto most = std::max_element(counts.begin(), counts.end(), by_count);
    return std::count_if(counts.begin(), counts.end(),
                         [&](const auto& c) { return c.second == most->second; }) == 1;
  }
  bool is_full() const { return list_.size() >= max_; }

 private:
  struct Item {
    MacAddress mac;
    PortId port;
    TimePoint heard;
    bool is_static;
  };
  static constexpr auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };

  std::map<PortId, int> count() const {
    std::map<PortId, int> counts;
    for (const Item& item : list_) ++counts[item.port];
    return counts;
  }
  std::list<Item>::iterator find(const MacAddress& mac) {
    return std::find_if(list_.begin(), list_.end(), [&](const Item& i) { return i.mac == mac; });
  }
  void make_room() {
    if (!is_full()) return;
    const auto counts = count();
    const PortId port = std::max_element(counts.begin(), counts.end(), by_count)->first;
    list_.erase(std::find_if(list_.begin(), list_.end(),
                             [&](const Item& item) { return item.port == port; }));
  }

  std::size_t max_;
  std::list<Item> list_;
};

TEST(RandomTableTest, DoesWhatASimpleModelDoes) {
  constexpr std::size_t kMax = 40;
  std::uint64_t evicted = 0, expired = 0, moved = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto pick = [&](std::uint64_t bound) { return random() % bound; };
    Table table({.max_entries = kMax}, seed);
    Model model(kMax);
    TimePoint now{1000s};
    for (int i = 0; i < 1000; ++i) {
      const MacAddress mac = MacAddress::from_number(pick(60));
      const PortId port{static_cast<std::uint32_t>(pick(5))};
      const bool is_known = table.lookup(mac, {}, now).has_value();
      const bool ambiguous = !is_known && model.is_full() && !model.has_clear_victim();
      switch (pick(40)) {
        case 0:
          if (ambiguous) break;
          table.add_static(mac, 0, port, now);
          model.add_static(mac, port, now);
          break;
        case 1:
          table.remove_static(mac, 0);
          model.remove_static(mac);
          break;
        case 2:
          table.flush_port(port);
          model.flush_port(port);
          break;
        case 3:
          if (pick(5) != 0) break;
          table.flush();
          model.flush();
          break;
        case 4:
        case 5:
          now += std::chrono::seconds(pick(100));
          table.expire(now);
          model.expire(now);
          break;
        default:
          if (ambiguous) break;
          table.learn(mac, {}, port, now);
          model.learn(mac, port, now);
      }
      ASSERT_EQ(table.entries(now), model.entries(now));
      ASSERT_EQ(table.size(), table.entries(now).size());
    }
    evicted += table.statistics().evicted;
    expired += table.statistics().expired;
    moved += table.statistics().moved;
  }
  EXPECT_GT(evicted, 1000U);  // else this has tested less than it says
  EXPECT_GT(expired, 1000U);
  EXPECT_GT(moved, 1000U);
}

TEST(RandomTableTest, StaysBoundedUnderAMillionAddressesFromManyPorts) {
  constexpr std::size_t kMax = 8192;
  std::mt19937_64 random(1);
  Table table({.max_entries = kMax}, 42);
  TimePoint now{1000s};
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t number = random();
    table.learn(MacAddress::from_number(number & 0xfeff'ffff'ffff),
                VlanId::from_tci(static_cast<std::uint16_t>(number >> 48)),
                PortId{static_cast<std::uint32_t>(random() % 1000)}, now += 1us);
    ASSERT_LE(table.size(), kMax);
  }
  EXPECT_EQ(table.size(), kMax);
  now += 300s;
  EXPECT_EQ(table.expire(now), kMax);
}

}  // namespace
}  // namespace bondway::fdb
