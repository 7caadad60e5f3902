#include "vswitchd/rstp/information.hpp"

#include "tests/rstp/machine_test.hpp"
#include "vswitchd/rstp/roles.hpp"

namespace bondway::rstp {
namespace {

// Clauses are those of IEEE 802.1D-2004.

using InfoIs = PortVariables::InfoIs;
using State = PortInformation::State;

class PortInformationTest : public MachineTest {
 protected:
  PortInformationTest() { update(); }
  /// CURRENT with information of its own.
  void update() {
    machine.begin(port);
    machine.step(port);
    port.selected = port.updt_info = true;
    machine.step(port);
    port.new_info = port.reselect = false;
  }
  State hear(const stp::AnyBpdu& message) {
    port.message = message;
    port.rcvd_msg = true;
    EXPECT_TRUE(machine.step(port));
    EXPECT_FALSE(port.rcvd_msg);
    return machine.state();
  }
  PortInformation machine;
};

TEST_F(PortInformationTest, Clause17_27_BeginIsDisabled) {
  port.agree = port.agreed = port.proposed = port.proposing = true;
  port.rcvd_info_while = 6;
  machine.begin(port);
  EXPECT_EQ(machine.state(), State::disabled);
  EXPECT_EQ(port.info_is, InfoIs::disabled);
  EXPECT_FALSE(port.agree || port.agreed || port.proposed || port.proposing);
  EXPECT_EQ(port.rcvd_info_while, 0u);
  EXPECT_TRUE(port.reselect);
  EXPECT_FALSE(port.selected);
}

TEST_F(PortInformationTest, Clause17_27_DisabledToAgedToUpdate) {
  machine.begin(port);
  port.reselect = false;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), State::aged);
  EXPECT_EQ(port.info_is, InfoIs::aged);
  EXPECT_TRUE(port.reselect);
  EXPECT_FALSE(machine.step(port)) << "until roles are selected";
  port.selected = port.updt_info = true;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), State::update);
  EXPECT_EQ(port.info_is, InfoIs::mine);
  EXPECT_EQ(port.port_priority, port.designated_priority);
  EXPECT_TRUE(port.new_info);
  EXPECT_FALSE(port.updt_info);
}

TEST_F(PortInformationTest, Clause17_27_AnyStateToDisabled) {
  hear(rapid(1));
  port.port_enabled = false;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), State::disabled);
  EXPECT_FALSE(machine.step(port));
  port.rcvd_msg = true;  // DISABLED to itself
  EXPECT_TRUE(machine.step(port));
  EXPECT_FALSE(port.rcvd_msg);
}

TEST_F(PortInformationTest, Clause17_27_UpdateKeepsAnAgreementOnlyToWhatIsNotWorse) {
  port.agreed = port.synced = port.updt_info = true;
  port.designated_priority.cost = 0;
  machine.step(port);
  EXPECT_TRUE(port.agreed && port.synced);
  port.designated_priority.cost = 5;
  port.updt_info = true;
  machine.step(port);
  EXPECT_FALSE(port.agreed || port.synced);
}

TEST_F(PortInformationTest, Clause17_27_SuperiorDesignated) {
  stp::RapidBpdu bpdu = rapid(1);
  bpdu.proposal = bpdu.config.topology_change = true;
  bpdu.config.hello_time = 3s;
  port.agreed = port.proposing = port.agree = true;
  EXPECT_EQ(hear(bpdu), State::superior_designated);
  EXPECT_EQ(port.info_is, InfoIs::received);
  EXPECT_EQ(port.port_priority.root, bpdu.config.root);
  EXPECT_EQ(port.port_times.hello_time, 3s);
  EXPECT_EQ(port.rcvd_info_while, 9u);
  EXPECT_TRUE(port.proposed && port.rcvd_tc && port.reselect);
  EXPECT_FALSE(port.agreed || port.proposing || port.selected);
  EXPECT_FALSE(port.agree) << "it was given to other information";
}

TEST_F(PortInformationTest, Clause17_27_SuperiorKeepsAnAgreementToWorseInformation) {
  hear(rapid(2));
  port.agree = true;
  EXPECT_EQ(hear(rapid(1)), State::superior_designated);
  EXPECT_TRUE(port.agree);
}

TEST_F(PortInformationTest, Clause17_6_WorseFromTheSameDesignatedPortIsSuperior) {
  hear(rapid(1));
  port.agree = true;
  stp::RapidBpdu worse = rapid(1);
  worse.config.root_path_cost = 100;
  EXPECT_EQ(hear(worse), State::superior_designated);
  EXPECT_EQ(port.port_priority.cost, 100u);
  EXPECT_FALSE(port.agree);
}

TEST_F(PortInformationTest, Clause17_21_8_OtherTimesAreSuperior) {
  hear(rapid(1));
  stp::RapidBpdu other = rapid(1);
  other.config.max_age = 30s;
  EXPECT_EQ(hear(other), State::superior_designated);
}

TEST_F(PortInformationTest, Clause17_27_RepeatedDesignated) {
  hear(rapid(1));
  port.rcvd_info_while = 1;
  port.reselect = false;
  stp::RapidBpdu bpdu = rapid(1);
  bpdu.proposal = bpdu.config.topology_change = true;
  EXPECT_EQ(hear(bpdu), State::repeated_designated);
  EXPECT_EQ(port.rcvd_info_while, 6u);
  EXPECT_TRUE(port.proposed && port.rcvd_tc);
  EXPECT_FALSE(port.reselect);
}

TEST_F(PortInformationTest, Clause17_27_InferiorDesignated) {
  stp::RapidBpdu bpdu = rapid(9);
  port.agreed = true;
  EXPECT_EQ(hear(bpdu), State::inferior_designated);
  EXPECT_TRUE(port.agreed);
  bpdu.learning = true;  // 17.21.10
  EXPECT_EQ(hear(bpdu), State::inferior_designated);
  EXPECT_TRUE(port.disputed);
  EXPECT_FALSE(port.agreed);
  EXPECT_EQ(port.info_is, InfoIs::mine);
}

TEST_F(PortInformationTest, Clause17_27_NotDesignated) {
  for (const auto role : {stp::RapidRole::root, stp::RapidRole::alternate_or_backup}) {
    port.proposing = true;
    stp::RapidBpdu bpdu = rapid(9, role);
    bpdu.agreement = true;
    EXPECT_EQ(hear(bpdu), State::not_designated);
    EXPECT_TRUE(port.agreed);
    EXPECT_FALSE(port.proposing);
    bpdu.agreement = false;
    hear(bpdu);
    EXPECT_FALSE(port.agreed);
  }
}

TEST_F(PortInformationTest, Clause17_21_9_NobodyAgreesOnASharedMedium) {
  port.config.point_to_point = false;
  port.proposing = true;
  stp::RapidBpdu bpdu = rapid(9, stp::RapidRole::root);
  bpdu.agreement = true;
  hear(bpdu);
  EXPECT_FALSE(port.agreed);
  EXPECT_TRUE(port.proposing);
}

TEST_F(PortInformationTest, Clause17_27_Other) {
  EXPECT_EQ(hear(rapid(1, stp::RapidRole::root)), State::other) << "a root port that knows better";
  EXPECT_EQ(hear(rapid(1, stp::RapidRole::unknown)), State::other);
  stp::RapidBpdu own = rapid(5);
  own.config.root_path_cost = 0;
  EXPECT_EQ(hear(own), State::other) << "our own, come back";
  EXPECT_EQ(port.info_is, InfoIs::mine);
}

TEST_F(PortInformationTest, Clause17_21_17_ANotificationIsOfATopologyChange) {
  EXPECT_EQ(hear(stp::TopologyChangeBpdu()), State::other);
  EXPECT_TRUE(port.rcvd_tcn);
}

TEST_F(PortInformationTest, Clause17_21_8_AConfigurationIsOfADesignatedPort) {
  stp::ConfigBpdu bpdu = rapid(1).config;
  bpdu.topology_change_ack = true;
  EXPECT_EQ(hear(bpdu), State::superior_designated);
  EXPECT_TRUE(port.rcvd_tc_ack);
  EXPECT_FALSE(port.proposed);
}

TEST_F(PortInformationTest, Clause17_27_CurrentToAged) {
  hear(rapid(1));
  port.rcvd_info_while = 1;
  EXPECT_FALSE(machine.step(port));
  port.rcvd_info_while = 0;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), State::aged);
}

TEST_F(PortInformationTest, Clause17_21_23_WhatIsTooOldIsNotKept) {
  stp::RapidBpdu bpdu = rapid(1);
  bpdu.config.message_age = 19s;
  hear(bpdu);
  EXPECT_EQ(port.rcvd_info_while, 6u);
  bpdu.config.message_age = 20s;
  hear(bpdu);
  EXPECT_EQ(port.rcvd_info_while, 0u);
}

TEST_F(PortInformationTest, Clause17_21_12_AHelloTimeIsAtLeastOneSecond) {
  stp::RapidBpdu bpdu = rapid(1);
  bpdu.config.hello_time = 0s;
  hear(bpdu);
  EXPECT_EQ(port.port_times.hello_time, 1s);
}

// ---- Port Role Selection, 17.28

class RoleSelectionTest : public PortInformationTest {
 protected:
  void select() {
    port.reselect = true;
    EXPECT_TRUE(selection.step(bridge));
    EXPECT_FALSE(selection.step(bridge));
    EXPECT_TRUE(port.selected && second.selected && third.selected);
  }
  void know(PortVariables& about, std::uint8_t bridge_number, std::uint32_t cost = 0) {
    about.info_is = InfoIs::received;
    const BridgeId id{32768, MacAddress::from_number(0x0200'0000'0000 + bridge_number)};
    about.port_priority = {
        {32768, MacAddress::from_number(0x0200'0000'0001)}, cost, id, {0x8001}, about.config.id};
    about.port_times = {1s, 30s, 20s, 1s};
  }
  RoleSelection selection;
};

TEST_F(RoleSelectionTest, Clause17_21_25_WithoutNeighboursTheBridgeIsTheRoot) {
  select();
  EXPECT_EQ(bridge.root_priority.root, bridge.config.id);
  EXPECT_FALSE(bridge.root_port);
  EXPECT_EQ(port.selected_role, Role::designated);
}

TEST_F(RoleSelectionTest, Clause17_21_25_TheBestPathIsTheRootPorts) {
  know(port, 2, 300);
  know(second, 3, 100);
  select();
  EXPECT_EQ(bridge.root_port, second.handle);
  EXPECT_EQ(bridge.root_priority.cost, 2100u);
  EXPECT_EQ(second.selected_role, Role::root);
  EXPECT_EQ(port.selected_role, Role::alternate) << "it knows 300, and we can offer only 2100";
  EXPECT_EQ(third.selected_role, Role::designated);
}

TEST_F(RoleSelectionTest, Clause17_21_25_TheCostOfThePortCounts) {
  know(port, 2, 300);
  know(second, 3, 100);
  second.config.path_cost = 20000;
  select();
  EXPECT_EQ(bridge.root_port, port.handle);
}

TEST_F(RoleSelectionTest, Clause17_21_25_AnAbsurdCostDoesNotWrap) {
  know(port, 2, 0xffff'ffff);
  select();
  EXPECT_EQ(bridge.root_priority.cost, 0xffff'ffffu);
}

TEST_F(RoleSelectionTest, Clause17_21_25_TimesAreTheRootsOneSecondOlder) {
  know(port, 2);
  select();
  EXPECT_EQ(bridge.root_times, (Times{2s, 30s, 20s, 1s}));
  EXPECT_EQ(third.designated_times, (Times{2s, 30s, 20s, 2s})) << "but with a hello of our own";
}

TEST_F(RoleSelectionTest, Clause17_21_25_AnotherWayToTheRootIsAnAlternate) {
  know(port, 1);
  know(second, 1);
  second.port_priority.port = {0x8002};
  select();
  EXPECT_EQ(port.selected_role, Role::root);
  EXPECT_EQ(second.selected_role, Role::alternate);
  EXPECT_FALSE(second.updt_info);
}

TEST_F(RoleSelectionTest, Clause17_21_25_OfOneBridgesPortsTheSecondIsABackup) {
  second.info_is = InfoIs::received;
  second.port_priority = port.designated_priority;
  select();
  EXPECT_EQ(second.selected_role, Role::backup);
  EXPECT_FALSE(bridge.root_port);
}

TEST_F(RoleSelectionTest, Clause17_21_25_WorseInformationIsReplaced) {
  know(port, 1);
  know(second, 9, 50000);
  select();
  EXPECT_EQ(second.selected_role, Role::designated);
  EXPECT_TRUE(second.updt_info);
}

TEST_F(RoleSelectionTest, Clause17_21_25_DisabledAndAgedPorts) {
  port.info_is = InfoIs::disabled;
  second.info_is = InfoIs::aged;
  select();
  EXPECT_EQ(port.selected_role, Role::disabled);
  EXPECT_FALSE(port.updt_info);
  EXPECT_EQ(second.selected_role, Role::designated);
  EXPECT_TRUE(second.updt_info);
}

TEST_F(RoleSelectionTest, Clause17_21_25_OwnInformationIsUpdatedWhenItDiffers) {
  select();
  EXPECT_FALSE(third.updt_info);
  third.port_times.max_age = 7s;
  select();
  EXPECT_TRUE(third.updt_info);
}

}  // namespace
}  // namespace bondway::rstp
