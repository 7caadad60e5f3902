#include "vswitchd/rstp/transitions.hpp"

#include "tests/rstp/machine_test.hpp"
#include "vswitchd/rstp/transmission.hpp"

namespace bondway::rstp {
namespace {

// Clauses are those of IEEE 802.1D-2004.

// ---- Port Role Transitions, 17.29

class RoleTransitionsTest : public MachineTest {
 protected:
  bool step() { return machine.step(bridge, port); }
  /// Takes so many transitions, and no more are left.
  void steps(int number) {
    for (int i = 0; i < number; ++i) EXPECT_TRUE(step()) << i;
    EXPECT_FALSE(step());
  }
  /// A port of this role that forwards, and has nothing to do.
  void rest_as(Role role) {
    set_role(port, role);
    port.learn = port.learning = port.forward = port.forwarding = true;
    port.synced = true;
    if (role == Role::root) {
      port.agree = true;
      port.rr_while = 15;
    }
    ASSERT_FALSE(step());
  }
  void discard() { port.learn = port.learning = port.forward = port.forwarding = false; }
  RoleTransitions machine;
};

TEST_F(RoleTransitionsTest, Clause17_29_1_InitPort) {
  port.learn = port.forward = port.synced = true;
  machine.begin(port);
  EXPECT_EQ(port.role, Role::disabled);
  EXPECT_FALSE(port.learn || port.forward || port.synced);
  EXPECT_TRUE(port.sync && port.re_root);
  EXPECT_EQ(port.rr_while, 15u);
  EXPECT_EQ(port.fd_while, 20u);
  EXPECT_EQ(port.rb_while, 0u);
}

TEST_F(RoleTransitionsTest, Clause17_29_NothingMovesUntilRolesAreSelected) {
  port.selected_role = Role::root;
  port.selected = false;
  EXPECT_FALSE(step());
  port.selected = port.updt_info = true;
  EXPECT_FALSE(step());
}

TEST_F(RoleTransitionsTest, Clause17_29_1_DisablePortToDisabledPort) {
  rest_as(Role::designated);
  port.selected_role = Role::disabled;
  EXPECT_TRUE(step());
  EXPECT_EQ(port.role, Role::disabled);
  EXPECT_FALSE(port.learn || port.forward);
  EXPECT_FALSE(step()) << "until it neither learns nor forwards";
  port.learning = port.forwarding = false;
  port.rr_while = 3;
  port.sync = port.re_root = true;
  steps(1);
  EXPECT_EQ(port.fd_while, 20u);
  EXPECT_EQ(port.rr_while, 0u);
  EXPECT_TRUE(port.synced);
  EXPECT_FALSE(port.sync || port.re_root);
  --port.fd_while;
  steps(1);
  EXPECT_EQ(port.fd_while, 20u) << "it is held";
}

TEST_F(RoleTransitionsTest, Clause17_29_2_RootPort) {
  rest_as(Role::designated);
  port.agree = true;
  port.selected_role = Role::root;
  steps(1);
  EXPECT_EQ(port.role, Role::root);
  EXPECT_EQ(port.rr_while, 15u);
  --port.rr_while;
  steps(1);
  EXPECT_EQ(port.rr_while, 15u) << "it is held";
}

TEST_F(RoleTransitionsTest, Clause17_29_2_RootProposedThenRootAgreed) {
  rest_as(Role::root);
  port.agree = false;
  second.synced = false;
  EXPECT_FALSE(step()) << "not all are in synchrony";
  port.proposed = true;
  EXPECT_TRUE(step());  // ROOT_PROPOSED
  EXPECT_FALSE(port.proposed);
  EXPECT_TRUE(second.sync && third.sync);
  EXPECT_FALSE(step());
  second.synced = true;
  EXPECT_TRUE(step());  // ROOT_AGREED
  EXPECT_TRUE(port.agree && port.new_info);
  EXPECT_FALSE(port.sync);
}

TEST_F(RoleTransitionsTest, Clause17_29_2_AProposalThatIsAgreedToIsAnsweredAgain) {
  rest_as(Role::root);
  port.proposed = true;
  steps(1);
  EXPECT_TRUE(port.new_info);
  EXPECT_FALSE(port.proposed);
}

TEST_F(RoleTransitionsTest, Clause17_29_2_RerootToForward) {
  rest_as(Role::root);
  discard();
  port.fd_while = 15;
  second.rr_while = 7;
  EXPECT_TRUE(step());  // REROOT
  EXPECT_TRUE(port.re_root && second.re_root && third.re_root);
  EXPECT_FALSE(step()) << "a former root port is not yet retired";
  second.rr_while = 0;
  EXPECT_TRUE(step());  // ROOT_LEARN
  EXPECT_TRUE(port.learn);
  EXPECT_EQ(port.fd_while, 2u);
  EXPECT_TRUE(step());  // ROOT_FORWARD
  EXPECT_TRUE(port.forward);
  EXPECT_EQ(port.fd_while, 0u);
  steps(1);  // REROOTED
  EXPECT_FALSE(port.re_root);
}

TEST_F(RoleTransitionsTest, Clause17_29_2_AFormerBackupPortTakesItsTime) {
  rest_as(Role::root);
  discard();
  port.re_root = true;
  port.fd_while = 15;
  port.rb_while = 1;
  EXPECT_FALSE(step());
  port.rb_while = 0;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.learn);
}

TEST_F(RoleTransitionsTest, Clause17_29_2_AnOlderBridgeWaitsForTheDelay) {
  rest_as(Role::root);
  discard();
  bridge.config.rapid = port.send_rstp = false;
  port.re_root = true;
  port.fd_while = 1;
  EXPECT_FALSE(step());
  port.fd_while = 0;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.learn);
  EXPECT_EQ(port.fd_while, 15u);
  EXPECT_FALSE(step());
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedPropose) {
  rest_as(Role::designated);
  discard();
  port.fd_while = 15;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.proposing && port.new_info);
  EXPECT_EQ(port.edge_delay_while, 3u);
  EXPECT_FALSE(step());
  port.proposing = false;
  port.config.point_to_point = false;
  steps(1);
  EXPECT_EQ(port.edge_delay_while, 20u) << "a shared medium may have slow bridges";  // 17.20.4
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedSynced) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row :
       {Case{"it discards", [](PortVariables& p) { p.learning = p.forwarding = p.synced = false; }},
        Case{"agreed", [](PortVariables& p) { p.agreed = true, p.synced = false; }},
        Case{"an edge", [](PortVariables& p) { p.oper_edge = true, p.synced = false; }},
        Case{"in synchrony", [](PortVariables& p) { p.sync = true; }}}) {
    SCOPED_TRACE(row.why);
    rest_as(Role::designated);
    port.rr_while = 4;
    row.cause(port);
    EXPECT_TRUE(step());
    EXPECT_TRUE(port.synced);
    EXPECT_FALSE(port.sync);
    EXPECT_EQ(port.rr_while, 0u);
    port.agreed = port.oper_edge = false;
  }
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedRetired) {
  rest_as(Role::designated);
  port.re_root = true;
  steps(1);
  EXPECT_FALSE(port.re_root);
  EXPECT_TRUE(port.forward);
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedDiscard) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row :
       {Case{"synchronize", [](PortVariables& p) { p.sync = true, p.synced = false; }},
        Case{"a former root port", [](PortVariables& p) { p.re_root = true, p.rr_while = 9; }},
        Case{"disputed", [](PortVariables& p) { p.disputed = true; }}}) {
    SCOPED_TRACE(row.why);
    rest_as(Role::designated);
    PortVariables changed = port;
    row.cause(changed);
    EXPECT_TRUE(machine.step(bridge, changed));
    EXPECT_FALSE(changed.learn || changed.forward || changed.disputed);
    EXPECT_EQ(changed.fd_while, 2u);
    changed = port;
    changed.oper_edge = true;
    row.cause(changed);
    machine.step(bridge, changed);
    EXPECT_TRUE(changed.forward) << "not an edge";
  }
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedLearnThenForward) {
  struct Case {
    const char* why;
    void (*cause)(PortVariables&);
  };
  for (const Case& row : {Case{"the delay is over", [](PortVariables& p) { p.fd_while = 0; }},
                          Case{"agreed", [](PortVariables& p) { p.agreed = true; }},
                          Case{"an edge", [](PortVariables& p) { p.oper_edge = true; }}}) {
    SCOPED_TRACE(row.why);
    rest_as(Role::designated);
    PortVariables changed = port;
    changed.learn = changed.learning = changed.forward = changed.forwarding = false;
    changed.proposing = true;
    changed.fd_while = 15;
    EXPECT_FALSE(machine.step(bridge, changed));
    row.cause(changed);
    EXPECT_TRUE(machine.step(bridge, changed));
    EXPECT_TRUE(changed.learn);
    EXPECT_FALSE(changed.forward);
    EXPECT_EQ(changed.fd_while, 2u);
    row.cause(changed);
    EXPECT_TRUE(machine.step(bridge, changed));
    EXPECT_TRUE(changed.forward && changed.agreed);
    EXPECT_EQ(changed.fd_while, 0u);
  }
}

TEST_F(RoleTransitionsTest, Clause17_29_3_DesignatedWaitsForSynchronyAndForFormerRoots) {
  rest_as(Role::designated);
  discard();
  port.proposing = port.agreed = true;
  port.re_root = true;
  port.rr_while = 5;
  EXPECT_FALSE(step());
  port.re_root = false;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.learn);
}

TEST_F(RoleTransitionsTest, Clause17_29_4_BlockPortToAlternatePort) {
  rest_as(Role::root);
  port.selected_role = Role::alternate;
  EXPECT_TRUE(step());
  EXPECT_EQ(port.role, Role::alternate);
  EXPECT_FALSE(port.learn || port.forward);
  EXPECT_FALSE(step()) << "until it neither learns nor forwards";
  port.learning = port.forwarding = false;
  port.sync = port.re_root = true;
  steps(1);
  EXPECT_EQ(port.fd_while, 2u);
  EXPECT_EQ(port.rr_while, 0u);
  EXPECT_FALSE(port.sync || port.re_root);
}

TEST_F(RoleTransitionsTest, Clause17_29_4_BackupPort) {
  rest_as(Role::designated);
  discard();
  port.selected_role = Role::backup;
  port.agree = true;
  steps(3);
  EXPECT_EQ(port.rb_while, 4u);
  port.rb_while = 3;
  steps(1);
  EXPECT_EQ(port.rb_while, 4u) << "it is held";
}

TEST_F(RoleTransitionsTest, Clause17_29_4_AlternateProposedThenAgreed) {
  set_role(port, Role::alternate);
  port.fd_while = 2;
  port.proposed = true;
  second.synced = false;
  EXPECT_TRUE(step());  // ALTERNATE_PROPOSED
  EXPECT_TRUE(second.sync);
  EXPECT_FALSE(port.proposed);
  EXPECT_TRUE(step());  // ALTERNATE_PORT: its own sync
  EXPECT_FALSE(step());
  second.synced = true;
  steps(1);  // ALTERNATE_AGREED
  EXPECT_TRUE(port.agree && port.new_info);
}

TEST_F(RoleTransitionsTest, Clause17_20_3_AllSynced) {
  set_role(port, Role::root);
  port.synced = false;
  EXPECT_TRUE(bridge.all_synced()) << "the root port need not be";
  second.synced = false;
  EXPECT_FALSE(bridge.all_synced());
  second.synced = true;
  third.selected_role = Role::alternate;
  EXPECT_FALSE(bridge.all_synced()) << "its role is still to change";
}

// ---- Port State Transition, 17.30

TEST_F(MachineTest, Clause17_30_DiscardingToLearningToForwardingAndBack) {
  StateTransition machine;
  machine.begin(port);
  EXPECT_EQ(port.state(), State::discarding);
  port.forward = true;
  EXPECT_FALSE(machine.step(port)) << "it learns first";
  port.learn = true;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(port.state(), State::learning);
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(port.state(), State::forwarding);
  EXPECT_FALSE(machine.step(port));
  port.forward = false;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(port.state(), State::discarding);
}

TEST_F(MachineTest, Clause17_30_LearningToDiscarding) {
  StateTransition machine;
  machine.begin(port);
  port.learn = true;
  machine.step(port);
  EXPECT_FALSE(machine.step(port));
  port.learn = false;
  EXPECT_TRUE(machine.step(port));
  EXPECT_EQ(port.state(), State::discarding);
}

// ---- Topology Change, 17.31

class TopologyChangeTest : public MachineTest {
 protected:
  TopologyChangeTest() {
    machine.begin(port);
    port.fdb_flush = false;
  }
  bool step() { return machine.step(bridge, port); }
  void learn() {
    port.learn = port.learning = true;
    EXPECT_TRUE(step());
  }
  void activate() {
    learn();
    port.forward = port.forwarding = true;
    EXPECT_TRUE(step());
    EXPECT_EQ(machine.state(), TopologyChange::State::active);
    second.tc_prop = third.tc_prop = port.new_info = false;
    port.tc_while = 0;
  }
  TopologyChange machine;
};

TEST_F(TopologyChangeTest, Clause17_31_BeginForgets) {
  port.tc_while = 3;
  port.tc_ack = true;
  machine.begin(port);
  EXPECT_TRUE(port.fdb_flush);
  EXPECT_EQ(port.tc_while, 0u);
  EXPECT_FALSE(port.tc_ack);
}

TEST_F(TopologyChangeTest, Clause17_31_InactiveToLearning) {
  EXPECT_FALSE(step());
  port.learn = port.fdb_flush = true;
  EXPECT_FALSE(step()) << "until the addresses are forgotten";
  port.fdb_flush = false;
  port.rcvd_tc = port.rcvd_tcn = port.rcvd_tc_ack = port.tc_prop = true;
  EXPECT_TRUE(step());
  EXPECT_EQ(machine.state(), TopologyChange::State::learning);
  EXPECT_FALSE(port.rcvd_tc || port.rcvd_tcn || port.rcvd_tc_ack || port.tc_prop);
}

TEST_F(TopologyChangeTest, Clause17_31_LearningToItself) {
  learn();
  EXPECT_FALSE(step());
  for (bool PortVariables::*told : {&PortVariables::rcvd_tc, &PortVariables::rcvd_tcn,
                                    &PortVariables::rcvd_tc_ack, &PortVariables::tc_prop}) {
    port.*told = true;
    EXPECT_TRUE(step());
    EXPECT_FALSE(port.*told);
  }
}

TEST_F(TopologyChangeTest, Clause17_31_LearningToDetected) {
  learn();
  port.forward = true;
  port.oper_edge = true;
  EXPECT_FALSE(step()) << "an edge changes nothing";
  port.oper_edge = false;
  EXPECT_TRUE(step());
  EXPECT_EQ(machine.state(), TopologyChange::State::active);
  EXPECT_EQ(port.tc_while, 3u);
  EXPECT_TRUE(port.new_info && second.tc_prop && third.tc_prop);
  EXPECT_FALSE(port.tc_prop);
}

TEST_F(TopologyChangeTest, Clause17_31_LearningToInactive) {
  learn();
  set_role(port, Role::alternate);
  EXPECT_FALSE(step());
  port.learn = port.learning = false;
  EXPECT_TRUE(step());
  EXPECT_EQ(machine.state(), TopologyChange::State::inactive);
  EXPECT_TRUE(port.fdb_flush);
}

TEST_F(TopologyChangeTest, Clause17_31_NotifiedTcn) {
  activate();
  port.rcvd_tcn = true;
  EXPECT_TRUE(step());
  EXPECT_EQ(port.tc_while, 3u);
  EXPECT_TRUE(port.tc_ack && second.tc_prop);
  EXPECT_FALSE(port.rcvd_tcn);
}

TEST_F(TopologyChangeTest, Clause17_31_NotifiedTc) {
  activate();
  set_role(port, Role::root);
  port.rcvd_tc = true;
  EXPECT_TRUE(step());
  EXPECT_EQ(port.tc_while, 0u);
  EXPECT_FALSE(port.tc_ack || port.rcvd_tc);
  EXPECT_TRUE(second.tc_prop && third.tc_prop);
}

TEST_F(TopologyChangeTest, Clause17_31_Propagating) {
  activate();
  port.tc_prop = true;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.fdb_flush);
  EXPECT_FALSE(port.tc_prop);
  EXPECT_EQ(port.tc_while, 3u);
}

TEST_F(TopologyChangeTest, Clause17_31_Acknowledged) {
  activate();
  port.tc_while = 30;
  port.rcvd_tc_ack = true;
  EXPECT_TRUE(step());
  EXPECT_EQ(port.tc_while, 0u);
}

TEST_F(TopologyChangeTest, Clause17_31_ActiveToLearning) {
  activate();
  port.oper_edge = true;
  EXPECT_TRUE(step());
  EXPECT_EQ(machine.state(), TopologyChange::State::learning);
  port.oper_edge = false;
  step();
  set_role(port, Role::alternate);
  EXPECT_TRUE(step());
  EXPECT_EQ(machine.state(), TopologyChange::State::learning);
}

TEST_F(TopologyChangeTest, Clause17_21_7_NewTcWhile) {
  bridge.root_times = {{}, 10s, 6s, 2s};
  start_tc_while(bridge, port);
  EXPECT_EQ(port.tc_while, 3u);
  EXPECT_TRUE(port.new_info);
  port.tc_while = 1;
  start_tc_while(bridge, port);
  EXPECT_EQ(port.tc_while, 1u) << "it runs";
  port.tc_while = 0;
  port.send_rstp = port.new_info = false;
  start_tc_while(bridge, port);
  EXPECT_EQ(port.tc_while, 16u);
  EXPECT_FALSE(port.new_info);
}

// ---- Port Transmit, 17.26

class PortTransmitTest : public MachineTest {
 protected:
  PortTransmitTest() { machine.begin(port); }
  bool step() { return machine.step(bridge, port); }
  stp::AnyBpdu sent() {
    EXPECT_EQ(bridge.sent.size(), 1u);
    const auto bpdu = stp::decode_any(bridge.sent.front().frame);
    bridge.sent.clear();
    return bpdu.value();
  }
  PortTransmit machine;
};

TEST_F(PortTransmitTest, Clause17_26_BeginHasNewInformation) {
  EXPECT_TRUE(port.new_info);
  EXPECT_EQ(port.tx_count, 0u);
  EXPECT_EQ(port.hello_when, 2u);
}

TEST_F(PortTransmitTest, Clause17_26_NothingIsSentUntilRolesAreSelected) {
  port.selected = false;
  EXPECT_FALSE(step());
  port.selected = port.updt_info = true;
  EXPECT_FALSE(step());
  port.updt_info = port.port_enabled = false;
  EXPECT_FALSE(step());
}

TEST_F(PortTransmitTest, Clause17_26_TransmitRstp) {
  port.hello_when = 1;
  port.proposing = port.agree = port.learning = port.tc_ack = true;
  port.tc_while = 1;
  EXPECT_TRUE(step());
  const auto bpdu = std::get<stp::RapidBpdu>(sent());
  EXPECT_EQ(bpdu.role, stp::RapidRole::designated);
  EXPECT_TRUE(bpdu.proposal && bpdu.agreement && bpdu.learning && bpdu.config.topology_change);
  EXPECT_FALSE(bpdu.forwarding || bpdu.config.topology_change_ack);
  EXPECT_EQ(bpdu.config.bridge, bridge.config.id);
  EXPECT_EQ(bpdu.config.port, port.config.id);
  EXPECT_FALSE(port.new_info || port.tc_ack);
  EXPECT_EQ(port.tx_count, 1u);
  EXPECT_EQ(port.hello_when, 2u);
  EXPECT_FALSE(step());
}

TEST_F(PortTransmitTest, Clause17_21_20_RolesAreEncoded) {
  for (const auto& [role, encoded] :
       {std::pair(Role::root, stp::RapidRole::root),
        std::pair(Role::alternate, stp::RapidRole::alternate_or_backup),
        std::pair(Role::backup, stp::RapidRole::alternate_or_backup)}) {
    set_role(port, role);
    port.new_info = true;
    step();
    EXPECT_EQ(std::get<stp::RapidBpdu>(sent()).role, encoded);
  }
}

TEST_F(PortTransmitTest, Clause17_26_TransmitConfig) {
  port.send_rstp = false;
  port.tc_ack = true;
  EXPECT_TRUE(step());
  EXPECT_TRUE(std::get<stp::ConfigBpdu>(sent()).topology_change_ack);
  EXPECT_FALSE(port.tc_ack || port.new_info);
}

TEST_F(PortTransmitTest, Clause17_26_TransmitTcn) {
  port.send_rstp = false;
  set_role(port, Role::root);
  EXPECT_TRUE(step());
  EXPECT_TRUE(std::holds_alternative<stp::TopologyChangeBpdu>(sent()));
}

TEST_F(PortTransmitTest, Clause17_26_AnAlternatePortHasNothingToSayToOlderBridges) {
  port.send_rstp = false;
  set_role(port, Role::alternate);
  EXPECT_FALSE(step());
}

TEST_F(PortTransmitTest, Clause17_26_TransmitPeriodic) {
  step();
  bridge.sent.clear();
  port.hello_when = 0;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.new_info);
  EXPECT_EQ(port.hello_when, 2u);
  step();
  port.hello_when = 0;
  set_role(port, Role::root);
  EXPECT_TRUE(step());
  EXPECT_FALSE(port.new_info) << "a root port only tells of changes";
  port.hello_when = 0;
  port.tc_while = 2;
  EXPECT_TRUE(step());
  EXPECT_TRUE(port.new_info);
}

TEST_F(PortTransmitTest, Clause17_26_NoMoreThanTheHoldCount) {
  bridge.config.transmit_hold_count = 2;
  for (int i = 0; i < 2; ++i) {
    port.new_info = true;
    EXPECT_TRUE(step());
  }
  port.new_info = true;
  EXPECT_FALSE(step());
  --port.tx_count;
  EXPECT_TRUE(step());
}

}  // namespace
}  // namespace bondway::rstp
