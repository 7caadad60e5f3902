#include "vswitchd/bridge/journey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bridge/plan_builder.hpp"

namespace bondway::bridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kA = 0x0200'0000'000a, kB = 0x0200'0000'000b;
constexpr std::uint64_t kBroadcast = 0xffff'ffff'ffff;

class JourneyTest : public testing::Test {
 protected:
  Journey go(const Headers& headers, InterfaceId in) {
    return travel(headers, 60, in, builder.build(), TimePoint());
  }
  PlanBuilder builder;
  BridgeId br0 = builder.add_bridge(), br1 = builder.add_bridge();
};

TEST_F(JourneyTest, CrossesPatchesAndTeachesEveryBridge) {
  const auto host = builder.add_port(br0), left = builder.add_port(br0);
  const auto right = builder.add_port(br1), far = builder.add_port(br1);
  builder.patch(left, right);

  EXPECT_THAT(go(frame(kA, kBroadcast), host).sent, ElementsAre(Delivery{far, {}}));
  const auto entry =
      builder.bridge(br1).macs->lookup(MacAddress::from_number(kA), VlanId(), TimePoint());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->port, builder.interface(right).port);
  EXPECT_EQ(builder.interface(left).traffic->tx_octets, 60u);
  EXPECT_EQ(builder.interface(right).traffic->rx_packets, 1u);

  EXPECT_THAT(go(frame(kB, kA), far).sent, ElementsAre(Delivery{host, {}})) << "and the way back";
}

TEST_F(JourneyTest, AnswersWithOneEditForTheWholeWay) {
  PortPlan access10, access20;
  access10.vlan.mode = access20.vlan.mode = VlanMode::access;
  access10.vlan.tag = VlanId::from(10).value();
  access20.vlan.tag = VlanId::from(20).value();
  const auto host = builder.add_port(br0, access10), left = builder.add_port(br0);
  const auto right = builder.add_port(br1, access20), far = builder.add_port(br1);
  builder.patch(left, right);
  EXPECT_THAT(go(frame(kA, kBroadcast), host).sent, IsEmpty()) << "tagged 10 into an access port";

  builder.patch(host, right);  // untagged on both sides
  const auto journey = go(frame(kA, kBroadcast), left);
  ASSERT_THAT(journey.sent, IsEmpty()) << "br0's access port does not carry VLAN 0";
  Headers tagged = frame(kA, kBroadcast);
  tagged.outer = VlanTag{0x8100, 10};
  EXPECT_THAT(go(tagged, left).sent,
              ElementsAre(Delivery{far, {1, 1, {VlanTag{0x8100, 20}, VlanTag{}}}}));
}

TEST_F(JourneyTest, APatchWithoutPeerSwallows) {
  const auto host = builder.add_port(br0), lone = builder.add_port(br0);
  builder.interface(lone).is_patch = true;
  EXPECT_THAT(go(frame(kA, kBroadcast), host).sent, IsEmpty());
}

TEST_F(JourneyTest, ALoopEndsWithWhatWasSentSoFar) {
  const auto host = builder.add_port(br0), out = builder.add_port(br1);
  for (int i = 0; i < 2; ++i) builder.patch(builder.add_port(br0), builder.add_port(br1));
  const auto sent = go(frame(kA, kBroadcast), host).sent;
  EXPECT_EQ(std::ranges::count(sent, Delivery{out, {}}), 2) << "one over each patch";
  EXPECT_EQ(std::ranges::count(sent, Delivery{host, {}}), 2) << "and back over the other";
}

TEST_F(JourneyTest, ARingOfManyPatchesIsCrossedOnceOverEach) {
  const auto host = builder.add_port(br0), out = builder.add_port(br1);
  const auto br2 = builder.add_bridge();
  constexpr int kParallel = 8;
  for (int i = 0; i < kParallel; ++i) {
    builder.patch(builder.add_port(br0), builder.add_port(br1));
    builder.patch(builder.add_port(br1), builder.add_port(br2));
    builder.patch(builder.add_port(br2), builder.add_port(br0));
  }
  const auto sent = go(frame(kA, kBroadcast), host).sent;
  EXPECT_EQ(std::ranges::count(sent, Delivery{out, {}}), 2 * kParallel) << "from either side";
}

TEST_F(JourneyTest, ACopyCrossesSoManyBridges) {  // as many as the reference's
  const auto host = builder.add_port(br0);
  BridgeId last = br0;
  std::vector<InterfaceId> hosts{host};
  for (int i = 0; i < 79; ++i) {
    const BridgeId next = builder.add_bridge();
    builder.patch(builder.add_port(last), builder.add_port(next));
    hosts.push_back(builder.add_port(next));
    last = next;
  }
  EXPECT_THAT(go(frame(kA, kBroadcast), host).sent, SizeIs(kMaxDepth));
}

TEST_F(JourneyTest, CountsWhatABondsBucketsCarry) {
  bond::OutputTable table;
  table.spread = bond::OutputTable::Spread::slb_buckets;
  table.mode = bond::Mode::balance_slb;
  table.members = {{bond::MemberId{0}, true, true}};
  table.active = bond::MemberIndex{0};
  table.buckets.fill(bond::MemberIndex{0});
  const auto host = builder.add_port(br0);
  builder.add_bond(br0, table);
  go(frame(kA, kBroadcast), host);
  const auto& load = *builder.bridge(br0).ports[1]->load;
  EXPECT_EQ(load.octets[bond::slb_bucket(MacAddress::from_number(kA), 0, 0)], 60u);
}

TEST(ComposedEdits, DoWhatBothDoInTurn) {
  const VlanTag a{0x8100, 1}, b{0x8100, 2}, c{0x88a8, 3};
  const TagEdit push_a{0, 1, {a, {}}}, strip{1, 0, {}}, swap_b{1, 1, {b, {}}},
      push_c{0, 1, {c, {}}};
  EXPECT_EQ(compose(push_a, strip), TagEdit());
  EXPECT_EQ(compose(push_a, swap_b), (TagEdit{0, 1, {b, {}}}));
  EXPECT_EQ(compose(strip, push_c), (TagEdit{1, 1, {c, {}}}));
  EXPECT_EQ(compose(strip, strip), (TagEdit{2, 0, {}}));
  EXPECT_EQ(compose(push_a, push_c), (TagEdit{0, 2, {c, a}}));
  EXPECT_EQ(compose(TagEdit{0, 2, {c, a}}, push_c), std::nullopt) << "three tags are too many";
}

}  // namespace
}  // namespace bondway::bridge
