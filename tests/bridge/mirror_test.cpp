#include "vswitchd/bridge/mirror.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bridge/plan_builder.hpp"
#include "vswitchd/bridge/bridge.hpp"
#include "vswitchd/bridge/journey.hpp"

namespace bondway::bridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kA = 0x0200'0000'000a, kB = 0x0200'0000'000b;
constexpr std::uint64_t kBroadcast = 0xffff'ffff'ffff, kReserved = 0x0180'c200'000e;

VlanId vlan(int number) { return VlanId::from(number).value(); }

/// Ports named 0, 1, 2 ...; as seen of the reference where no clause is given.
class MirrorTest : public testing::Test {
 protected:
  InterfaceId add_port(PortPlan port = {}) {
    names.push_back(std::to_string(names.size()));
    return builder.add_port(bridge, std::move(port));
  }
  InterfaceId add_access_port(int number) {
    PortPlan port;
    port.vlan.mode = VlanMode::access;
    port.vlan.tag = vlan(number);
    return add_port(std::move(port));
  }

  /// A mirror called by its place.
  MirrorSettings mirror() const {
    MirrorSettings settings;
    settings.id = settings.name = std::to_string(mirrors.size());
    return settings;
  }
  /// Floods what arrives on the first port in VLAN 30.
  MirrorSettings flooding_mirror() const {
    MirrorSettings settings = mirror();
    settings.source_ports = {"0"};
    settings.output_vlan = vlan(30);
    return settings;
  }
  void add(MirrorSettings settings) {
    counts[settings.id] = std::make_shared<MirrorCount>();
    mirrors.push_back(std::move(settings));
  }

  std::vector<InterfaceId> outputs(const Headers& headers, InterfaceId in) {
    deliveries(headers, in);
    std::vector<InterfaceId> ids;
    for (const Delivery& delivery : sent) ids.push_back(delivery.interface);
    return ids;
  }
  void deliveries(const Headers& headers, InterfaceId in) {
    builder.bridge(bridge).mirrors = plan_mirrors(mirrors, names, counts);
    sent = travel(headers, 60, in, builder.build(), TimePoint()).sent;
  }
  static Headers tagged(int number, std::uint64_t destination = kBroadcast) {
    Headers headers = frame(kA, destination);
    headers.outer = VlanTag{0x8100, static_cast<std::uint16_t>(number)};
    return headers;
  }

  PlanBuilder builder;
  BridgeId bridge = builder.add_bridge();
  std::vector<std::string> names;
  std::vector<MirrorSettings> mirrors;
  MirrorCounts counts;
  std::vector<Delivery> sent;
};

TEST_F(MirrorTest, CopiesWhatArrivesOnItsSourcePorts) {  // ovs-vswitchd.conf.db(5), select_src_port
  const auto p0 = add_port(), p1 = add_port(), out = add_port();
  MirrorSettings settings = mirror();
  settings.source_ports = {"0"};
  settings.output_port = "2";
  add(settings);
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), UnorderedElementsAre(p1, out));
  EXPECT_THAT(outputs(frame(kB, kBroadcast), p1), ElementsAre(p0));
  EXPECT_THAT(outputs(frame(kA, kReserved), p0), ElementsAre(out)) << "though it goes nowhere else";
  EXPECT_THAT(outputs(frame(kB, kB), p0), ElementsAre(out));
}

TEST_F(MirrorTest, CopiesWhatLeavesThroughItsDestinationPortsAsItIsInTheBridge) {
  const auto p0 = add_port(), access = add_access_port(10), out = add_port();
  MirrorSettings settings = mirror();
  settings.destination_ports = {"1"};
  settings.output_port = "2";
  add(settings);
  deliveries(tagged(10), p0);
  EXPECT_THAT(sent, UnorderedElementsAre(Delivery{access, {1, 0, {}}, 0}, Delivery{out, {}, 0}));
  EXPECT_THAT(outputs(tagged(20), p0), IsEmpty()) << "the port does not carry it";
}

TEST_F(MirrorTest, AnOutputPortTakesPartInNothingElse) {  // ovs-vswitchd.conf.db(5), output_port
  const auto p0 = add_port(), p1 = add_port(), out = add_port();
  MirrorSettings settings = mirror();
  settings.output_port = "2";
  add(settings);
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), ElementsAre(p1));
  EXPECT_THAT(outputs(frame(kA, kBroadcast), out), IsEmpty());
  builder.bridge(bridge).macs->add_static(MacAddress::from_number(kB), 0, fdb::PortId{2}, {});
  EXPECT_THAT(outputs(frame(kA, kB), p0), IsEmpty());
}

TEST_F(MirrorTest, CopiesAFrameOnce) {
  const auto p0 = add_port(), p1 = add_port(), out = add_port();
  for (int i = 0; i < 2; ++i) {
    MirrorSettings settings = mirror();
    settings.select_all = true;
    settings.output_port = "2";
    add(settings);
  }
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), UnorderedElementsAre(p1, out));
}

TEST_F(MirrorTest, TakesOnlyItsVlansAndNotWhatIsNotAdmitted) {
  const auto p0 = add_port(), access = add_access_port(10), out = add_port();
  MirrorSettings settings = mirror();
  settings.select_all = true;
  settings.vlans = {};
  settings.vlans.insert(vlan(10));
  settings.output_port = "2";
  add(settings);
  EXPECT_THAT(outputs(tagged(10), p0), UnorderedElementsAre(access, out));
  EXPECT_THAT(outputs(tagged(20), p0), IsEmpty());
  EXPECT_THAT(outputs(tagged(10), access), IsEmpty());
}

TEST_F(MirrorTest, FloodsAnOutputVlan) {
  const auto p0 = add_port(), p1 = add_port(), access = add_access_port(30);
  add(flooding_mirror());
  const TagEdit push{0, 1, {VlanTag{0x8100, 30}, {}}};
  deliveries(frame(kA, kBroadcast), p0);
  EXPECT_THAT(sent, UnorderedElementsAre(Delivery{p1, {}, 0}, Delivery{p0, push, 0},
                                         Delivery{p1, push, 0}, Delivery{access, {}, 0}));
  EXPECT_THAT(outputs(tagged(30), p0), UnorderedElementsAre(p1, access)) << "in that VLAN already";
  EXPECT_THAT(outputs(frame(kA, kReserved), p0), IsEmpty());
}

TEST_F(MirrorTest, CutsCopiesAndCountsWholeFrames) {
  const auto p0 = add_port(), p1 = add_port(), out = add_port();
  MirrorSettings settings = mirror();
  settings.select_all = true;
  settings.output_port = "2";
  settings.snaplen = 20;
  add(settings);
  deliveries(frame(kA, kBroadcast), p0);
  EXPECT_THAT(sent, UnorderedElementsAre(Delivery{p1, {}, 0}, Delivery{out, {}, 20}));
  EXPECT_EQ(counts.at("0")->packets, 1u);
  EXPECT_EQ(counts.at("0")->octets, 60u);
}

TEST_F(MirrorTest, CutsNoMoreOfAFloodOnceACopyWasCopied) {
  const auto p0 = add_port(), p1 = add_port(), p2 = add_port(), out = add_port();
  MirrorSettings flooding = flooding_mirror();
  flooding.snaplen = 20;
  add(flooding);
  MirrorSettings copying = mirror();
  copying.destination_ports = {"1"};
  copying.vlans = {};
  copying.vlans.insert(vlan(30));
  copying.output_port = "3";
  add(copying);
  const TagEdit push{0, 1, {VlanTag{0x8100, 30}, {}}};
  deliveries(frame(kA, kBroadcast), p0);
  EXPECT_THAT(sent,
              ElementsAre(Delivery{p0, push, 20}, Delivery{p1, push, 20}, Delivery{out, push, 0},
                          Delivery{p2, push, 0}, Delivery{p1, {}, 0}, Delivery{p2, {}, 0}));
}

TEST_F(MirrorTest, SendsNoCopyThatIsToBeCutOverAPatch) {
  const auto p0 = add_port(), near = add_port(), far = builder.add_port(builder.add_bridge());
  builder.patch(near, far);
  const auto beyond = builder.add_port(*builder.interface(far).bridge);
  MirrorSettings settings = mirror();
  settings.source_ports = {"0"};
  settings.output_port = "1";
  add(settings);
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), ElementsAre(beyond)) << "the copy";
  mirrors.back().snaplen = 65535;
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), IsEmpty());
}

TEST_F(MirrorTest, SendsCopiesOverPatchesBesideTheFrameItself) {
  PortPlan untagging;
  untagging.vlan.mode = VlanMode::native_untagged;
  untagging.vlan.tag = vlan(30);
  const auto p0 = add_port(), near = add_port(untagging);
  const auto middle = builder.add_bridge(), last = builder.add_bridge();
  const auto far = builder.add_port(middle), on = builder.add_port(middle);
  const auto end = builder.add_port(last);
  const auto beyond = builder.add_port(last);
  builder.patch(near, far);
  builder.patch(on, end);
  add(flooding_mirror());
  const TagEdit push{0, 1, {VlanTag{0x8100, 30}, {}}};
  deliveries(frame(kA, kBroadcast), p0);
  EXPECT_THAT(sent, UnorderedElementsAre(Delivery{p0, push, 0}, Delivery{beyond, {}, 0},
                                         Delivery{beyond, {}, 0}));
}

TEST(SelectsTest, WhatAMirrorWithAnOutputTakes) {
  MirrorSettings settings;
  settings.source_ports = {"in"};
  settings.destination_ports = {"out"};
  EXPECT_FALSE(selects(settings, "in")) << "it has no output";
  settings.output_vlan = vlan(30);
  EXPECT_TRUE(selects(settings, "in"));
  EXPECT_TRUE(selects(settings, "out"));
  EXPECT_FALSE(selects(settings, "other"));
  settings.select_all = true;
  EXPECT_TRUE(selects(settings, "other"));
}

Bridge bridge_with(BridgeSettings settings) {
  return {std::move(settings), MacAddress(), std::make_shared<fdb::Table>(fdb::TableConfig(), 1),
          std::make_shared<RecirculationIds>()};
}

TEST(FloodOrderTest, IsThatInWhichPortsCame) {
  Bridge bridge = bridge_with({});
  const auto add = [&](std::string name) {
    PortSettings settings;
    settings.name = std::move(name);
    return bridge.add_port(settings);
  };
  const fdb::PortId first = add("first"), second = add("second");
  EXPECT_THAT(bridge.plan()->flood_order, ElementsAre(first, second));
  bridge.remove_port(first);
  const fdb::PortId third = add("third");
  EXPECT_EQ(third, first) << "its number is used anew";
  EXPECT_THAT(bridge.plan()->flood_order, ElementsAre(second, third));
}

TEST(MirrorOrderTest, IsThatInWhichMirrorsCameToFreePlaces) {
  BridgeSettings settings;
  settings.mirrors.resize(1);
  settings.mirrors[0].id = "b";
  settings.mirrors[0].output_port = "out";
  Bridge bridge = bridge_with(settings);
  const auto ids = [&] {
    bridge.configure(settings, TimePoint());
    std::vector<std::string> ids;
    for (const MirrorSettings& mirror : bridge.settings().mirrors) ids.push_back(mirror.id);
    return ids;
  };
  settings.mirrors.resize(3, settings.mirrors[0]);
  settings.mirrors[0].id = "a";
  settings.mirrors[1].id = "b";
  settings.mirrors[2].id = "c";
  EXPECT_THAT(ids(), ElementsAre("b", "a", "c"));
  settings.mirrors[0].output_port.reset();
  EXPECT_THAT(ids(), ElementsAre("b", "c", "a")) << "without an output it has no place";
  settings.mirrors[1].output_port.reset();
  ids();
  settings.mirrors[0].output_port = "out";
  EXPECT_THAT(ids(), ElementsAre("a", "c", "b")) << "the first free one";
  settings.mirrors[1].output_port = "out";
  EXPECT_THAT(ids(), ElementsAre("a", "b", "c")) << "the next one";
}

TEST(MirrorCountsTest, BeginAnewWhenTheOutputGoes) {
  BridgeSettings settings;
  settings.mirrors.resize(2);
  settings.mirrors[0].id = "to port";
  settings.mirrors[0].select_all = true;
  settings.mirrors[0].output_port = "out";
  settings.mirrors[1].id = "to VLAN";
  settings.mirrors[1].output_vlan = vlan(30);
  settings.mirrors[1].source_ports = {"out"};
  Bridge bridge = bridge_with(settings);
  PortSettings out, other;
  out.name = "out";
  other.name = "other";
  const fdb::PortId out_id = bridge.add_port(out), other_id = bridge.add_port(other);
  EXPECT_TRUE(bridge.is_mirrored(other_id));
  EXPECT_TRUE(bridge.is_mirrored(out_id)) << "by the mirror to a VLAN";
  const auto to_port = bridge.mirror_count(settings.mirrors[0]);
  const auto to_vlan = bridge.mirror_count(settings.mirrors[1]);
  bridge.remove_port(other_id);
  EXPECT_EQ(bridge.mirror_count(settings.mirrors[0]), to_port);
  bridge.remove_port(out_id);
  EXPECT_NE(bridge.mirror_count(settings.mirrors[0]), to_port);
  EXPECT_EQ(bridge.mirror_count(settings.mirrors[1]), to_vlan);
}

TEST(MirrorCountsTest, BeginAnewWithTheFirstOutputAfterNone) {
  BridgeSettings settings;
  settings.mirrors.resize(1);
  settings.mirrors[0].id = "mirror";
  settings.mirrors[0].output_port = "a";
  Bridge bridge = bridge_with(settings);
  const auto count = [&] { return bridge.mirror_count(settings.mirrors[0]); };
  const auto first = count();
  settings.mirrors[0].output_port = "b";
  bridge.configure(settings, TimePoint());
  EXPECT_EQ(count(), first) << "another port";
  settings.mirrors[0].output_port.reset();
  settings.mirrors[0].output_vlan = vlan(30);
  bridge.configure(settings, TimePoint());
  EXPECT_EQ(count(), first) << "a VLAN";
  settings.mirrors[0].output_vlan.reset();
  bridge.configure(settings, TimePoint());
  settings.mirrors[0].output_port = "a";
  bridge.configure(settings, TimePoint());
  EXPECT_NE(count(), first);
}

TEST_F(MirrorTest, CopiesTheTagThatAFrameWouldComeBackWith) {
  const auto p0 = add_port(), access = add_access_port(10), out = add_port();
  MirrorSettings settings = mirror();
  settings.destination_ports = {"1"};
  settings.output_port = "2";
  add(settings);
  Headers urgent = tagged(10);
  urgent.outer->tci |= 5 << 13;
  deliveries(urgent, p0);
  EXPECT_THAT(sent, UnorderedElementsAre(Delivery{access, {1, 0, {}}, 0},
                                         Delivery{out, {1, 1, {VlanTag{0x8100, 10}, {}}}, 0}));
}

TEST_F(MirrorTest, CopiesFramesOfOurOwn) {
  const auto access = add_access_port(10), out = add_port(), other = add_port();
  MirrorSettings settings = mirror();
  settings.destination_ports = {"0"};
  settings.output_port = "1";
  add(settings);
  builder.bridge(bridge).mirrors = plan_mirrors(mirrors, names, counts);
  const Plan plan = builder.build();
  const TagEdit push{0, 1, {VlanTag{0x8100, 10}, {}}};
  const auto departed = [&](const Headers& headers, InterfaceId through) {
    return depart(headers, 60, through, plan, TimePoint()).sent;
  };
  EXPECT_THAT(departed(frame(kA, kReserved), access),
              ElementsAre(Delivery{access, {}, 0}, Delivery{out, push, 0}));
  EXPECT_EQ(counts.at("0")->packets, 1u);
  EXPECT_THAT(departed(tagged(20), access), ElementsAre(Delivery{access, {}, 0}))
      << "the port would not admit it";
  EXPECT_THAT(departed(frame(kA, kReserved), other), ElementsAre(Delivery{other, {}, 0}));
}

TEST_F(MirrorTest, CopiesFramesOfOurOwnAlsoAmongProtectedPorts) {
  PortPlan is_protected;
  is_protected.is_protected = true;
  const auto from = add_port(is_protected), out = add_port(is_protected);
  MirrorSettings settings = mirror();
  settings.destination_ports = {"0"};
  settings.output_port = "1";
  add(settings);
  builder.bridge(bridge).mirrors = plan_mirrors(mirrors, names, counts);
  EXPECT_THAT(depart(frame(kA, kBroadcast), 60, from, builder.build(), TimePoint()).sent,
              ElementsAre(Delivery{from, {}, 0}, Delivery{out, {}, 0}));
}

TEST_F(MirrorTest, MirrorsASecureBridge) {
  const auto p0 = add_port(), out = add_port();
  MirrorSettings settings = mirror();
  settings.select_all = true;
  settings.output_port = "1";
  add(settings);
  builder.bridge(bridge).secure = true;
  EXPECT_THAT(outputs(frame(kA, kBroadcast), p0), ElementsAre(out));
}

TEST_F(MirrorTest, WithoutAnOutputItIsNone) {
  add_port();
  add(mirror());
  MirrorSettings gone = mirror();
  gone.output_port = "no such port";
  add(gone);
  EXPECT_EQ(plan_mirrors(mirrors, names, counts), nullptr);
}

}  // namespace
}  // namespace bondway::bridge
