#include "vswitchd/bridge/vlan.hpp"

#include <gtest/gtest.h>

namespace bondway::bridge {
namespace {

VlanId vlan(int number) { return VlanId::from(number).value(); }

VlanSet set(std::initializer_list<int> numbers) {
  VlanSet set;
  for (const int number : numbers) set.insert(vlan(number));
  return set;
}

Headers arriving(std::optional<int> outer, std::optional<int> inner = {}, int priority = 0) {
  Headers headers;
  const auto tag = [](int number, int pcp) {
    return VlanTag{0x8100, static_cast<std::uint16_t>(pcp << 13 | number)};
  };
  if (outer) headers.outer = tag(*outer, priority);
  if (inner) headers.inner = tag(*inner, 0);
  return headers;
}

VlanRules rules(VlanMode mode, int tag, VlanSet trunks = VlanSet::all()) {
  VlanRules rules;
  rules.mode = mode;
  rules.tag = vlan(tag);
  rules.trunks = trunks;
  return rules;
}

const VlanRules kAccess10 = rules(VlanMode::access, 10);
const VlanRules kTrunk = rules(VlanMode::trunk, 0, set({10, 20}));
const VlanRules kNativeTagged = rules(VlanMode::native_tagged, 10, set({10, 20}));
const VlanRules kNativeUntagged = rules(VlanMode::native_untagged, 10, set({10, 20}));

TEST(VlanAdmission, FollowsThePortsMode) {
  struct Row {
    const char* name;
    VlanRules rules;
    std::optional<int> arriving, internal;
  };
  const Row rows[] = {
      {"access takes untagged frames into its VLAN", kAccess10, {}, 10},
      {"access takes a priority tag for untagged", kAccess10, 0, 10},
      {"access refuses even its own tag", kAccess10, 10, {}},
      {"trunk takes what it lists", kTrunk, 20, 20},
      {"trunk refuses what it does not list", kTrunk, 30, {}},
      {"trunk that does not list 0 refuses untagged frames", kTrunk, {}, {}},
      {"trunk of everything takes untagged frames into 0", rules(VlanMode::trunk, 0), {}, 0},
      {"native takes untagged frames into the native VLAN", kNativeTagged, {}, 10},
      {"native takes a tag of the native VLAN", kNativeUntagged, 10, 10},
      {"native refuses what its trunks do not list", kNativeUntagged, 30, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto frame = admit(row.rules, arriving(row.arriving));
    ASSERT_EQ(frame.has_value(), row.internal.has_value());
    if (frame) {
      EXPECT_EQ(frame->vlan(), vlan(*row.internal));
    }
  }
}

/// The tag with which a frame leaves a port: none, or its VLAN; nothing if it does not leave.
struct OnWire {
  bool leaves = true;
  std::optional<int> tag;
  bool operator==(const OnWire&) const = default;
};

OnWire on_wire(const VlanRules& out, const VlanRules& in, const Headers& headers) {
  const auto frame = admit(in, headers);
  if (!frame) return {false, {}};
  const auto edit = leave(out, *frame, headers, false);
  if (!edit) return {false, {}};
  const Headers left = edited(headers, *edit);
  if (left.outer) return {true, left.outer->vlan().number()};
  return {true, {}};
}

TEST(VlanOutput, FollowsThePortsMode) {
  const VlanRules all = rules(VlanMode::trunk, 0);
  struct Row {
    const char* name;
    VlanRules out, in;
    Headers headers;
    OnWire expected;
  };
  const Row rows[] = {
      {"access to trunk gets a tag", all, kAccess10, arriving({}), {true, 10}},
      {"trunk to access loses it", kAccess10, all, arriving(10), {true, {}}},
      {"trunk to another access does not leave", kAccess10, all, arriving(20), {false, {}}},
      {"trunk to trunk keeps it", kTrunk, all, arriving(20), {true, 20}},
      {"trunk that does not carry it", kTrunk, all, arriving(30), {false, {}}},
      {"an access port does not carry an inner VLAN",
       kAccess10,
       all,
       arriving(10, 20),
       {false, {}}},
      {"an inner priority tag is lost there", kAccess10, all, arriving(10, 0), {true, {}}},
      {"native-untagged shows an inner tag", kNativeUntagged, all, arriving(10, 20), {true, 20}},
      {"native-tagged tags its own VLAN", kNativeTagged, kAccess10, arriving({}), {true, 10}},
      {"native-untagged does not", kNativeUntagged, all, arriving(10), {true, {}}},
      {"native-untagged tags the others", kNativeUntagged, all, arriving(20), {true, 20}},
      {"VLAN 0 leaves a trunk untagged", all, all, arriving({}), {true, {}}},
      {"VLAN 0 without priority leaves a trunk untagged", all, all, arriving(0), {true, {}}},
      {"a trunk keeps a priority tag", all, all, arriving(0, {}, 5), {true, 0}},
      {"an access port does not", rules(VlanMode::access, 0), all, arriving(0, {}, 5), {true, {}}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const OnWire got = on_wire(row.out, row.in, row.headers);
    EXPECT_EQ(got.leaves, row.expected.leaves);
    EXPECT_EQ(got.tag, row.expected.tag);
  }
}

TEST(VlanOutput, LeavesAnUnchangedTagAlone) {
  const VlanRules all = rules(VlanMode::trunk, 0);
  const Headers headers = arriving(20, {}, 3);
  EXPECT_EQ(leave(all, *admit(all, headers), headers, false), TagEdit());
}

TEST(VlanOutput, KeepsTheDropEligibleBitOfAnUnchangedTag) {
  Headers headers = arriving(20, {}, 3);
  headers.outer->tci |= 0x1000;
  const VlanRules all = rules(VlanMode::trunk, 0);
  EXPECT_EQ(leave(all, *admit(all, headers), headers, false), TagEdit());
}

TEST(VlanOutput, KeepsPriorityWhereAskedTo) {
  VlanRules out = rules(VlanMode::access, 10);
  const VlanRules in = rules(VlanMode::access, 10);
  const auto tag = [&](PriorityTags tags, const Headers& headers) {
    out.priority_tags = tags;
    return on_wire(out, in, headers).tag;
  };
  const Headers urgent = arriving(0, {}, 5), plain_tag = arriving(0);
  EXPECT_EQ(tag(PriorityTags::never, urgent), std::nullopt);
  EXPECT_EQ(tag(PriorityTags::if_nonzero, urgent), 0);
  EXPECT_EQ(tag(PriorityTags::if_nonzero, plain_tag), std::nullopt);
  EXPECT_EQ(tag(PriorityTags::always, plain_tag), std::nullopt)
      << "its tag ends at the access port";
  out = rules(VlanMode::trunk, 0);
  EXPECT_EQ(tag(PriorityTags::never, urgent), 10);
}

TEST(VlanOutput, KeepsATagOfVlanZeroAlwaysWhereAskedTo) {
  VlanRules out = rules(VlanMode::trunk, 0);
  out.priority_tags = PriorityTags::always;
  const VlanRules trunk = rules(VlanMode::trunk, 0), access = rules(VlanMode::access, 0);
  EXPECT_EQ(on_wire(out, trunk, arriving(0)).tag, 0);
  EXPECT_EQ(on_wire(out, trunk, arriving({})).tag, std::nullopt);
  EXPECT_EQ(on_wire(out, access, arriving({})).tag, 0) << "it got one at the access port";
}

TEST(VlanTunnel, WritesTheFramesPriorityWhereAskedTo) {
  const VlanRules tunnel = rules(VlanMode::dot1q_tunnel, 100);
  VlanRules out = rules(VlanMode::trunk, 0);
  const Headers customer = arriving(10, {}, 5);
  const auto priority = [&](PriorityTags tags) {
    out.priority_tags = tags;
    return leave(out, *admit(tunnel, customer), customer, false)->push[0].priority();
  };
  EXPECT_EQ(priority(PriorityTags::never), 0);
  EXPECT_EQ(priority(PriorityTags::if_nonzero), 5);
}

TEST(VlanTunnel, LosesTheTagsThatDoNotFit) {
  const VlanRules tunnel = rules(VlanMode::dot1q_tunnel, 100), all = rules(VlanMode::trunk, 0);
  const Headers two = arriving(10, 20);
  EXPECT_EQ(leave(all, *admit(tunnel, two), two, false),
            (TagEdit{2, 2, {VlanTag{0x88a8, 100}, VlanTag{0x8100, 10}}}));
  const VlanRules zero = rules(VlanMode::dot1q_tunnel, 0);
  EXPECT_EQ(leave(all, *admit(zero, arriving(10)), arriving(10), false), (TagEdit{1, 0, {}}))
      << "no customer tag behind one of VLAN 0 that is not written";
}

TEST(VlanTunnel, PutsTheCustomersTagBehindItsOwn) {
  VlanRules tunnel = rules(VlanMode::dot1q_tunnel, 100);
  tunnel.cvlans = set({10});
  const VlanRules all = rules(VlanMode::trunk, 0);
  const Headers customer = arriving(10);

  const auto inside = admit(tunnel, customer);
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->vlan(), vlan(100));
  const auto edit = leave(all, *inside, customer, false);
  ASSERT_TRUE(edit);
  EXPECT_EQ(edit->strip, 0);
  ASSERT_EQ(edit->push_count, 1);
  EXPECT_EQ(edit->push[0], (VlanTag{0x88a8, 100}));

  EXPECT_FALSE(admit(tunnel, arriving(11))) << "a customer VLAN that is not listed";

  Headers back = arriving(100, 10);
  back.outer->tpid = 0x88a8;
  const auto returned = leave(tunnel, *admit(all, back), back, false);
  ASSERT_TRUE(returned);
  EXPECT_EQ(*returned, (TagEdit{1, 0, {}}));
}

TEST(VlanTunnel, TakesAPriorityTagForNone) {
  const VlanRules tunnel = rules(VlanMode::dot1q_tunnel, 10);
  const Headers urgent = arriving(0, {}, 5);
  const auto inside = admit(tunnel, urgent);
  ASSERT_TRUE(inside);
  EXPECT_EQ(leave(kAccess10, *inside, urgent, false), (TagEdit{1, 0, {}}));
}

}  // namespace
}  // namespace bondway::bridge
