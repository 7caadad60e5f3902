#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"
#include "vswitchd/lacp/churn_machine.hpp"
#include "vswitchd/lacp/marker.hpp"
#include "vswitchd/lacp/mux_machine.hpp"
#include "vswitchd/lacp/periodic_machine.hpp"
#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/lacp/transmit_machine.hpp"

/// The state diagrams of IEEE 802.1AX-2014, arrow by arrow: each suite is named after the clause,
/// each test after the arrow, and checks the state and what is done on entering it.  What the
/// machines add up to is the business of the other tests.
namespace bondway::lacp {
namespace {

constexpr NeedToTransmit kNo = NeedToTransmit::no, kYes = NeedToTransmit::yes;

// ---- Figure 6-18: receive machine

class Clause_6_4_12_Receive : public ::testing::Test {
 protected:
  Clause_6_4_12_Receive() : rx(admin) {}

  void reach(RxState state) {
    rx = RxMachine(admin);
    if (state == RxState::port_disabled) return;
    if (state == RxState::lacp_disabled) {
      rx.enable_without_lacp(admin);
    } else {
      rx.enable(now);
    }
    if (state == RxState::defaulted) rx.expire(admin, now += 3s);
    if (state == RxState::current) hear();
    ASSERT_EQ(rx.state(), state);
  }
  RxEffects hear() { return rx.receive(matching_pdu(), our_port(), 90s, now); }
  RxEffects time_out() { return rx.expire(admin, now = *rx.deadline()); }

  void expect_default_recorded() const {  // recordDefault, 6.4.9
    EXPECT_TRUE(rx.defaulted());
    EXPECT_EQ(rx.partner().system_id, admin.system_id);
    EXPECT_EQ(rx.partner().key, admin.key);
  }
  void expect_disabled() const {
    EXPECT_EQ(rx.state(), RxState::port_disabled);
    EXPECT_FALSE(rx.partner().state.has(Flag::synchronization));
    EXPECT_EQ(rx.deadline(), std::nullopt);
  }
  void expect_expired() const {
    EXPECT_EQ(rx.state(), RxState::expired);
    EXPECT_FALSE(rx.partner().state.has(Flag::synchronization));
    EXPECT_TRUE(rx.partner().state.has(Flag::timeout));
    EXPECT_EQ(rx.deadline(), now + 3s);
    EXPECT_TRUE(rx.expired());
  }
  void expect_current() const {
    EXPECT_EQ(rx.state(), RxState::current);
    EXPECT_EQ(rx.partner(), their_port()) << "recordPDU, 6.4.9";
    EXPECT_FALSE(rx.defaulted());
    EXPECT_FALSE(rx.expired());
    EXPECT_EQ(rx.deadline(), now + 90s);
  }

  TimePoint now = kStart;
  PortInfo admin{.system_id = kOtherSystem, .key = 4, .state = flags(Flag::aggregation)};
  RxMachine rx;
};

TEST_F(Clause_6_4_12_Receive, BEGIN_to_INITIALIZE_to_PORT_DISABLED) {
  expect_disabled();
  expect_default_recorded();
  EXPECT_FALSE(rx.expired());
}

TEST_F(Clause_6_4_12_Receive, EXPIRED_to_PORT_DISABLED) {
  reach(RxState::expired);
  rx.disable();
  expect_disabled();
}

TEST_F(Clause_6_4_12_Receive, LACP_DISABLED_to_PORT_DISABLED_without_link) {
  reach(RxState::lacp_disabled);
  rx.disable();
  expect_disabled();
}

TEST_F(Clause_6_4_12_Receive, DEFAULTED_to_PORT_DISABLED) {
  reach(RxState::defaulted);
  rx.disable();
  expect_disabled();
}

TEST_F(Clause_6_4_12_Receive, CURRENT_to_PORT_DISABLED) {
  reach(RxState::current);
  rx.disable();
  expect_disabled();
  EXPECT_EQ(rx.partner().system_id, kTheirSystem) << "whom it remembers";
}

TEST_F(Clause_6_4_12_Receive, PORT_DISABLED_to_INITIALIZE_when_port_moved) {
  reach(RxState::current);
  rx.disable();
  EXPECT_TRUE(rx.port_moved(admin).unselect);
  expect_disabled();
  expect_default_recorded();
}

TEST_F(Clause_6_4_12_Receive, PORT_DISABLED_to_EXPIRED) {
  rx.enable(now);
  expect_expired();
}

TEST_F(Clause_6_4_12_Receive, PORT_DISABLED_to_LACP_DISABLED) {
  EXPECT_TRUE(rx.enable_without_lacp(admin).unselect);
  EXPECT_EQ(rx.state(), RxState::lacp_disabled);
  expect_default_recorded();
  EXPECT_FALSE(rx.partner().state.has(Flag::aggregation));
  EXPECT_FALSE(rx.expired());
}

TEST_F(Clause_6_4_12_Receive, LACP_DISABLED_to_PORT_DISABLED_to_EXPIRED_when_LACP_is_enabled) {
  reach(RxState::lacp_disabled);
  rx.enable(now);
  expect_expired();
}

TEST_F(Clause_6_4_12_Receive, EXPIRED_to_CURRENT) {
  reach(RxState::expired);
  EXPECT_TRUE(hear().unselect) << "update_Selected, 6.4.9";
  expect_current();
}

TEST_F(Clause_6_4_12_Receive, EXPIRED_to_DEFAULTED) {
  reach(RxState::current);
  time_out();
  EXPECT_TRUE(time_out().unselect) << "update_Default_Selected, 6.4.9";
  EXPECT_EQ(rx.state(), RxState::defaulted);
  expect_default_recorded();
  EXPECT_FALSE(rx.expired());
  EXPECT_EQ(rx.deadline(), std::nullopt);
}

TEST_F(Clause_6_4_12_Receive, DEFAULTED_to_CURRENT) {
  reach(RxState::defaulted);
  EXPECT_TRUE(hear().unselect);
  expect_current();
}

TEST_F(Clause_6_4_12_Receive, CURRENT_to_CURRENT) {
  reach(RxState::current);
  now += 30s;
  EXPECT_EQ(hear(), RxEffects{});
  expect_current();
}

TEST_F(Clause_6_4_12_Receive, CURRENT_to_EXPIRED) {
  reach(RxState::current);
  time_out();
  expect_expired();
}

// ---- Figure 6-19: periodic transmission machine

class Clause_6_4_13_PeriodicTransmission : public ::testing::Test {
 protected:
  void expect(PeriodicState state, std::optional<Duration> timer) const {
    EXPECT_EQ(periodic.state(), state);
    EXPECT_EQ(periodic.deadline(), timer ? std::optional(now + *timer) : std::nullopt);
  }
  NeedToTransmit pace(PeriodicPace wanted) { return periodic.update(wanted, now); }
  NeedToTransmit time_out() { return periodic.expire(now = *periodic.deadline()); }

  TimePoint now = kStart;
  PeriodicMachine periodic;
};

TEST_F(Clause_6_4_13_PeriodicTransmission, BEGIN_to_NO_PERIODIC) {
  expect(PeriodicState::none, std::nullopt);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, NO_PERIODIC_to_FAST_PERIODIC) {
  EXPECT_EQ(pace(PeriodicPace::fast), kNo);
  expect(PeriodicState::fast, 1s);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, FAST_PERIODIC_to_NO_PERIODIC) {
  pace(PeriodicPace::fast);
  EXPECT_EQ(pace(PeriodicPace::none), kNo);
  expect(PeriodicState::none, std::nullopt);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, SLOW_PERIODIC_to_NO_PERIODIC) {
  pace(PeriodicPace::slow);
  EXPECT_EQ(pace(PeriodicPace::none), kNo);
  expect(PeriodicState::none, std::nullopt);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, FAST_PERIODIC_to_SLOW_PERIODIC) {
  pace(PeriodicPace::fast);
  EXPECT_EQ(pace(PeriodicPace::slow), kNo);
  expect(PeriodicState::slow, 30s);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, FAST_PERIODIC_to_PERIODIC_TX_to_FAST_PERIODIC) {
  pace(PeriodicPace::fast);
  EXPECT_EQ(time_out(), kYes);
  expect(PeriodicState::fast, 1s);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, SLOW_PERIODIC_to_PERIODIC_TX_to_SLOW_PERIODIC) {
  pace(PeriodicPace::slow);
  EXPECT_EQ(time_out(), kYes);
  expect(PeriodicState::slow, 30s);
}

TEST_F(Clause_6_4_13_PeriodicTransmission, SLOW_PERIODIC_to_PERIODIC_TX_to_FAST_PERIODIC) {
  pace(PeriodicPace::slow);
  now += 7s;
  EXPECT_EQ(pace(PeriodicPace::fast), kYes) << "the partner's timeout became short";
  expect(PeriodicState::fast, 1s);
}

// ---- Figures 6-21 and 6-22: mux machine

constexpr MuxInputs kSelected{.selected = Selected::selected};
constexpr MuxInputs kReady{.selected = Selected::selected, .ready = true};
constexpr MuxInputs kInSync{.selected = Selected::selected, .ready = true, .partner_in_sync = true};
constexpr MuxInputs kCollecting{.selected = Selected::selected,
                                .ready = true,
                                .partner_in_sync = true,
                                .partner_collecting = true};

MuxInputs as(Selected selected, MuxInputs inputs = kCollecting) {
  inputs.selected = selected;
  return inputs;
}

class Mux : public ::testing::Test {
 protected:
  explicit Mux(MuxControl control) : mux(control) {}

  void reach(MuxState state) {
    if (state == MuxState::detached) return;
    update(kSelected);
    if (state != MuxState::waiting) update(kReady);
    if (state >= MuxState::collecting) update(kInSync);
    if (state == MuxState::distributing) update(kCollecting);
    ASSERT_EQ(mux.state(), state);
  }
  NeedToTransmit update(const MuxInputs& inputs) { return mux.update(inputs, 2s, kStart); }

  void expect(MuxState state, bool sync, bool collecting, bool distributing) const {
    EXPECT_EQ(mux.state(), state);
    EXPECT_EQ(mux.attached(), sync);
    EXPECT_EQ(mux.collecting(), collecting);
    EXPECT_EQ(mux.distributing(), distributing);
  }
  void expect_detached() const { expect(MuxState::detached, false, false, false); }
  void expect_waiting() const {
    expect(MuxState::waiting, false, false, false);
    EXPECT_EQ(mux.deadline(), kStart + 2s);
  }
  void expect_attached() const { expect(MuxState::attached, true, false, false); }

  MuxMachine mux;
};

struct Clause_6_4_15_MuxCoupled : Mux {
  Clause_6_4_15_MuxCoupled() : Mux(MuxControl::coupled) {}
};

TEST_F(Clause_6_4_15_MuxCoupled, BEGIN_to_DETACHED) { expect_detached(); }

TEST_F(Clause_6_4_15_MuxCoupled, DETACHED_to_WAITING_when_SELECTED) {
  EXPECT_EQ(update(kSelected), kNo);
  expect_waiting();
}

TEST_F(Clause_6_4_15_MuxCoupled, DETACHED_to_WAITING_when_STANDBY) {
  EXPECT_EQ(update(as(Selected::standby)), kNo);
  expect_waiting();
}

TEST_F(Clause_6_4_15_MuxCoupled, WAITING_to_DETACHED) {
  reach(MuxState::waiting);
  EXPECT_EQ(update(as(Selected::unselected)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxCoupled, WAITING_to_ATTACHED) {
  reach(MuxState::waiting);
  EXPECT_EQ(update(kReady), kYes);
  expect_attached();
}

TEST_F(Clause_6_4_15_MuxCoupled, WAITING_stays_while_STANDBY) {
  reach(MuxState::waiting);
  EXPECT_EQ(update(as(Selected::standby)), kNo);
  expect_waiting();
}

TEST_F(Clause_6_4_15_MuxCoupled, ATTACHED_to_COLLECTING_DISTRIBUTING) {
  reach(MuxState::attached);
  EXPECT_EQ(update(kInSync), kYes);
  expect(MuxState::collecting_distributing, true, true, true);
}

TEST_F(Clause_6_4_15_MuxCoupled, ATTACHED_to_DETACHED_when_UNSELECTED) {
  reach(MuxState::attached);
  EXPECT_EQ(update(as(Selected::unselected, kReady)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxCoupled, ATTACHED_to_DETACHED_when_STANDBY) {
  reach(MuxState::attached);
  EXPECT_EQ(update(as(Selected::standby, kReady)), kYes);
  expect_waiting();  // at once, by DETACHED to WAITING
}

TEST_F(Clause_6_4_15_MuxCoupled, COLLECTING_DISTRIBUTING_to_ATTACHED_when_out_of_sync) {
  reach(MuxState::collecting_distributing);
  EXPECT_EQ(update(kReady), kYes);
  expect_attached();
}

TEST_F(Clause_6_4_15_MuxCoupled, COLLECTING_DISTRIBUTING_to_ATTACHED_when_UNSELECTED) {
  reach(MuxState::collecting_distributing);
  EXPECT_EQ(update(as(Selected::unselected)), kYes);
  expect_detached();  // at once, by ATTACHED to DETACHED
}

TEST_F(Clause_6_4_15_MuxCoupled, COLLECTING_DISTRIBUTING_to_ATTACHED_when_STANDBY) {
  reach(MuxState::collecting_distributing);
  EXPECT_EQ(update(as(Selected::standby)), kYes);
  expect_waiting();  // at once, by ATTACHED to DETACHED to WAITING
}

struct Clause_6_4_15_MuxIndependent : Mux {
  Clause_6_4_15_MuxIndependent() : Mux(MuxControl::independent) {}

  void expect_collecting() const { expect(MuxState::collecting, true, true, false); }
};

TEST_F(Clause_6_4_15_MuxIndependent, BEGIN_to_DETACHED) { expect_detached(); }

TEST_F(Clause_6_4_15_MuxIndependent, DETACHED_to_WAITING) {
  EXPECT_EQ(update(kSelected), kNo);
  expect_waiting();
}

TEST_F(Clause_6_4_15_MuxIndependent, WAITING_to_DETACHED) {
  reach(MuxState::waiting);
  EXPECT_EQ(update(as(Selected::unselected)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxIndependent, WAITING_to_ATTACHED) {
  reach(MuxState::waiting);
  EXPECT_EQ(update(kReady), kYes);
  expect_attached();
}

TEST_F(Clause_6_4_15_MuxIndependent, ATTACHED_to_DETACHED) {
  reach(MuxState::attached);
  EXPECT_EQ(update(as(Selected::unselected, kReady)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxIndependent, ATTACHED_to_COLLECTING) {
  reach(MuxState::attached);
  EXPECT_EQ(update(kInSync), kYes);
  expect_collecting();
}

TEST_F(Clause_6_4_15_MuxIndependent, COLLECTING_to_ATTACHED_when_out_of_sync) {
  reach(MuxState::collecting);
  EXPECT_EQ(update(kReady), kYes);
  expect_attached();
}

TEST_F(Clause_6_4_15_MuxIndependent, COLLECTING_to_ATTACHED_when_UNSELECTED) {
  reach(MuxState::collecting);
  EXPECT_EQ(update(as(Selected::unselected, kInSync)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxIndependent, COLLECTING_to_ATTACHED_when_STANDBY) {
  reach(MuxState::collecting);
  EXPECT_EQ(update(as(Selected::standby, kInSync)), kYes);
  expect_waiting();
}

TEST_F(Clause_6_4_15_MuxIndependent, COLLECTING_to_DISTRIBUTING) {
  reach(MuxState::collecting);
  EXPECT_EQ(update(kCollecting), kNo) << "which alone does not set NTT";
  expect(MuxState::distributing, true, true, true);
}

TEST_F(Clause_6_4_15_MuxIndependent, DISTRIBUTING_to_COLLECTING_when_the_partner_stops_collecting) {
  reach(MuxState::distributing);
  EXPECT_EQ(update(kInSync), kYes);
  expect_collecting();
}

TEST_F(Clause_6_4_15_MuxIndependent, DISTRIBUTING_to_COLLECTING_when_out_of_sync) {
  reach(MuxState::distributing);
  MuxInputs out_of_sync = kCollecting;
  out_of_sync.partner_in_sync = false;
  EXPECT_EQ(update(out_of_sync), kYes);
  expect_attached();  // at once, by COLLECTING to ATTACHED
}

TEST_F(Clause_6_4_15_MuxIndependent, DISTRIBUTING_to_COLLECTING_when_UNSELECTED) {
  reach(MuxState::distributing);
  EXPECT_EQ(update(as(Selected::unselected)), kYes);
  expect_detached();
}

TEST_F(Clause_6_4_15_MuxIndependent, DISTRIBUTING_to_COLLECTING_when_STANDBY) {
  reach(MuxState::distributing);
  EXPECT_EQ(update(as(Selected::standby)), kYes);
  expect_waiting();
}

// ---- 6.4.16: transmit machine

TEST(Clause_6_4_16_Transmit, NTT_sends_and_is_cleared) {
  TransmitMachine transmission;
  transmission.need_to_transmit();
  EXPECT_TRUE(transmission.take(kStart));
  EXPECT_FALSE(transmission.pending());
}

TEST(Clause_6_4_16_Transmit, NTT_waits_for_the_limit_of_three_per_Fast_Periodic_Time) {
  TransmitMachine transmission;
  for (int sent = 0; sent < 3; ++sent) {
    transmission.need_to_transmit();
    EXPECT_TRUE(transmission.take(kStart));
  }
  transmission.need_to_transmit();
  EXPECT_FALSE(transmission.take(kStart + 1s - 1ns));
  EXPECT_EQ(transmission.deadline(), kStart + 1s);
  EXPECT_TRUE(transmission.take(kStart + 1s));
}

TEST(Clause_6_4_16_Transmit, NTT_is_cleared_in_NO_PERIODIC) {
  TransmitMachine transmission;
  transmission.need_to_transmit();
  transmission.forget();
  EXPECT_FALSE(transmission.take(kStart));
}

// ---- Figures 6-23 and 6-24: churn detection; actor and partner have the same machine

class Clause_6_4_17_ChurnDetection : public ::testing::Test {
 protected:
  void expect(ChurnState state, std::optional<TimePoint> timer) const {
    EXPECT_EQ(churn.state(), state);
    EXPECT_EQ(churn.deadline(), timer);
  }
  void reach_churn() {
    churn.update(ChurnInput::out_of_sync, now);
    EXPECT_TRUE(churn.expire(now += 60s));
  }

  TimePoint now = kStart;
  ChurnMachine churn;
};

TEST_F(Clause_6_4_17_ChurnDetection, BEGIN_to_CHURN_MONITOR) {
  expect(ChurnState::monitor, std::nullopt);
  churn.update(ChurnInput::out_of_sync, now);
  expect(ChurnState::monitor, now + 60s);
}

TEST_F(Clause_6_4_17_ChurnDetection, CHURN_MONITOR_to_NO_CHURN) {
  churn.update(ChurnInput::out_of_sync, now);
  churn.update(ChurnInput::in_sync, now);
  expect(ChurnState::no_churn, std::nullopt);
}

TEST_F(Clause_6_4_17_ChurnDetection, CHURN_MONITOR_to_CHURN) {
  churn.update(ChurnInput::out_of_sync, now);
  EXPECT_FALSE(churn.expire(now + 60s - 1ns));
  EXPECT_TRUE(churn.expire(now + 60s)) << "counted";
  expect(ChurnState::churn, std::nullopt);
}

TEST_F(Clause_6_4_17_ChurnDetection, CHURN_to_NO_CHURN) {
  reach_churn();
  churn.update(ChurnInput::in_sync, now);
  expect(ChurnState::no_churn, std::nullopt);
}

TEST_F(Clause_6_4_17_ChurnDetection, NO_CHURN_to_CHURN_MONITOR) {
  churn.update(ChurnInput::in_sync, now);
  churn.update(ChurnInput::out_of_sync, now);
  expect(ChurnState::monitor, now + 60s);
}

TEST_F(Clause_6_4_17_ChurnDetection, CHURN_to_CHURN_MONITOR_when_the_port_is_disabled) {
  reach_churn();
  churn.update(ChurnInput::port_disabled, now);
  expect(ChurnState::monitor, std::nullopt);
}

TEST_F(Clause_6_4_17_ChurnDetection, NO_CHURN_to_CHURN_MONITOR_when_the_port_is_disabled) {
  churn.update(ChurnInput::in_sync, now);
  churn.update(ChurnInput::port_disabled, now);
  expect(ChurnState::monitor, std::nullopt);
}

// ---- 6.5.4: marker protocol

TEST(Clause_6_5_4_2_MarkerResponder, WAIT_FOR_MARKER_to_RESPOND_TO_MARKER) {
  Marker marker;
  const MarkerPdu question{
      .requester_port = 3, .requester_system = kTheirSystem, .transaction = 77};
  const std::optional<MarkerPdu> answer = marker.respond(question, kStart);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kind, MarkerPdu::Kind::response);
  EXPECT_EQ(answer->requester_port, 3);
  EXPECT_EQ(answer->requester_system, kTheirSystem);
  EXPECT_EQ(answer->transaction, 77U);
}

TEST(Clause_6_5_4_1_MarkerGenerator, TheResponseEndsTheWait) {
  Marker marker;
  MarkerPdu pdu = marker.generate(3, kOurSystem, kStart).value();
  pdu.kind = MarkerPdu::Kind::response;
  EXPECT_EQ(marker.match(pdu, 3, kOurSystem, kStart + 2ms), Duration(2ms));
  EXPECT_EQ(marker.match(pdu, 3, kOurSystem, kStart + 3ms), std::nullopt);
}

}  // namespace
}  // namespace bondway::lacp
