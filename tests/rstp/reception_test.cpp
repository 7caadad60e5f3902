#include "vswitchd/rstp/reception.hpp"

#include "tests/rstp/machine_test.hpp"

namespace bondway::rstp {
namespace {

// Clauses are those of IEEE 802.1D-2004.

// ---- Port Receive, 17.23

class PortReceiveTest : public MachineTest {
 protected:
  PortReceiveTest() { machine.begin(port); }
  PortReceive machine;
};

TEST_F(PortReceiveTest, Clause17_23_BeginDiscards) {
  EXPECT_EQ(machine.state(), PortReceive::State::discard);
  EXPECT_EQ(port.edge_delay_while, 3u);
  EXPECT_FALSE(machine.step(port));
}

TEST_F(PortReceiveTest, Clause17_23_DiscardToReceive) {
  port.oper_edge = port.rcvd_bpdu = true;
  port.message = rapid(1);
  port.edge_delay_while = 1;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), PortReceive::State::receive);
  EXPECT_TRUE(port.rcvd_msg && port.rcvd_rstp);
  EXPECT_FALSE(port.rcvd_stp || port.rcvd_bpdu || port.oper_edge);
  EXPECT_EQ(port.edge_delay_while, 3u);
}

TEST_F(PortReceiveTest, Clause17_21_22_AnOlderBpduIsNoted) {
  for (const stp::AnyBpdu& older :
       {stp::AnyBpdu(stp::ConfigBpdu()), stp::AnyBpdu(stp::TopologyChangeBpdu())}) {
    port.rcvd_stp = port.rcvd_msg = false;
    port.rcvd_bpdu = true;
    port.message = older;
    machine.step(port);
    EXPECT_TRUE(port.rcvd_stp);
    EXPECT_FALSE(port.rcvd_rstp);
  }
}

TEST_F(PortReceiveTest, Clause17_23_ReceiveWaitsUntilTheMessageIsDealtWith) {
  port.message = rapid(1);
  port.rcvd_bpdu = port.rcvd_msg = true;
  EXPECT_FALSE(machine.step(port));
  port.rcvd_msg = false;
  EXPECT_TRUE(machine.step(port));
}

TEST_F(PortReceiveTest, Clause17_23_ADisabledPortDiscards) {
  port.message = rapid(1);
  port.rcvd_bpdu = true;
  machine.step(port);
  port.port_enabled = false;
  port.edge_delay_while = 2;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), PortReceive::State::discard);
  EXPECT_FALSE(port.rcvd_msg || port.rcvd_rstp);
  EXPECT_EQ(port.edge_delay_while, 3u);
  EXPECT_FALSE(machine.step(port));
}

// ---- Port Protocol Migration, 17.24

class PortMigrationTest : public MachineTest {
 protected:
  PortMigrationTest() { machine.begin(bridge, port); }
  void sense() {
    port.mdelay_while = 0;
    machine.step(bridge, port);
  }
  PortMigration machine;
};

TEST_F(PortMigrationTest, Clause17_24_BeginChecks) {
  EXPECT_EQ(machine.state(), PortMigration::State::checking_rstp);
  EXPECT_TRUE(port.send_rstp);
  EXPECT_EQ(port.mdelay_while, 3u);
  port.rcvd_stp = true;
  EXPECT_FALSE(machine.step(bridge, port)) << "not yet";
}

TEST_F(PortMigrationTest, Clause17_24_AnOlderBridgeSendsNoRapidBpdus) {
  bridge.config.rapid = false;
  machine.begin(bridge, port);
  EXPECT_FALSE(port.send_rstp);
}

TEST_F(PortMigrationTest, Clause17_24_CheckingStaysWhileDisabled) {
  port.port_enabled = false;
  EXPECT_FALSE(machine.step(bridge, port));
  port.mdelay_while = 1;
  EXPECT_TRUE(machine.step(bridge, port));
  EXPECT_EQ(machine.state(), PortMigration::State::checking_rstp);
  EXPECT_EQ(port.mdelay_while, 3u);
}

TEST_F(PortMigrationTest, Clause17_24_CheckingToSensing) {
  port.rcvd_stp = port.rcvd_rstp = true;
  sense();
  EXPECT_EQ(machine.state(), PortMigration::State::sensing);
  EXPECT_FALSE(port.rcvd_stp || port.rcvd_rstp);
}

TEST_F(PortMigrationTest, Clause17_24_SensingToSelectingStp) {
  sense();
  port.rcvd_stp = true;
  EXPECT_TRUE(machine.step(bridge, port));
  EXPECT_EQ(machine.state(), PortMigration::State::selecting_stp);
  EXPECT_FALSE(port.send_rstp);
  EXPECT_EQ(port.mdelay_while, 3u);
  EXPECT_FALSE(machine.step(bridge, port));
}

TEST_F(PortMigrationTest, Clause17_24_SelectingStpToSensing) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row :
       {Case{"the delay is over", [](PortVariables& p) { p.mdelay_while = 0; }},
        Case{"the port is disabled", [](PortVariables& p) { p.port_enabled = false; }},
        Case{"mcheck", [](PortVariables& p) { p.mcheck = true; }}}) {
    SCOPED_TRACE(row.why);
    machine.begin(bridge, port);
    sense();
    port.rcvd_stp = true;
    machine.step(bridge, port);
    row.cause(port);
    EXPECT_TRUE(machine.step(bridge, port));
    EXPECT_EQ(machine.state(), PortMigration::State::sensing);
    port.port_enabled = true;
    port.mcheck = false;
  }
}

TEST_F(PortMigrationTest, Clause17_24_SensingToChecking) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row :
       {Case{"a rapid BPDU", [](PortVariables& p) { p.rcvd_rstp = true; }},
        Case{"the port is disabled", [](PortVariables& p) { p.port_enabled = false; }},
        Case{"mcheck", [](PortVariables& p) { p.mcheck = true; }}}) {
    SCOPED_TRACE(row.why);
    machine.begin(bridge, port);
    sense();
    port.send_rstp = false;
    EXPECT_FALSE(machine.step(bridge, port));
    row.cause(port);
    EXPECT_TRUE(machine.step(bridge, port));
    EXPECT_EQ(machine.state(), PortMigration::State::checking_rstp);
    EXPECT_TRUE(port.send_rstp);
    EXPECT_FALSE(port.mcheck);
    port.port_enabled = true;
    port.rcvd_rstp = false;
  }
}

TEST_F(PortMigrationTest, Clause17_24_RapidBpdusDoNotMoveAnOlderBridge) {
  bridge.config.rapid = false;
  machine.begin(bridge, port);
  sense();
  port.rcvd_rstp = true;
  EXPECT_FALSE(machine.step(bridge, port));
}

// ---- Bridge Detection, 17.25

class BridgeDetectionTest : public MachineTest {
 protected:
  BridgeDetection machine;
};

TEST_F(BridgeDetectionTest, Clause17_25_BeginDependsOnAdminEdge) {
  machine.begin(port);
  EXPECT_EQ(machine.state(), BridgeDetection::State::not_edge);
  EXPECT_FALSE(port.oper_edge);
  port.config.admin_edge = true;
  machine.begin(port);
  EXPECT_EQ(machine.state(), BridgeDetection::State::edge);
  EXPECT_TRUE(port.oper_edge);
}

TEST_F(BridgeDetectionTest, Clause17_25_NotEdgeToEdgeWhenNobodyAnswers) {
  machine.begin(port);
  port.edge_delay_while = 0;
  port.proposing = true;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), BridgeDetection::State::edge);
  EXPECT_TRUE(port.oper_edge);
}

TEST_F(BridgeDetectionTest, Clause17_25_NotEdgeStaysWithoutAnyOfItsConditions) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row :
       {Case{"it may yet answer", [](PortVariables& p) { p.edge_delay_while = 1; }},
        Case{"not wanted", [](PortVariables& p) { p.config.auto_edge = false; }},
        Case{"an older neighbour", [](PortVariables& p) { p.send_rstp = false; }},
        Case{"nothing was asked", [](PortVariables& p) { p.proposing = false; }}}) {
    SCOPED_TRACE(row.why);
    machine.begin(port);
    PortVariables changed = port;
    changed.edge_delay_while = 0;
    changed.proposing = true;
    row.cause(changed);
    EXPECT_FALSE(machine.step(changed));
  }
}

TEST_F(BridgeDetectionTest, Clause17_25_NotEdgeToEdgeOfADisabledPort) {
  machine.begin(port);
  port.port_enabled = false;
  EXPECT_FALSE(machine.step(port));
  port.config.admin_edge = true;
  EXPECT_TRUE(machine.step(port));
  EXPECT_TRUE(port.oper_edge);
}

TEST_F(BridgeDetectionTest, Clause17_25_EdgeToNotEdge) {
  port.config.admin_edge = true;
  machine.begin(port);
  EXPECT_FALSE(machine.step(port));
  port.oper_edge = false;  // as Port Receive leaves it
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(machine.state(), BridgeDetection::State::not_edge);
  machine.begin(port);
  port.port_enabled = false;
  EXPECT_FALSE(machine.step(port)) << "by configuration it is one";
  port.config.admin_edge = false;
  EXPECT_TRUE(machine.step(port));
  EXPECT_FALSE(port.oper_edge);
}

}  // namespace
}  // namespace bondway::rstp
