// Two bonds, patched back to back, negotiate on a fake clock: the way of a lab of two bridges,
// without a socket.

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "vswitchd/bridge/bridge.hpp"

namespace bondway::bridge {
namespace {

constexpr MacAddress kMac0 = MacAddress::from_number(0x0200'0000'0100);
constexpr MacAddress kMac1 = MacAddress::from_number(0x0200'0000'0200);

PortSettings bond_settings(const std::string& name, std::vector<std::string> interfaces) {
  PortSettings settings;
  settings.name = name;
  for (const std::string& interface : interfaces) {
    InterfaceSettings member;
    member.name = interface;
    settings.interfaces.push_back(member);
  }
  settings.lacp = LacpSettings();
  settings.lacp->active = true;
  settings.lacp->fast = true;
  return settings;
}

/// br0 with a bond of interfaces 0 and 1, br1 with one of 2 and 3; 0 is wired to 2, 1 to 3.
class NegotiationTest : public testing::Test {
 protected:
  struct End {
    Bridge bridge;
    fdb::PortId port{};
    std::vector<PortAction> done{};
  };

  NegotiationTest() {
    add(br0, bond_settings("bond0", {"e0", "e1"}), 0);
    add(br1, bond_settings("bond1", {"e2", "e3"}), 2);
  }

  void add(End& end, PortSettings settings, std::uint32_t first) {
    end.port = end.bridge.add_port(settings);
    for (std::uint32_t i = 0; i < 2; ++i) {
      const InterfaceId id{first + i};
      const Member member{id, settings.interfaces[i].name,
                          MacAddress::from_number(0x0200'0000'0000 + first + i),
                          static_cast<std::uint16_t>(i + 1), true};
      run(end, end.bridge.add_members(end.port, {&member, 1}, now));
    }
  }

  End& end_of(InterfaceId id) { return static_cast<std::uint32_t>(id) < 2 ? br0 : br1; }

  /// Performs actions, and those that they cause, as the daemon does.
  void run(End& end, PortActions actions) {
    std::deque<std::pair<End*, PortAction>> queue;
    const auto push = [&queue](End& owner, PortActions more) {
      for (PortAction& action : more) queue.emplace_back(&owner, std::move(action));
    };
    push(end, std::move(actions));
    while (!queue.empty()) {
      const auto [owner, action] = std::move(queue.front());
      queue.pop_front();
      owner->done.push_back(action);
      const auto* send = std::get_if<SendFrame>(&action.action);
      if (send == nullptr || cut.contains(send->interface)) continue;
      const InterfaceId peer{static_cast<std::uint32_t>(send->interface) ^ 2};
      End& other = end_of(peer);
      push(other, other.bridge.receive(other.port, peer, send->octets, now));
    }
  }

  void advance(Duration span) {
    const TimePoint end = now + span;
    for (;;) {
      const auto next = earlier(br0.bridge.deadline(), br1.bridge.deadline());
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (End* owner : {&br0, &br1}) {
        for (const fdb::PortId id : owner->bridge.due(now)) {
          run(*owner, owner->bridge.expire_port(id, now));
        }
      }
    }
    now = end;
  }

  Port& port(End& end) { return *end.bridge.find(end.port); }
  bool negotiated(End& end) { return port(end).lag()->status() == lacp::Negotiation::negotiated; }
  bool enabled(End& end, std::uint32_t interface) {
    return port(end).bond()->is_enabled(bond::MemberId{interface});
  }

  static BridgeSettings named(const std::string& name) {
    BridgeSettings settings;
    settings.name = name;
    return settings;
  }

  TimePoint now{1h};
  std::set<InterfaceId> cut;  ///< frames sent here are lost
  End br0{Bridge(named("br0"), kMac0, std::make_shared<fdb::Table>())};
  End br1{Bridge(named("br1"), kMac1, std::make_shared<fdb::Table>())};
};

// br0 spoke before br1 was there, and a member sends three LACPDUs a second at the most: 6.4.16.
TEST_F(NegotiationTest, TwoActiveBondsAgreeAsSoonAsTheTransmitLimitLetsThem) {
  advance(1s);
  EXPECT_TRUE(negotiated(br0));
  EXPECT_TRUE(negotiated(br1));
  const lacp::LagView view0 = port(br0).lag()->view(now), view1 = port(br1).lag()->view(now);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(view0.members[i].partner.system_id, kMac1);
    EXPECT_EQ(view0.members[i].actor, view1.members[i].partner);
    EXPECT_EQ(view1.members[i].actor, view0.members[i].partner);
    EXPECT_TRUE(view0.members[i].may_enable);
  }
  EXPECT_TRUE(enabled(br0, 0));
  EXPECT_TRUE(enabled(br0, 1));
}

TEST_F(NegotiationTest, StaysAgreedForHours) {
  advance(3h);
  EXPECT_TRUE(negotiated(br0));
  EXPECT_EQ(port(br0).lag()->view(now).members[0].counters.link_expired, 0u);
}

TEST_F(NegotiationTest, ASilentMemberIsGivenUpWithinThreeSecondsAndComesBack) {
  advance(10s);
  cut = {InterfaceId{0}, InterfaceId{2}};
  advance(3s + 1ms);
  EXPECT_FALSE(enabled(br0, 0));
  EXPECT_TRUE(enabled(br0, 1));
  EXPECT_EQ(port(br0).bond()->active(), bond::MemberId{1});
  cut.clear();
  advance(2s);
  EXPECT_TRUE(enabled(br0, 0));
}

TEST_F(NegotiationTest, CarrierLossTakesTheMemberOutAtOnce) {
  run(br0, br0.bridge.link_changed(br0.port, InterfaceId{0}, false, now));
  EXPECT_FALSE(enabled(br0, 0));
  EXPECT_TRUE(enabled(br0, 1));
}

TEST_F(NegotiationTest, ANewBridgeAddressIsTheNewSystemIdentifier) {
  BridgeSettings settings = br0.bridge.settings();
  settings.hwaddr = MacAddress::from_number(0x00aa'bbcc'ddee);
  run(br0, br0.bridge.configure(settings, now));
  advance(5s);
  EXPECT_EQ(port(br1).lag()->view(now).members[0].partner.system_id, settings.hwaddr);
  EXPECT_TRUE(enabled(br1, 2));
}

TEST_F(NegotiationTest, SwitchedOffLacpLeavesABondOfCarriers) {
  PortSettings settings = port(br0).settings();
  settings.lacp.reset();
  run(br0, br0.bridge.configure_port(br0.port, settings, now));
  EXPECT_EQ(port(br0).lag(), nullptr);
  EXPECT_TRUE(enabled(br0, 0));
  EXPECT_TRUE(enabled(br0, 1));
}

TEST_F(NegotiationTest, OneMemberLeftIsNoBond) {
  run(br0, br0.bridge.remove_member(br0.port, InterfaceId{0}, now));
  EXPECT_EQ(port(br0).bond(), nullptr);
  EXPECT_EQ(br0.bridge.plan()->ports[0]->members, std::vector{InterfaceId{1}});
}

// The member that came home is a spare one now: its return moves no traffic.
TEST_F(NegotiationTest, WhoCarriedWithoutABondIsActiveInTheNextOne) {
  PortSettings settings = port(br0).settings();
  settings.lacp.reset();
  run(br0, br0.bridge.configure_port(br0.port, settings, now));
  ASSERT_EQ(port(br0).bond()->active(), bond::MemberId{0});
  const Member first = *port(br0).find(InterfaceId{0});
  run(br0, br0.bridge.remove_member(br0.port, first.id, now));
  run(br0, br0.bridge.add_members(br0.port, {&first, 1}, now));
  EXPECT_EQ(port(br0).bond()->active(), bond::MemberId{1});
}

// So in the reference, and in its log: enabled by its carrier, disabled, then enabled as LACP lets
// it.
TEST_F(NegotiationTest, LacpHasNoOpinionInAMembersFirstPassSoItsUpdelayBegins) {
  PortSettings settings = port(br0).settings();
  settings.lacp.reset();
  settings.bond.updelay = 1s;
  run(br0, br0.bridge.configure_port(br0.port, settings, now));
  advance(2s);
  ASSERT_TRUE(enabled(br0, 0) && enabled(br0, 1));

  settings.lacp = LacpSettings();
  settings.lacp->active = false;  // waits for nobody: it falls back at once
  settings.lacp->fallback_ab = settings.bond.lacp_fallback_ab = true;
  cut = {InterfaceId{2}, InterfaceId{3}};
  run(br1, br1.bridge.link_changed(br1.port, InterfaceId{2}, false, now));
  run(br1, br1.bridge.link_changed(br1.port, InterfaceId{3}, false, now));
  run(br0, br0.bridge.configure_port(br0.port, settings, now));
  EXPECT_TRUE(enabled(br0, 0)) << "the active member skips the delay";
  EXPECT_FALSE(enabled(br0, 1));
  advance(1s);
  EXPECT_TRUE(enabled(br0, 1));
}

TEST(PortNumbers, AreNotReusedBeforeTheRangeIsUsedUp) {
  PortNumbers numbers;
  EXPECT_EQ(numbers.take({}), 1);
  EXPECT_EQ(numbers.take({}), 2);
  numbers.release(1);
  EXPECT_EQ(numbers.take({}), 3);
  EXPECT_EQ(numbers.take(7), 7);
  EXPECT_EQ(numbers.take(7), 4) << "somebody has it already";
}

}  // namespace
}  // namespace bondway::bridge
