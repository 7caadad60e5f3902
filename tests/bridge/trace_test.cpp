#include "vswitchd/bridge/trace.hpp"

#include <gtest/gtest.h>

#include "tests/bridge/plan_builder.hpp"
#include "vswitchd/bridge/journey.hpp"

namespace bondway::bridge {
namespace {

constexpr std::uint64_t kA = 0x0200'0000'000a, kB = 0x0200'0000'000b;

class TraceTest : public testing::Test {
 protected:
  TraceTest() { builder.bridge(br0).name = "br0"; }

  InterfaceId add_port(std::string name, VlanRules vlan = {}, BridgeId bridge = {}) {
    PortPlan port;
    port.name = std::move(name);
    port.vlan = vlan;
    return builder.add_port(bridge, std::move(port));
  }
  static VlanRules access(int tag) {
    VlanRules rules;
    rules.mode = VlanMode::access;
    rules.tag = VlanId::from(tag).value();
    return rules;
  }
  std::string text(const Headers& headers, InterfaceId in) {
    Trace trace([](InterfaceId id) { return fmt::format("if{}", static_cast<std::uint32_t>(id)); });
    rehearse(headers, 60, in, builder.build(), TimePoint(), trace);
    return trace.text();
  }

  PlanBuilder builder;
  BridgeId br0 = builder.add_bridge();
};

TEST_F(TraceTest, SaysWhyAFrameGoesWhereItGoes) {
  const auto p0 = add_port("p0", access(10));
  add_port("p1", access(20));
  add_port("p2");
  EXPECT_EQ(text(frame(kA, kB), p0),
            "bridge br0, in through if0: 02:00:00:00:00:0a > 02:00:00:00:00:0b, untagged, type "
            "0x0800\n"
            "  access port admits it to VLAN 10\n"
            "  learns that 02:00:00:00:00:0a in VLAN 10 is on p0\n"
            "  destination unknown: flooded\n"
            "  not to p1: access does not carry it\n"
            "  to p2, with tag 10\n");
  EXPECT_EQ(builder.bridge(br0).macs->size(), 0u) << "only asked";
}

TEST_F(TraceTest, NamesBucketAndMemberOfABond) {
  const auto p0 = add_port("p0");
  bond::OutputTable table;
  table.spread = bond::OutputTable::Spread::slb_buckets;
  table.mode = bond::Mode::balance_slb;
  table.members = {{bond::MemberId{0}, true, true}, {bond::MemberId{1}, true, true}};
  table.active = bond::MemberIndex{0};
  table.buckets.fill(bond::MemberIndex{1});
  builder.add_bond(br0, table);
  const auto bucket = bond::slb_bucket(MacAddress::from_number(kA), 0, 0);
  const std::string words = text(frame(kA, kB), p0);
  EXPECT_NE(words.find(fmt::format("hash of its source and VLAN is {}, bucket of if2", bucket)),
            std::string::npos)
      << words;
  EXPECT_EQ(builder.bridge(br0).ports[1]->load->octets[bucket], 0u);
}

TEST_F(TraceTest, FollowsPatches) {
  const BridgeId br1 = builder.add_bridge();
  builder.bridge(br1).name = "br1";
  const auto p0 = add_port("p0"), left = add_port("left");
  const auto right = add_port("right", {}, br1);
  add_port("far", {}, br1);
  builder.patch(left, right);
  const std::string words = text(frame(kA, kB), p0);
  EXPECT_NE(words.find("\n    bridge br1, in through if2: "), std::string::npos) << words;
  EXPECT_NE(words.find("\n      to far, untagged\n"), std::string::npos) << words;
}

TEST_F(TraceTest, SaysWhyACopyEndsAtAPatch) {
  const auto p0 = add_port("p0"), lonely = add_port("lonely");
  builder.interface(lonely).is_patch = true;
  const std::string alone = text(frame(kA, kB), p0);
  EXPECT_NE(alone.find("\n  to lonely, untagged\n  ends at if1: the patch has no other end\n"),
            std::string::npos)
      << alone;

  const auto back = add_port("back");
  builder.patch(lonely, back);
  const std::string round = text(frame(kA, kB), p0);
  EXPECT_NE(round.find("\n      ends at if1: such a copy has come this way before\n"),
            std::string::npos)
      << round;
}

TEST_F(TraceTest, SaysWhyAFrameIsDropped) {
  const auto p0 = add_port("p0", access(10));
  Headers tagged = frame(kA, kB);
  tagged.outer = VlanTag{0x8100, 20};
  EXPECT_NE(text(tagged, p0).find("  dropped: the port does not admit the frame's VLAN\n"),
            std::string::npos);
}

}  // namespace
}  // namespace bondway::bridge
