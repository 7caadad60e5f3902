#include "vswitchd/bridge/forward.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bridge/plan_builder.hpp"

namespace bondway::bridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kA = 0x0200'0000'000a, kB = 0x0200'0000'000b;
constexpr std::uint64_t kBroadcast = 0xffff'ffff'ffff;

class ForwardTest : public testing::Test {
 protected:
  std::vector<InterfaceId> outputs(const Headers& headers, InterfaceId in) {
    verdict = forward(headers, in, builder.build(), now);
    std::vector<InterfaceId> ids;
    for (const Output& output : verdict.outputs) ids.push_back(output.interface);
    return ids;
  }
  void learned(std::uint64_t mac, InterfaceId on) {
    builder.bridge(bridge).macs->learn(MacAddress::from_number(mac), VlanId(),
                                       builder.interface(on).port, now);
  }
  static bond::OutputTable active_backup() {
    bond::OutputTable table;
    table.spread = bond::OutputTable::Spread::active_member;
    table.members = {{bond::MemberId{0}, true, true}, {bond::MemberId{1}, true, true}};
    table.active = bond::MemberIndex{1};
    return table;
  }

  TimePoint now{};
  PlanBuilder builder;
  BridgeId bridge = builder.add_bridge();
  Verdict verdict;
};

TEST_F(ForwardTest, FloodsWhatItDoesNotKnow) {
  const auto p1 = builder.add_port(bridge), p2 = builder.add_port(bridge),
             p3 = builder.add_port(bridge);
  EXPECT_THAT(outputs(frame(kA, kB), p1), ElementsAre(p2, p3));
  EXPECT_EQ(verdict.learned->mac, MacAddress::from_number(kA));
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p2), ElementsAre(p1, p3));
}

TEST_F(ForwardTest, SendsToTheOnePortThatItKnows) {
  const auto p1 = builder.add_port(bridge), p2 = builder.add_port(bridge);
  builder.add_port(bridge);
  learned(kB, p2);
  EXPECT_THAT(outputs(frame(kA, kB), p1), ElementsAre(p2));
}

TEST_F(ForwardTest, DropsWhatIsKnownWhereItCameFrom) {
  const auto p1 = builder.add_port(bridge);
  builder.add_port(bridge);
  learned(kB, p1);
  EXPECT_THAT(outputs(frame(kA, kB), p1), IsEmpty());
  EXPECT_EQ(verdict.dropped, DropReason::known_on_input_port);
}

TEST_F(ForwardTest, DropsWhatAStationSendsToItself) {
  const auto p1 = builder.add_port(bridge), p2 = builder.add_port(bridge);
  EXPECT_THAT(outputs(frame(kA, kA), p1), IsEmpty());
  EXPECT_TRUE(verdict.learned);
  learned(kA, p2);
  EXPECT_THAT(outputs(frame(kA, kA), p1), IsEmpty()) << "it has moved";
}

TEST_F(ForwardTest, KeepsReservedDestinationsToItselfUnlessToldOtherwise) {
  const auto p1 = builder.add_port(bridge), p2 = builder.add_port(bridge);
  for (const std::uint64_t reserved :
       {0x0180c2000000u, 0x0180c200000fu, 0x01000cccccccu, 0x01000ccdcdcdu, 0x00e02b000004u}) {
    EXPECT_THAT(outputs(frame(kA, reserved), p1), IsEmpty());
    EXPECT_FALSE(verdict.learned) << "nor is their source learned";
  }
  EXPECT_THAT(outputs(frame(kA, 0x0180c2000010), p1), ElementsAre(p2));
  builder.bridge(bridge).forward_bpdu = true;
  EXPECT_THAT(outputs(frame(kA, 0x0180c2000000), p1), ElementsAre(p2));
}

TEST_F(ForwardTest, GivesLacpItsFramesAndOnlyThose) {
  PortPlan port;
  port.lacp = true;
  const auto with = builder.add_port(bridge, port), without = builder.add_port(bridge);
  Headers slow = frame(kA, 0x0180c2000002);
  slow.type = kSlowType;
  slow.slow_subtype = 1;
  EXPECT_TRUE((outputs(slow, with), verdict.to_control));
  EXPECT_FALSE((outputs(slow, without), verdict.to_control));
  slow.slow_subtype = 10;  // the organisation-specific protocol is somebody else's
  EXPECT_FALSE((outputs(slow, with), verdict.to_control));
  slow.slow_subtype = 1;
  slow.outer = VlanTag{0x8100, 5};
  EXPECT_FALSE((outputs(slow, with), verdict.to_control)) << "slow protocols are never tagged";
}

TEST_F(ForwardTest, NothingPassesBetweenProtectedPorts) {
  PortPlan guarded;
  guarded.is_protected = true;
  const auto p1 = builder.add_port(bridge, guarded), p2 = builder.add_port(bridge, guarded),
             open = builder.add_port(bridge);
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p1), ElementsAre(open));
  learned(kB, p2);
  EXPECT_THAT(outputs(frame(kA, kB), p1), IsEmpty());
  EXPECT_THAT(outputs(frame(kA, kB), open), ElementsAre(p2));
}

TEST_F(ForwardTest, ASecureBridgeForwardsNothing) {
  const auto p1 = builder.add_port(bridge);
  builder.add_port(bridge);
  builder.bridge(bridge).secure = true;
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p1), IsEmpty());
  EXPECT_EQ(verdict.dropped, DropReason::secure_bridge);
}

TEST_F(ForwardTest, ABondGetsOneCopyThroughTheChosenMember) {
  const auto p1 = builder.add_port(bridge);
  const auto members = builder.add_bond(bridge, active_backup());
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p1), ElementsAre(members[1]));
}

TEST_F(ForwardTest, ABondNeverGetsItsOwnFrameBack) {
  const auto members = builder.add_bond(bridge, active_backup());
  const auto p1 = builder.add_port(bridge);
  EXPECT_THAT(outputs(frame(kA, kBroadcast), members[1]), ElementsAre(p1));
  EXPECT_THAT(outputs(frame(kA, kBroadcast), members[0]), IsEmpty()) << "a backup receives nothing";
  EXPECT_EQ(verdict.dropped, DropReason::bond_refuses);
}

TEST_F(ForwardTest, BalanceSlbDropsItsOwnReflectedFrames) {
  bond::OutputTable table = active_backup();
  table.spread = bond::OutputTable::Spread::slb_buckets;
  table.mode = bond::Mode::balance_slb;
  table.buckets.fill(bond::MemberIndex{0});
  const auto members = builder.add_bond(bridge, table);
  const auto p1 = builder.add_port(bridge);
  learned(kA, p1);
  EXPECT_THAT(outputs(frame(kA, kB), members[0]), IsEmpty());

  Headers moved = frame(kA, kBroadcast);
  moved.type = kArpType;
  moved.gratuitous_arp = true;
  EXPECT_THAT(outputs(moved, members[1]), ElementsAre(p1)) << "the station moved behind the bond";
}

TEST_F(ForwardTest, NothingIsLearnedInAFloodedVlan) {
  const auto p1 = builder.add_port(bridge), p2 = builder.add_port(bridge);
  builder.add_port(bridge);
  builder.bridge(bridge).flood_vlans.insert(VlanId());
  learned(kB, p2);
  EXPECT_EQ(outputs(frame(kA, kB), p1).size(), 2u);
  EXPECT_FALSE(verdict.learned);
}

TEST_F(ForwardTest, AnUnknownInterfaceForwardsNothing) {
  builder.add_port(bridge);
  EXPECT_THAT(outputs(frame(kA, kB), InterfaceId{77}), IsEmpty());
}

}  // namespace
}  // namespace bondway::bridge
