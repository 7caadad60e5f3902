#include "vswitchd/lacp/rx_machine.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

constexpr Duration kLongTimeout = 90s;

/// The receive machine of a port of ours.  IEEE 802.1AX-2014, 6.4.12, Figure 6-18.
class RxMachineTest : public ::testing::Test {
 protected:
  RxEffects hear(const Lacpdu& pdu = matching_pdu()) {
    return rx.receive(pdu, our_port(), kLongTimeout, now);
  }
  RxEffects advance(Duration span) { return rx.expire(admin, now += span); }

  void link_up_and_hear_partner() {
    rx.enable(now);
    hear();
  }

  TimePoint now = kStart;
  PortInfo admin;
  RxMachine rx;
};

TEST_F(RxMachineTest,
       BeginsDisabledWithTheDefaultPartner) {  // BEGIN -> INITIALIZE -> PORT_DISABLED
  EXPECT_EQ(rx.state(), RxState::port_disabled);
  EXPECT_TRUE(rx.defaulted());
  EXPECT_FALSE(rx.expired());
  EXPECT_EQ(rx.partner(), PortInfo{});
  EXPECT_EQ(rx.deadline(), std::nullopt);
}

TEST_F(RxMachineTest, ExpiresAtOnceWhenThePortIsEnabled) {  // PORT_DISABLED -> EXPIRED
  EXPECT_EQ(rx.enable(now), RxEffects{});
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_TRUE(rx.expired());
  EXPECT_EQ(rx.partner().state, flags(Flag::timeout));
  EXPECT_EQ(rx.deadline(), now + 3s);
}

TEST_F(RxMachineTest, IsDefaultedThreeSecondsLater) {  // EXPIRED -> DEFAULTED
  rx.enable(now);
  advance(3s - 1ns);
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_EQ(advance(1ns), RxEffects{}) << "the partner was the default one all the time";
  EXPECT_EQ(rx.state(), RxState::defaulted);
  EXPECT_FALSE(rx.expired());
  EXPECT_TRUE(rx.defaulted());
  EXPECT_EQ(rx.partner().state, flags(Flag::synchronization)) << "recordDefault, 6.4.9";
  EXPECT_EQ(rx.deadline(), std::nullopt);
}

TEST_F(RxMachineTest, LearnsAPartnerWhileExpired) {  // EXPIRED -> CURRENT
  rx.enable(now);
  EXPECT_EQ(hear(), (RxEffects{.unselect = true}));
  EXPECT_EQ(rx.state(), RxState::current);
  EXPECT_FALSE(rx.defaulted());
  EXPECT_FALSE(rx.expired());
  EXPECT_EQ(rx.partner(), their_port());
  EXPECT_EQ(rx.deadline(), now + kLongTimeout);
}

TEST_F(RxMachineTest, LearnsAPartnerWhileDefaulted) {  // DEFAULTED -> CURRENT
  rx.enable(now);
  advance(3s);
  EXPECT_TRUE(hear().unselect);
  EXPECT_EQ(rx.state(), RxState::current);
}

TEST_F(RxMachineTest, StaysCurrentWithEveryFurtherPdu) {  // CURRENT -> CURRENT
  link_up_and_hear_partner();
  advance(60s);
  EXPECT_EQ(hear(), RxEffects{});
  EXPECT_EQ(rx.deadline(), now + kLongTimeout);
}

TEST_F(RxMachineTest, TakesTheTimeoutThatIsOurs) {  // Start current_while_timer, 6.4.9
  rx.enable(now);
  rx.receive(matching_pdu(), our_port(), kShortTimeout, now);
  EXPECT_EQ(rx.deadline(), now + 3s);
}

TEST_F(RxMachineTest, ForgetsASilentPartnerInTwoSteps) {  // CURRENT -> EXPIRED -> DEFAULTED
  link_up_and_hear_partner();
  EXPECT_EQ(advance(kLongTimeout), RxEffects{});
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_EQ(rx.partner().system_id, kTheirSystem);
  EXPECT_EQ(rx.partner().state,
            without(with(their_port().state, Flag::timeout), Flag::synchronization));
  EXPECT_EQ(advance(3s), (RxEffects{.unselect = true})) << "update_Default_Selected, 6.4.9";
  EXPECT_EQ(rx.state(), RxState::defaulted);
  EXPECT_EQ(rx.partner().system_id, MacAddress());
}

TEST_F(RxMachineTest, OneLateCallIsOneStep) {
  link_up_and_hear_partner();
  advance(1h);
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_EQ(rx.deadline(), now + 3s);
}

TEST_F(RxMachineTest, RemembersThePartnerOfADisabledPort) {  // any state -> PORT_DISABLED
  link_up_and_hear_partner();
  EXPECT_EQ(rx.disable(), RxEffects{});
  EXPECT_EQ(rx.state(), RxState::port_disabled);
  EXPECT_EQ(rx.partner().port_id, their_port().port_id);
  EXPECT_FALSE(rx.partner().state.has(Flag::synchronization));
  EXPECT_EQ(rx.deadline(), std::nullopt);
  rx.enable(now);
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_FALSE(rx.defaulted());
}

TEST_F(RxMachineTest, IsDisabledFromEveryOtherState) {
  rx.enable(now);
  rx.disable();
  EXPECT_EQ(rx.state(), RxState::port_disabled) << "from EXPIRED";
  rx.enable(now);
  advance(3s);
  rx.disable();
  EXPECT_EQ(rx.state(), RxState::port_disabled) << "from DEFAULTED";
  rx.enable_without_lacp(admin);
  rx.disable();
  EXPECT_EQ(rx.state(), RxState::port_disabled) << "from LACP_DISABLED";
}

TEST_F(RxMachineTest, HearsNothingWhileDisabled) {
  EXPECT_EQ(hear(), RxEffects{});
  EXPECT_EQ(rx.state(), RxState::port_disabled);
  EXPECT_TRUE(rx.defaulted());
}

TEST_F(RxMachineTest, ForgetsAPartnerThatMoved) {  // PORT_DISABLED, port_moved -> INITIALIZE
  link_up_and_hear_partner();
  EXPECT_EQ(rx.port_moved(admin), RxEffects{}) << "not while the port is enabled";
  rx.disable();
  EXPECT_EQ(rx.port_moved(admin), (RxEffects{.unselect = true}));
  EXPECT_EQ(rx.state(), RxState::port_disabled);
  EXPECT_EQ(rx.partner(), PortInfo{});
  EXPECT_TRUE(rx.defaulted());
}

TEST_F(RxMachineTest, LeavesAPortWithoutLacpToItself) {  // PORT_DISABLED -> LACP_DISABLED
  EXPECT_EQ(rx.enable_without_lacp(admin), (RxEffects{.unselect = true}));
  EXPECT_EQ(rx.state(), RxState::lacp_disabled);
  EXPECT_EQ(hear(), RxEffects{});
  EXPECT_EQ(rx.restart(now), RxEffects{});
  EXPECT_EQ(rx.state(), RxState::lacp_disabled);
  EXPECT_FALSE(rx.partner().state.has(Flag::aggregation));
}

TEST_F(RxMachineTest,
       StartsOverWhenLacpIsSwitchedOn) {  // LACP_DISABLED -> PORT_DISABLED -> EXPIRED
  rx.enable_without_lacp(admin);
  rx.enable(now);
  EXPECT_EQ(rx.state(), RxState::expired);
}

TEST_F(RxMachineTest, EnablingTwiceIsEnablingOnce) {
  link_up_and_hear_partner();
  rx.enable(now);
  EXPECT_EQ(rx.state(), RxState::current);
}

TEST_F(RxMachineTest, RestartKeepsThePartnerForThreeSeconds) {
  link_up_and_hear_partner();
  rx.restart(now);
  EXPECT_EQ(rx.state(), RxState::expired);
  EXPECT_EQ(rx.partner().system_id, kTheirSystem);
  EXPECT_EQ(rx.deadline(), now + 3s);
}

TEST_F(RxMachineTest, AssumesTheConfiguredPartner) {  // recordDefault, 6.4.9
  admin = their_port();
  admin.state = flags(Flag::aggregation);
  rx = RxMachine(admin);
  rx.enable(now);
  EXPECT_FALSE(advance(3s).unselect);
  EXPECT_EQ(rx.partner().system_id, kTheirSystem);
  EXPECT_EQ(rx.partner().state, flags(Flag::aggregation, Flag::synchronization));
}

TEST_F(RxMachineTest, UnselectsWhenThePartnerIsAnother) {  // update_Selected, 6.4.9
  struct Row {
    const char* name;
    void (*change)(PortInfo&);
  };
  const Row rows[] = {
      {"port", [](PortInfo& p) { ++p.port_id; }},
      {"port priority", [](PortInfo& p) { --p.port_priority; }},
      {"system", [](PortInfo& p) { p.system_id = kOtherSystem; }},
      {"system priority", [](PortInfo& p) { --p.system_priority; }},
      {"key", [](PortInfo& p) { ++p.key; }},
      {"aggregation", [](PortInfo& p) { p.state.clear(Flag::aggregation); }},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    rx = RxMachine();
    link_up_and_hear_partner();
    Lacpdu pdu = matching_pdu();
    row.change(pdu.actor);
    EXPECT_TRUE(hear(pdu).unselect);
    EXPECT_FALSE(hear(pdu).unselect) << "once it is recorded";
  }
}

TEST_F(RxMachineTest, DoesNotUnselectForOtherFlags) {  // update_Selected, 6.4.9
  link_up_and_hear_partner();
  for (const Flag flag : {Flag::activity, Flag::timeout, Flag::synchronization, Flag::collecting,
                          Flag::distributing, Flag::defaulted, Flag::expired}) {
    Lacpdu pdu = matching_pdu();
    pdu.actor.state.set(flag, !pdu.actor.state.has(flag));
    EXPECT_FALSE(hear(pdu).unselect);
  }
}

TEST_F(RxMachineTest, CorrectsAPartnerThatKnowsUsWrongly) {  // update_NTT, 6.4.9
  struct Row {
    const char* name;
    void (*change)(PortInfo&);
  };
  const Row wrong[] = {
      {"port", [](PortInfo& p) { ++p.port_id; }},
      {"port priority", [](PortInfo& p) { --p.port_priority; }},
      {"system", [](PortInfo& p) { p.system_id = kOtherSystem; }},
      {"system priority", [](PortInfo& p) { --p.system_priority; }},
      {"key", [](PortInfo& p) { ++p.key; }},
      {"activity", [](PortInfo& p) { p.state.clear(Flag::activity); }},
      {"timeout", [](PortInfo& p) { p.state.set(Flag::timeout); }},
      {"aggregation", [](PortInfo& p) { p.state.clear(Flag::aggregation); }},
      {"synchronization", [](PortInfo& p) { p.state.clear(Flag::synchronization); }},
  };
  link_up_and_hear_partner();
  for (const Row& row : wrong) {
    SCOPED_TRACE(row.name);
    Lacpdu pdu = matching_pdu();
    row.change(pdu.partner);
    EXPECT_TRUE(hear(pdu).need_to_transmit);
  }
  for (const Flag flag : {Flag::collecting, Flag::distributing, Flag::defaulted, Flag::expired}) {
    Lacpdu pdu = matching_pdu();
    pdu.partner.state.set(flag, !pdu.partner.state.has(flag));
    EXPECT_FALSE(hear(pdu).need_to_transmit);
  }
}

TEST(PartnerInSync, WhenItMeansUs) {  // recordPDU, 6.4.9
  EXPECT_TRUE(partner_in_sync(matching_pdu(), our_port()));
  Lacpdu pdu = matching_pdu();
  pdu.partner.port_id = 2;
  EXPECT_FALSE(partner_in_sync(pdu, our_port())) << "it speaks to another port";
  pdu = matching_pdu();
  pdu.partner.state.clear(Flag::aggregation);
  EXPECT_FALSE(partner_in_sync(pdu, our_port())) << "it takes us for individual";
  pdu = matching_pdu();
  pdu.partner.state.clear(Flag::synchronization);
  EXPECT_TRUE(partner_in_sync(pdu, our_port())) << "whether we are attached is another matter";
}

TEST(PartnerInSync, OnlyIfItSaysSo) {  // recordPDU, 6.4.9
  Lacpdu pdu = matching_pdu();
  pdu.actor.state.clear(Flag::synchronization);
  EXPECT_FALSE(partner_in_sync(pdu, our_port()));
}

TEST(PartnerInSync, WhenItIsIndividualWhateverItKnowsOfUs) {  // recordPDU, 6.4.9
  Lacpdu pdu = matching_pdu();
  pdu.actor.state.clear(Flag::aggregation);
  pdu.partner = {};
  EXPECT_TRUE(partner_in_sync(pdu, our_port()));
  pdu.actor.state.clear(Flag::synchronization);
  EXPECT_FALSE(partner_in_sync(pdu, our_port()));
}

TEST(PartnerInSync, OnlyWhileSomebodyIsActive) {  // recordPDU, 6.4.9
  Lacpdu pdu = matching_pdu();
  pdu.actor.state.clear(Flag::activity);
  EXPECT_TRUE(partner_in_sync(pdu, our_port())) << "we are, and it knows";
  Lacpdu unaware = pdu;
  unaware.partner.state.clear(Flag::activity);
  EXPECT_FALSE(partner_in_sync(unaware, our_port())) << "we are, but it does not know";
  PortInfo passive = our_port();
  passive.state.clear(Flag::activity);
  EXPECT_FALSE(partner_in_sync(pdu, passive)) << "nobody is";
}

}  // namespace
}  // namespace bondway::lacp
