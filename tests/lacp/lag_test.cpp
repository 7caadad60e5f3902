#include "vswitchd/lacp/lag.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "tests/lacp/samples.hpp"
#include "tests/lacp/test_wire.hpp"

namespace bondway::lacp {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::size_t kLeft = TestWire::kLeft, kRight = TestWire::kRight;
constexpr std::array<std::uint16_t, 2> kBothIds{1, 2};
constexpr MemberId kFirst{1}, kSecond{2}, kThird{3};

const MacAddress kRightSystem = MacAddress::from_number(0xaa55aa550001);

LagConfig bond(std::string name, MacAddress system) {
  return {.name = std::move(name),
          .activity = Activity::active,
          .system_id = system,
          .aggregation = Aggregation::aggregatable};
}

MemberConfig port(std::string name, std::uint16_t id) {
  return {
      .name = std::move(name), .mac = MacAddress::from_number(0xaa55aa557700U + id), .port_id = id};
}

/// Two bonds of two members each, p0 and p1 joined to p2 and p3.
class LagTest : public ::testing::Test {
 protected:
  void build() {
    wire.emplace(left, right);
    wire->add(kLeft, kFirst, port("p0", 1));
    wire->add(kLeft, kSecond, port("p1", 2));
    wire->add(kRight, kFirst, port("p2", 11));
    wire->add(kRight, kSecond, port("p3", 12));
  }
  void build_left() {
    wire.emplace(left, right);
    wire->add(kLeft, kFirst, port("p0", 1));
    wire->add(kLeft, kSecond, port("p1", 2));
  }
  void negotiate() {
    build();
    wire->advance(0s);
    ASSERT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
    ASSERT_TRUE(carries(kRight, kFirst) && carries(kRight, kSecond));
  }

  bool carries(std::size_t end, MemberId member) { return wire->end(end).may_enable(member); }
  MemberView member(std::size_t end, std::size_t index) {
    return wire->end(end).view(wire->now()).members.at(index);
  }
  std::string status(std::size_t end, std::size_t index) {
    const MemberView view = member(end, index);
    return std::string(to_string(view.status)) + (view.attached ? " attached" : " detached");
  }
  std::string actor_state(std::size_t end, std::size_t index) {
    return to_string(member(end, index).actor.state).substr(1);
  }
  void configure(std::size_t end, const LagConfig& config) {
    wire->act(end, [&](Lag& lag, TimePoint now) { return lag.configure(config, now); });
  }
  void configure_member(std::size_t end, MemberId id, const MemberConfig& config) {
    wire->act(end, [&](Lag& lag, TimePoint now) { return lag.configure_member(id, config, now); });
  }
  void link(std::size_t end, MemberId id, Link state) {
    wire->act(end, [&](Lag& lag, TimePoint now) { return lag.link_changed(id, state, now); });
  }
  void hear(std::size_t end, MemberId id, const std::vector<std::uint8_t>& frame) {
    wire->act(end, [&](Lag& lag, TimePoint now) { return lag.receive(id, frame, now); });
  }
  void hear(std::size_t end, MemberId id, const Lacpdu& pdu) {
    hear(end, id, encode(pdu, kTheirSystem));
  }
  /// What the left end's members have in common with the matching samples.
  PortInfo left_port(std::uint16_t id) { return our_port(id); }

  LagConfig left = bond("bond0", kOurSystem), right = bond("bond1", kRightSystem);
  std::optional<TestWire> wire;
};

TEST_F(LagTest, BondsPatchedBackToBackNegotiateInTheSameInstant) {
  negotiate();
  EXPECT_EQ(to_text(wire->left().view(wire->now())), R"(---- bond0 ----
  status: active negotiated
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: 1
  lacp_time: slow

member: p0: current attached
  port_id: 1
  port_priority: 65535
  may_enable: true

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity aggregation synchronized collecting distributing

  partner sys_id: aa:55:aa:55:00:01
  partner sys_priority: 65534
  partner port_id: 11
  partner port_priority: 65535
  partner key: 11
  partner state: activity aggregation synchronized collecting distributing

member: p1: current attached
  port_id: 2
  port_priority: 65535
  may_enable: true

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 2
  actor port_priority: 65535
  actor key: 1
  actor state: activity aggregation synchronized collecting distributing

  partner sys_id: aa:55:aa:55:00:01
  partner sys_priority: 65534
  partner port_id: 12
  partner port_priority: 65535
  partner key: 11
  partner state: activity aggregation synchronized collecting distributing
)");
}

TEST_F(LagTest, EachEndKnowsTheOtherAsItIs) {
  negotiate();
  for (const std::size_t index : {0u, 1u}) {
    EXPECT_EQ(member(kLeft, index).actor, member(kRight, index).partner);
    EXPECT_EQ(member(kRight, index).actor, member(kLeft, index).partner);
  }
}

TEST_F(LagTest, SingleLinksNegotiateAsIndividual) {
  left.aggregation = right.aggregation = {};
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1));
  wire->add(kRight, kFirst, port("p2", 11));
  wire->advance(0s);
  EXPECT_EQ(actor_state(kLeft, 0), "activity synchronized collecting distributing");
  EXPECT_EQ(actor_state(kRight, 0), "activity synchronized collecting distributing");
}

TEST_F(LagTest, ALoneActivePortIsExpiredAndThenDefaulted) {
  left.aggregation = {};
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1));
  EXPECT_EQ(to_text(wire->left().view(wire->now())), R"(---- bond0 ----
  status: active negotiated
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: 1
  lacp_time: slow

member: p0: expired attached
  port_id: 1
  port_priority: 65535
  may_enable: false

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity synchronized collecting distributing expired

  partner sys_id: 00:00:00:00:00:00
  partner sys_priority: 0
  partner port_id: 0
  partner port_priority: 0
  partner key: 0
  partner state: timeout
)");
  EXPECT_TRUE(wire->left().current(kFirst));
  wire->advance(3s);
  EXPECT_EQ(to_text(wire->left().view(wire->now())), R"(---- bond0 ----
  status: active
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: 1
  lacp_time: slow

member: p0: defaulted detached
  port_id: 1
  port_priority: 65535
  may_enable: false

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity collecting distributing defaulted

  partner sys_id: 00:00:00:00:00:00
  partner sys_priority: 0
  partner port_id: 0
  partner port_priority: 0
  partner key: 0
  partner state:
)");
  EXPECT_FALSE(wire->left().current(kFirst));
  EXPECT_EQ(wire->left().status(), Negotiation::configured);
  EXPECT_EQ(wire->sent(kLeft), 4U) << "at once, twice while expired, when defaulted";
  wire->advance(60s);
  EXPECT_EQ(wire->sent(kLeft), 6U) << "every half minute";
}

TEST_F(LagTest, ALonePassivePortIsDefaultedAndSilent) {
  left.activity = Activity::passive;
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1));
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_EQ(actor_state(kLeft, 0), "aggregation collecting distributing defaulted");
  EXPECT_EQ(to_string(member(kLeft, 0).partner.state), "");
  wire->advance(10min);
  EXPECT_EQ(wire->sent(kLeft), 0U);
  EXPECT_EQ(wire->left().status(), Negotiation::configured);
}

TEST_F(LagTest, APassiveEndAnswersAnActiveOne) {
  right.activity = Activity::passive;
  negotiate();
  EXPECT_EQ(actor_state(kRight, 0), "aggregation synchronized collecting distributing");
}

TEST_F(LagTest, TwoPassiveEndsStaySilent) {  // 6.4.13: NO_PERIODIC
  left.activity = right.activity = Activity::passive;
  build();
  wire->advance(10min);
  EXPECT_EQ(wire->sent(kLeft) + wire->sent(kRight), 0U);
}

TEST_F(LagTest, EndsThatBothTurnPassiveFallSilentAndForgetEachOther) {
  negotiate();
  left.activity = right.activity = Activity::passive;
  configure(kLeft, left);
  configure(kRight, right);
  wire->advance(3min);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  const std::size_t before = wire->sent(kLeft);
  wire->advance(10min);
  EXPECT_EQ(wire->sent(kLeft), before);
}

TEST_F(LagTest, ASteadyStateIsSilentButForThePeriodicPdus) {
  negotiate();
  wire->advance(1s);
  const std::size_t actions = wire->seen(kLeft).size(), sent = wire->sent(kLeft);
  wire->advance(10min);
  EXPECT_EQ(wire->sent(kLeft) - sent, 2U * 20U);
  EXPECT_EQ(wire->seen(kLeft).size() - actions, 2U * 20U) << "no StateChanged, no log line";
}

TEST_F(LagTest, TransmitsAsOftenAsThePartnerWants) {  // 6.4.13
  right.time = LacpTime::fast;
  negotiate();
  wire->advance(1s);
  const std::size_t fast = wire->sent(kLeft), slow = wire->sent(kRight);
  wire->advance(60s);
  EXPECT_EQ(wire->sent(kLeft) - fast, 2U * 60U);
  EXPECT_EQ(wire->sent(kRight) - slow, 2U * 2U);
}

TEST_F(LagTest, GivesUpASilentPartnerAndKeepsTheOtherLink) {
  left.time = right.time = LacpTime::fast;
  negotiate();
  wire->advance(10s);
  wire->cut(kFirst);
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 0), "expired attached");
  EXPECT_EQ(actor_state(kLeft, 0), "activity timeout aggregation synchronized expired");
  EXPECT_EQ(to_string(member(kLeft, 0).partner.state),
            " activity timeout aggregation collecting distributing");
  EXPECT_FALSE(carries(kLeft, kFirst));
  EXPECT_TRUE(carries(kLeft, kSecond));
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_EQ(actor_state(kLeft, 0), "activity timeout aggregation defaulted");
  EXPECT_EQ(status(kLeft, 1), "current attached");
  EXPECT_EQ(member(kLeft, 0).counters.link_expired, 1U);
  EXPECT_EQ(member(kLeft, 0).counters.link_defaulted, 1U);
  wire->mend(kFirst);
  wire->advance(30s);
  EXPECT_EQ(status(kLeft, 0), "current attached");
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
}

TEST_F(LagTest, TheTimeoutFollowsTheMultiplier) {
  left.time = LacpTime::fast;
  left.timeout_multiplier = 10;
  negotiate();
  wire->advance(1s);
  wire->cut(kFirst);
  wire->advance(8s);
  EXPECT_EQ(status(kLeft, 0), "current attached");
  wire->advance(2s);
  EXPECT_EQ(status(kLeft, 0), "expired attached");
}

TEST_F(LagTest, ALostLinkIsOfNoUseAtOnceAndForgottenAfterThreeSeconds) {
  negotiate();
  wire->set_link(kFirst, Link::down);
  EXPECT_FALSE(carries(kLeft, kFirst));
  EXPECT_EQ(status(kLeft, 0), "expired attached");
  EXPECT_EQ(to_string(member(kLeft, 0).partner.state),
            " activity timeout aggregation collecting distributing");
  EXPECT_EQ(wire->left().status(), Negotiation::negotiated);
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_EQ(member(kLeft, 0).partner, PortInfo{});
  EXPECT_FALSE(wire->left().current(kFirst));
  EXPECT_TRUE(carries(kLeft, kSecond));
  EXPECT_EQ(member(kLeft, 0).counters.carrier_changed, 1U);
  EXPECT_EQ(member(kLeft, 0).counters.link_expired, 0U);
  EXPECT_EQ(member(kLeft, 0).counters.link_defaulted, 1U);
  wire->set_link(kFirst, Link::up);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst)) << "in the same instant";
  EXPECT_EQ(member(kLeft, 0).counters.carrier_changed, 2U);
}

TEST_F(LagTest, AMemberAddedWithoutLinkIsExpiredForThreeSecondsToo) {
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1), Link::down);
  EXPECT_EQ(status(kLeft, 0), "expired attached");
  EXPECT_EQ(wire->sent(kLeft), 0U);
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_EQ(member(kLeft, 0).counters.carrier_changed, 0U);
}

TEST_F(LagTest, TheFirstPartnerKeepsTheBond) {
  build_left();
  Lacpdu first = matching_pdu(their_port(11), left_port(1));
  Lacpdu second = matching_pdu(their_port(12), left_port(2));
  second.actor.system_priority = 1;
  second.actor.system_id = kOtherSystem;
  hear(kLeft, kFirst, first);
  hear(kLeft, kSecond, second);
  EXPECT_EQ(status(kLeft, 0), "current attached");
  EXPECT_EQ(status(kLeft, 1), "current detached");
  EXPECT_TRUE(carries(kLeft, kFirst));
  EXPECT_FALSE(carries(kLeft, kSecond));
  EXPECT_EQ(actor_state(kLeft, 1), "activity aggregation");
}

TEST_F(LagTest, TheSecondPartnerTakesOverWhenTheFirstFallsSilent) {
  left.time = LacpTime::fast;
  build_left();
  PortInfo other = their_port(12);
  other.system_id = kOtherSystem;
  PortInfo us = left_port(2);
  us.state.set(Flag::timeout);
  hear(kLeft, kFirst, matching_pdu(their_port(11), left_port(1)));
  for (int i = 0; i < 3; ++i) {
    hear(kLeft, kSecond, matching_pdu(other, us));
    EXPECT_FALSE(carries(kLeft, kSecond));
    wire->advance(1s);
  }
  EXPECT_EQ(status(kLeft, 0), "expired detached");
  EXPECT_TRUE(carries(kLeft, kSecond));
}

TEST_F(LagTest, APartnerThatTakesUsForAnotherIsNotInSync) {  // recordPDU, 6.4.9
  build_left();
  hear(kLeft, kFirst, matching_pdu(their_port(11), left_port(9)));
  EXPECT_EQ(status(kLeft, 0), "current attached");
  EXPECT_FALSE(carries(kLeft, kFirst));
  hear(kLeft, kFirst, matching_pdu(their_port(11), left_port(1)));
  EXPECT_TRUE(carries(kLeft, kFirst));
}

TEST_F(LagTest, IndividualLinksOfAPartnerAreNotAggregated) {  // 6.4.14.1
  build_left();
  for (const std::uint16_t id : kBothIds) {
    Lacpdu pdu = matching_pdu(their_port(static_cast<std::uint16_t>(10 + id)), left_port(id));
    pdu.actor.state.clear(Flag::aggregation);
    hear(kLeft, MemberId{id}, pdu);
  }
  EXPECT_TRUE(carries(kLeft, kFirst));
  EXPECT_EQ(status(kLeft, 1), "current detached");
}

TEST_F(LagTest, ALoopIsNotABond) {
  build_left();
  hear(kLeft, kFirst, matching_pdu(left_port(2), left_port(1)));
  EXPECT_EQ(status(kLeft, 0), "current detached");
  EXPECT_THAT(wire->seen(kLeft),
              Contains(Action(LogEvent{
                  LogEvent::Level::warn,
                  "member p0: Loopback detected. Interface is connected to its own bond"})));
}

// As scripts know it: activity resets nothing, though the receive machine is EXPIRED meanwhile.
TEST_F(LagTest, APassiveMemberThatBecomesActiveStaysDefaulted) {
  left.activity = Activity::passive;
  build_left();
  wire->advance(1s);
  ASSERT_EQ(status(kLeft, 0), "defaulted detached");
  left.activity = Activity::active;
  configure(kLeft, left);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_EQ(wire->sent(kLeft), 2U) << "both members introduce themselves";
}

// A partner heard elsewhere ends the presumption under which a waiting member called itself
// synchronized; nobody else would have said so, as no mux machine moves.  6.4.15: NTT with
// DETACHED.
TEST_F(LagTest, AMemberThatIsNoLongerPresumedAttachedSaysSo) {
  build_left();
  wire->advance(2s);  // out of the transmit limit
  ASSERT_EQ(status(kLeft, 0), "expired attached");
  PortInfo told = left_port(1);
  told.state = member(kLeft, 0).actor.state;
  const std::size_t before = wire->sent(kLeft);
  hear(kLeft, kFirst, matching_pdu(left_port(2), told));
  EXPECT_EQ(status(kLeft, 0), "current detached");
  EXPECT_EQ(wire->sent(kLeft), before + 1);
}

TEST_F(LagTest, ACableBetweenTwoMembersOfOneBondDoesNoHarm) {
  right.system_id = kOurSystem;  // both ends are one system, as a looped cable looks
  build();
  wire->advance(1min);
  EXPECT_FALSE(carries(kLeft, kFirst) || carries(kRight, kFirst));
  EXPECT_LE(wire->sent(kLeft), 2U * 3U * 60U);
  const auto is_warning = [](const Action& action) {
    return std::holds_alternative<LogEvent>(action);
  };
  EXPECT_LE(std::ranges::count_if(wire->seen(kLeft), is_warning), 61);
}

TEST_F(LagTest, AReplayedPduIsCorrectedByTheNextOne) {
  negotiate();
  wire->advance(5s);
  Lacpdu stale = matching_pdu(member(kRight, 0).actor, PortInfo{});
  stale.actor.state = flags(Flag::activity, Flag::aggregation, Flag::expired);
  hear(kLeft, kFirst, stale);  // our answer makes the real partner speak up
  wire->advance(30s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
}

TEST_F(LagTest, AFloodOnOneMemberLeavesTheOthersAlone) {
  negotiate();
  wire->advance(5s);
  const std::size_t seen = wire->seen(kLeft).size();
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {  // within a second, each from somebody else
    Lacpdu pdu = matching_pdu(their_port(static_cast<std::uint16_t>(random())));
    pdu.actor.system_id = MacAddress::from_number(0x0200'0000'0000 + random() % 1000);
    pdu.actor.state = PortState(static_cast<std::uint8_t>(random()));
    hear(kLeft, kFirst, pdu);
    wire->advance(50us);
    ASSERT_TRUE(carries(kLeft, kSecond) && carries(kRight, kSecond)) << i;
  }
  EXPECT_LE(wire->most_sent_in_a_second(), 3U) << "6.4.16";
  const auto logged = std::ranges::count_if(
      wire->seen(kLeft).begin() + static_cast<std::ptrdiff_t>(seen), wire->seen(kLeft).end(),
      [](const Action& action) { return std::holds_alternative<LogEvent>(action); });
  EXPECT_LE(logged, 4);
  wire->advance(95s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst)) << "and it is forgotten";
}

TEST_F(LagTest, AFloodOfMarkersIsAnsweredTenTimesASecond) {  // IEEE 802.3, 57A.2
  negotiate();
  const auto markers_sent = [&] {
    return std::ranges::count_if(wire->seen(kLeft), [](const Action& action) {
      const auto* send = std::get_if<SendPdu>(&action);
      return send && is_marker(send->frame);
    });
  };
  const auto question = encode(MarkerPdu{.requester_port = 1}, kTheirSystem);
  for (int i = 0; i < 20'000; ++i) {
    hear(kLeft, kFirst, question);
    wire->advance(50us);
  }
  EXPECT_LE(markers_sent(), 20);
  EXPECT_EQ(member(kLeft, 0).counters.rx_markers, 20'000U);
}

TEST_F(LagTest, AStalePduOfAnEarlierPartnerIsOutvotedByThePresentOne) {
  negotiate();
  const Lacpdu earlier = matching_pdu(their_port(), left_port(1));
  hear(kLeft, kFirst, earlier);
  EXPECT_FALSE(carries(kLeft, kFirst)) << "it might be true";
  EXPECT_TRUE(carries(kLeft, kSecond));
  wire->advance(30s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
}

TEST_F(LagTest, FallsBackWithoutAPartner) {
  left.fallback = Fallback::active_backup;
  build_left();
  EXPECT_EQ(status(kLeft, 0), "expired attached");
  EXPECT_FALSE(carries(kLeft, kFirst)) << "not before it is certain that nobody is there";
  wire->advance(3s);
  EXPECT_EQ(wire->left().status(), Negotiation::configured);
  for (const std::size_t index : {0u, 1u}) {
    EXPECT_EQ(status(kLeft, index), "defaulted attached");
    EXPECT_EQ(actor_state(kLeft, index),
              "activity aggregation synchronized collecting distributing defaulted");
    EXPECT_EQ(member(kLeft, index).partner, PortInfo{});
  }
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
  hear(kLeft, kFirst, matching_pdu(their_port(), left_port(1)));
  EXPECT_EQ(wire->left().status(), Negotiation::negotiated);
  EXPECT_TRUE(carries(kLeft, kFirst));
  EXPECT_EQ(status(kLeft, 1), "defaulted detached");
  EXPECT_FALSE(carries(kLeft, kSecond));
}

TEST_F(LagTest, APartnerThatBecomesPatientIsNotLeftWaiting) {
  left.time = right.time = LacpTime::fast;
  negotiate();
  wire->advance(10s);
  left.time = LacpTime::slow;
  configure(kLeft, left);
  wire->advance(60s);
  EXPECT_EQ(member(kLeft, 0).counters.link_expired, 0U);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
}

TEST_F(LagTest, ANewcomerDoesNotEndTheFallbackOfTheOthers) {
  left.fallback = Fallback::active_backup;
  build_left();
  wire->advance(5s);
  wire->add(kLeft, kThird, port("p2", 3));
  EXPECT_EQ(wire->left().status(), Negotiation::configured) << "the bond goes on as active-backup";
  EXPECT_EQ(status(kLeft, 0), "defaulted attached");
  EXPECT_EQ(status(kLeft, 2), "expired detached");
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 2), "defaulted attached");
}

TEST_F(LagTest, FallbackMayBeSwitchedAtAnyTime) {
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1));
  wire->advance(10s);
  EXPECT_FALSE(carries(kLeft, kFirst));
  left.fallback = Fallback::active_backup;
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kFirst));
  left.fallback = Fallback::none;
  configure(kLeft, left);
  EXPECT_FALSE(carries(kLeft, kFirst));
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
}

TEST_F(LagTest, FewerLinksThanTheMinimumCountAsNone) {
  left.min_links = 2;
  negotiate();
  wire->advance(5s);
  wire->set_link(kFirst, Link::down);
  EXPECT_FALSE(carries(kLeft, kSecond));
  EXPECT_TRUE(carries(kRight, kSecond)) << "the partner has its own opinion";
  EXPECT_EQ(wire->left().status(), Negotiation::negotiated);
  wire->set_link(kFirst, Link::up);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
}

TEST_F(LagTest, LinksBeyondTheBundleStandByAndTakeOver) {  // 6.4.14.1 h
  left.max_bundle = 1;
  build();
  wire->advance(1s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
  EXPECT_EQ(status(kLeft, 1), "current detached");
  EXPECT_EQ(member(kLeft, 1).selected, Selected::standby);
  EXPECT_FALSE(carries(kRight, kSecond)) << "the partner sees that we are out of sync";
  wire->set_link(kFirst, Link::down);
  EXPECT_TRUE(carries(kLeft, kSecond) && carries(kRight, kSecond)) << "in the same instant";
  wire->set_link(kFirst, Link::up);
  wire->advance(1s);
  EXPECT_TRUE(carries(kLeft, kFirst) && !carries(kLeft, kSecond));
}

TEST_F(LagTest, ABundleMayShrinkAndGrow) {
  negotiate();
  wire->advance(5s);
  left.max_bundle = 1;
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kFirst) && !carries(kLeft, kSecond) && !carries(kRight, kSecond));
  wire->advance(5s);
  left.max_bundle = 0;
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kSecond) && carries(kRight, kSecond));
}

TEST_F(LagTest, WaitsForOthersBeforeItAttaches) {  // Aggregate_Wait_Time, 6.4.4
  left.aggregate_wait = 2s;
  build();
  wire->advance(2s - 1ns);
  EXPECT_EQ(status(kLeft, 0), "current detached");
  EXPECT_EQ(actor_state(kLeft, 0), "activity aggregation");
  wire->advance(1ns);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
}

TEST_F(LagTest, TheSlowestOfThoseThatWaitDecides) {  // Ready, 6.4.8
  left.aggregate_wait = 2s;
  wire.emplace(left, right);
  wire->add(kLeft, kFirst, port("p0", 1));
  wire->add(kRight, kFirst, port("p2", 11));
  wire->advance(1s);
  wire->add(kLeft, kSecond, port("p1", 2));
  wire->add(kRight, kSecond, port("p3", 12));
  wire->advance(2s - 1ns);
  EXPECT_FALSE(carries(kLeft, kFirst));
  wire->advance(1ns);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
}

TEST_F(LagTest, IndependentControlNegotiatesWithEitherKind) {  // 6.4.15, Figure 6-21
  for (const MuxControl other : {MuxControl::independent, MuxControl::coupled}) {
    left.control = MuxControl::independent;
    right.control = other;
    negotiate();
    EXPECT_EQ(member(kLeft, 0).mux, MuxState::distributing);
    EXPECT_EQ(actor_state(kLeft, 0), "activity aggregation synchronized collecting distributing");
  }
}

TEST_F(LagTest, NeverSendsMoreThanThreePdusASecond) {  // 6.4.16
  build_left();
  for (int i = 0; i < 10'000; ++i) {  // each demands an answer
    hear(kLeft, kFirst, matching_pdu(their_port(11), PortInfo{}));
    wire->advance(1ms);
  }
  EXPECT_LE(member(kLeft, 0).counters.tx_pdus, 3U * 11U);
  EXPECT_GE(member(kLeft, 0).counters.tx_pdus, 3U * 9U);
}

TEST_F(LagTest, AHeldBackPduSpeaksOfTheMomentItLeaves) {  // 6.4.16
  negotiate();
  for (std::uint16_t priority = 1; priority <= 4; ++priority) {
    left.system_priority = priority;
    configure(kLeft, left);
  }
  EXPECT_TRUE(member(kLeft, 0).need_to_transmit);
  wire->advance(1s);
  EXPECT_FALSE(member(kLeft, 0).need_to_transmit);
  EXPECT_EQ(member(kRight, 0).partner.system_priority, 4);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
}

TEST_F(LagTest, NewTimingIsToldAtOnceAndResetsNothing) {
  negotiate();
  wire->advance(5s);
  left.time = LacpTime::fast;
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
  EXPECT_EQ(to_string(member(kRight, 0).partner.state),
            " activity timeout aggregation synchronized collecting distributing");
}

TEST_F(LagTest, NewActivityIsToldAtOnceAndResetsNothing) {
  negotiate();
  wire->advance(5s);
  left.activity = Activity::passive;
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kRight, kFirst));
  EXPECT_FALSE(member(kRight, 0).partner.state.has(Flag::activity));
}

TEST_F(LagTest, ANewSystemIdIsNegotiatedAtOnce) {
  negotiate();
  wire->advance(5s);
  left.system_id = kOtherSystem;
  configure(kLeft, left);
  EXPECT_EQ(member(kRight, 0).partner.system_id, kOtherSystem);
  wire->advance(1s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
  EXPECT_TRUE(carries(kRight, kFirst) && carries(kRight, kSecond));
}

TEST_F(LagTest, ANewSystemPriorityTakesTheBondFromNobody) {
  build_left();
  PortInfo other = their_port(11);
  other.system_id = kOtherSystem;
  hear(kLeft, kSecond, matching_pdu(their_port(12), left_port(2)));
  hear(kLeft, kFirst, matching_pdu(other, left_port(1)));
  EXPECT_TRUE(carries(kLeft, kSecond) && !carries(kLeft, kFirst));
  left.system_priority = 1;  // from now on our port numbers decide
  configure(kLeft, left);
  EXPECT_TRUE(carries(kLeft, kSecond) && !carries(kLeft, kFirst));
}

TEST_F(LagTest, ANewPortIdMakesTheMemberStartOver) {
  negotiate();
  wire->advance(5s);
  wire->cut(kSecond);
  configure_member(kLeft, kSecond, port("p1", 20));
  EXPECT_EQ(status(kLeft, 1), "expired attached");
  EXPECT_EQ(member(kLeft, 1).actor.port_id, 20);
  EXPECT_EQ(member(kLeft, 1).counters.link_expired, 0U);
  EXPECT_EQ(status(kLeft, 0), "current attached");
  wire->advance(3s);
  EXPECT_EQ(status(kLeft, 1), "defaulted detached");
}

TEST_F(LagTest, AConfiguredKeyIsThatOfTheFirstMember) {
  wire.emplace(left, right);
  MemberConfig first = port("p0", 1), second = port("p1", 2);
  first.aggregation_key = 500;
  second.aggregation_key = 600;
  wire->add(kLeft, kFirst, first);
  wire->add(kLeft, kSecond, second);
  EXPECT_EQ(member(kLeft, 1).actor.key, 500);
  EXPECT_EQ(wire->left().view(wire->now()).key, 500);
  first.aggregation_key = 0;
  configure_member(kLeft, kFirst, first);
  EXPECT_EQ(wire->left().view(wire->now()).key, 1) << "its port id";
}

TEST_F(LagTest, TheRestOfABondGoesOnWithoutItsFirstMember) {
  negotiate();
  wire->advance(5s);
  wire->act(kLeft, [](Lag& lag, TimePoint now) { return lag.remove_member(kFirst, now); });
  EXPECT_EQ(wire->left().view(wire->now()).key, 1);
  EXPECT_TRUE(carries(kLeft, kSecond) && carries(kRight, kSecond));
  EXPECT_FALSE(wire->left().may_enable(kFirst) || wire->left().current(kFirst));
}

TEST_F(LagTest, ABondWithoutMembersHasNoKey) {
  const Lag lag(left);
  EXPECT_EQ(to_text(lag.view(kStart)), R"(---- bond0 ----
  status: active
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: none
  lacp_time: slow
)");
  EXPECT_EQ(lag.deadline(), std::nullopt);
}

TEST_F(LagTest, APartnerThatMovedToAnotherMemberIsForgottenOnTheFirst) {  // port_moved, 6.4.9
  build_left();
  hear(kLeft, kFirst, matching_pdu(their_port(11), left_port(1)));
  link(kLeft, kFirst, Link::down);
  hear(kLeft, kSecond, matching_pdu(their_port(11), left_port(2)));
  EXPECT_EQ(member(kLeft, 0).partner.system_id, MacAddress());
  link(kLeft, kFirst, Link::up);
  EXPECT_EQ(member(kLeft, 0).partner.system_id, MacAddress());
}

TEST_F(LagTest, ADisabledPortRemembersItsPartner) {  // PORT_DISABLED, 6.4.12
  negotiate();
  link(kLeft, kFirst, Link::down);
  wire->advance(1min);
  wire->cut(kFirst);
  link(kLeft, kFirst, Link::up);
  EXPECT_EQ(member(kLeft, 0).partner.system_id, kRightSystem);
  EXPECT_EQ(status(kLeft, 0), "expired attached");
}

TEST_F(LagTest, AHalfDuplexLinkTakesNoPart) {  // 6.4.8: LACP_Enabled
  build();
  MemberConfig half = port("p0", 1);
  half.duplex = Duplex::half;
  configure_member(kLeft, kFirst, half);
  wire->advance(1s);
  EXPECT_EQ(member(kLeft, 0).rx, RxState::lacp_disabled);
  EXPECT_EQ(status(kLeft, 0), "defaulted detached");
  EXPECT_TRUE(carries(kLeft, kSecond));
  half.duplex = Duplex::full;
  configure_member(kLeft, kFirst, half);
  wire->advance(30s);
  EXPECT_TRUE(carries(kLeft, kFirst));
}

TEST_F(LagTest, AConfiguredPartnerIsAssumedWhenNobodySpeaks) {  // Partner_Admin_*, 6.4.7
  wire.emplace(left, right);
  for (const std::uint16_t id : kBothIds) {
    MemberConfig config = port(fmt::format("p{}", id), id);
    config.partner_admin = their_port(static_cast<std::uint16_t>(10 + id));
    config.partner_admin.state = flags(Flag::aggregation);
    wire->add(kLeft, MemberId{id}, config);
  }
  wire->advance(3s);
  EXPECT_TRUE(carries(kLeft, kFirst) && carries(kLeft, kSecond));
  EXPECT_EQ(wire->left().status(), Negotiation::negotiated);
}

TEST_F(LagTest, CountsWhatItReceives) {
  build_left();
  std::vector<std::uint8_t> bad(200, 0);
  std::vector<std::uint8_t> odd_marker = encode(MarkerPdu{}, kTheirSystem);
  odd_marker[17] = 3;
  hear(kLeft, kFirst, matching_pdu());
  hear(kLeft, kFirst, bad);
  hear(kLeft, kFirst, encode(MarkerPdu{}, kTheirSystem));
  hear(kLeft, kFirst, odd_marker);
  const Counters counters = member(kLeft, 0).counters;
  EXPECT_EQ(counters.rx_pdus, 4U);
  EXPECT_EQ(counters.rx_bad_pdus, 1U);
  EXPECT_EQ(counters.rx_markers, 2U);
  EXPECT_THAT(
      wire->seen(kLeft),
      Contains(Action(LogEvent{LogEvent::Level::warn, "bond0: received an unparsable LACP PDU."})));
}

TEST_F(LagTest, AFloodOfBadFramesIsLoggedOnceASecond) {
  build_left();
  const std::size_t before = wire->seen(kLeft).size();
  for (int i = 0; i < 1000; ++i) hear(kLeft, kFirst, std::vector<std::uint8_t>(60, 0));
  EXPECT_EQ(wire->seen(kLeft).size() - before, 1U);
  EXPECT_EQ(member(kLeft, 0).counters.rx_bad_pdus, 1000U);
}

TEST_F(LagTest, APduOnADeadLinkIsDroppedAndTheLinkAskedAgain) {
  build_left();
  link(kLeft, kFirst, Link::down);
  hear(kLeft, kFirst, matching_pdu());
  EXPECT_THAT(wire->seen(kLeft), Contains(Action(CheckLink{kFirst})));
  EXPECT_EQ(member(kLeft, 0).rx, RxState::port_disabled);
  EXPECT_EQ(member(kLeft, 0).counters.rx_pdus, 1U);
}

TEST_F(LagTest, AnswersMarkersFromItsOwnAddress) {  // 6.5.4.2
  build_left();
  const MarkerPdu question{.requester_port = 5, .requester_system = kTheirSystem, .transaction = 9};
  MarkerPdu answer = question;
  answer.kind = MarkerPdu::Kind::response;
  hear(kLeft, kFirst, encode(question, kTheirSystem));
  EXPECT_THAT(wire->seen(kLeft),
              Contains(Action(SendPdu{kFirst, encode(answer, port("p0", 1).mac)})));
  EXPECT_EQ(member(kLeft, 0).counters.marker_responses, 1U);
}

TEST_F(LagTest, AMarkerComesBackFromThePartner) {  // 6.5.4.1
  negotiate();
  wire->act(kLeft, [](Lag& lag, TimePoint now) { return lag.send_marker(kSecond, now); });
  EXPECT_THAT(wire->seen(kLeft), Contains(Action(MarkerReturned{kSecond, 1, 0s})));
  link(kLeft, kSecond, Link::down);
  EXPECT_THAT(wire->left().send_marker(kSecond, wire->now()), IsEmpty());
}

TEST_F(LagTest, DetectsChurn) {  // 6.4.17
  build_left();
  PortInfo other = their_port(12);
  other.system_id = kOtherSystem;
  for (int i = 0; i < 70; ++i) {
    hear(kLeft, kFirst, matching_pdu(their_port(11), left_port(1)));
    hear(kLeft, kSecond, matching_pdu(other, left_port(2)));
    wire->advance(1s);
  }
  EXPECT_EQ(member(kLeft, 0).actor_churn, ChurnState::no_churn);
  EXPECT_EQ(member(kLeft, 1).actor_churn, ChurnState::churn);
  EXPECT_EQ(member(kLeft, 1).counters.actor_churn, 1U);
}

TEST_F(LagTest, SaysWhenSomethingThatOthersSeeChanged) {
  Lag lag(left);
  EXPECT_THAT(lag.add_member(kFirst, port("p0", 1), Link::up, kStart),
              Contains(Action(StateChanged{})));
  EXPECT_THAT(lag.expire(kStart + 1s), Not(Contains(Action(StateChanged{}))));
  EXPECT_THAT(lag.expire(kStart + 3s), Contains(Action(StateChanged{})));
  EXPECT_THAT(lag.configure(left, kStart + 3s), IsEmpty());
}

TEST_F(LagTest, EarlyCallsAndUnknownMembersAreHarmless) {
  Lag lag(left);
  EXPECT_THAT(lag.expire(kStart), IsEmpty());
  EXPECT_THAT(lag.receive(kThird, encode(matching_pdu(), kTheirSystem), kStart), IsEmpty());
  EXPECT_THAT(lag.link_changed(kThird, Link::up, kStart), IsEmpty());
  EXPECT_THAT(lag.configure_member(kThird, {}, kStart), IsEmpty());
  EXPECT_THAT(lag.remove_member(kThird, kStart), IsEmpty());
  EXPECT_THAT(lag.send_marker(kThird, kStart), IsEmpty());
  EXPECT_FALSE(lag.may_enable(kThird));
  lag.add_member(kFirst, port("p0", 1), Link::up, kStart);
  EXPECT_THAT(lag.expire(kStart + 999ms), IsEmpty());
  EXPECT_EQ(lag.deadline(), kStart + 1s);
}

TEST_F(LagTest, RandomFramesAndTimesLeaveItInDefinedStates) {
  std::mt19937 random(4711);
  Lag lag(left);
  TimePoint now = kStart;
  lag.add_member(kFirst, port("p0", 1), Link::up, now);
  lag.add_member(kSecond, port("p1", 2), Link::up, now);
  for (int i = 0; i < 50'000; ++i) {
    std::vector<std::uint8_t> frame = encode(matching_pdu(), kTheirSystem);
    for (int change = 0; change < 3; ++change) {
      frame[12 + random() % 45] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) frame.resize(random() % frame.size());
    frame.shrink_to_fit();
    lag.receive(random() % 2 == 0 ? kFirst : kSecond, frame,
                now += Duration(random() % 1'000'000'000));
    lag.expire(now);
    for (const MemberView& view : lag.view(now).members) {
      EXPECT_NE(view.rx, RxState::initialize);
      EXPECT_LE(view.mux, MuxState::collecting_distributing);
      EXPECT_FALSE(view.may_enable && view.status != MemberStatus::current);
    }
  }
}

}  // namespace
}  // namespace bondway::lacp
