#include "vswitchd/datapath/flow_cache.hpp"

#include <gtest/gtest.h>

#include "tests/bridge/plan_builder.hpp"

namespace bondway::datapath {
namespace {

using bridge::InterfaceId;
constexpr InterfaceId kIn{1};
constexpr std::uint64_t kPlan = 7;

Headers headers(std::uint64_t source) { return bridge::frame(source, 0x0200'0000'00bb); }

FlowKey key(const Headers& headers, FlowKey::Depth depth = FlowKey::Depth::link) {
  return FlowKey(kIn, headers, depth);
}

bridge::Journey journey_to(std::uint32_t interface) {
  bridge::Journey journey;
  journey.sent.push_back({InterfaceId{interface}, {}});
  return journey;
}

TEST(FlowKeyTest, TellsFramesApartByEveryFieldThatAVerdictMayDependOn) {
  const Headers one = headers(1);
  std::vector<Headers> others(8, one);
  others[0].source = MacAddress::from_number(2);
  others[1].destination = MacAddress::from_number(3);
  others[2].outer = VlanTag{0x8100, 0};
  others[3].outer = VlanTag{0x8100, 0x2001};
  others[4].type = kArpType;
  others[5].gratuitous_arp = true;
  others[6].slow_subtype = 1;
  others[7].outer = VlanTag{0x88a8, 0};
  others.push_back(others[2]);
  others.back().inner = VlanTag{0x8100, 0};
  for (std::size_t i = 0; i < others.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_NE(key(one), key(others[i]));
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(key(others[j]), key(others[i])) << j;
  }
  EXPECT_NE(key(one), FlowKey(InterfaceId{2}, one, FlowKey::Depth::link));
}

TEST(FlowKeyTest, LooksAtPortsOnlyWhenABondDoes) {
  Headers one = headers(1), other = headers(1);
  other.flow.source_port = 99;
  EXPECT_EQ(key(one), key(other));
  EXPECT_NE(key(one, FlowKey::Depth::transport), key(other, FlowKey::Depth::transport));
  EXPECT_NE(key(one), key(one, FlowKey::Depth::transport)) << "never mixed up";
}

TEST(FlowCacheTest, FindsWhatThePlanInForceHasFound) {
  FlowCache cache(1);
  EXPECT_EQ(cache.find(key(headers(1)), kPlan), nullptr);
  cache.insert(key(headers(1)), kPlan, journey_to(5), TimePoint());
  ASSERT_NE(cache.find(key(headers(1)), kPlan), nullptr);
  EXPECT_EQ(cache.find(key(headers(1)), kPlan)->journey.sent.front().interface, InterfaceId{5});
  EXPECT_EQ(cache.find(key(headers(2)), kPlan), nullptr);
  EXPECT_EQ(cache.find(key(headers(1)), kPlan + 1), nullptr) << "dies with its plan";
}

TEST(FlowCacheTest, CountsOnceAtEveryPlaceOfTheJourney) {
  bridge::BucketLoad load;
  bridge::Traffic traffic;
  bridge::Journey journey = journey_to(5);
  bridge::MirrorCount mirror;
  journey.credits.push_back({.load = &load, .bucket = 17});
  journey.credits.push_back({.mirror = &mirror});
  journey.credits.push_back({.traffic = &traffic, .arrived = true});
  FlowCache cache(1);
  Flow& flow = cache.insert(key(headers(1)), kPlan, journey, TimePoint());
  cache.count(flow, 60, TimePoint());
  cache.count(flow, 100, TimePoint(3s));
  EXPECT_EQ(load.octets[17], 0u) << "not with every frame";
  cache.settle();
  cache.settle();
  EXPECT_EQ(load.octets[17], 160u);
  EXPECT_EQ(mirror.packets, 2u);
  EXPECT_EQ(mirror.octets, 160u);
  EXPECT_EQ(traffic.rx_packets, 2u);
  EXPECT_EQ(traffic.rx_octets, 160u);
  EXPECT_EQ(flow.packets, 2u);
  EXPECT_EQ(flow.octets, 160u);
  EXPECT_EQ(flow.last_used, TimePoint(3s));
}

TEST(FlowCacheTest, IsBoundedAndKeepsWhatIsInUse) {
  bridge::BucketLoad load;
  bridge::Journey journey = journey_to(5);
  journey.credits.push_back({.load = &load, .bucket = 1});
  FlowCache cache(1);
  for (std::uint64_t source = 1; source <= 20 * FlowCache::kCapacity; ++source) {
    Flow* known = cache.find(key(headers(0)), kPlan);
    if (known == nullptr) known = &cache.insert(key(headers(0)), kPlan, journey, TimePoint());
    ASSERT_EQ(known->packets, source - 1);
    cache.count(*known, 1, TimePoint());
    cache.count(cache.insert(key(headers(source)), kPlan, journey, TimePoint()), 1, TimePoint());
  }
  std::size_t flows = 0;
  cache.for_each(kPlan, [&](const Flow&) { ++flows; });
  EXPECT_LE(flows, FlowCache::kCapacity);
  EXPECT_GT(flows, FlowCache::kCapacity / 2);
  cache.settle();
  EXPECT_EQ(load.octets[1], 2 * 20 * FlowCache::kCapacity) << "what was driven out counts, too";
}

}  // namespace
}  // namespace bondway::datapath
