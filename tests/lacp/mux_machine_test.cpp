#include "vswitchd/lacp/mux_machine.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

constexpr NeedToTransmit kNo = NeedToTransmit::no, kYes = NeedToTransmit::yes;
constexpr Selected kUnselected = Selected::unselected, kStandby = Selected::standby,
                   kSelected = Selected::selected;

class MuxMachineTest : public ::testing::Test {
 protected:
  NeedToTransmit update(const MuxInputs& inputs) { return mux.update(inputs, 2s, now); }

  void reach_attached() {
    update({.selected = kSelected});
    update({.selected = kSelected, .ready = true});
    ASSERT_EQ(mux.state(), MuxState::attached);
  }

  TimePoint now = kStart;
  MuxMachine mux;
};

const MuxInputs kInSync{.selected = kSelected, .ready = true, .partner_in_sync = true};
const MuxInputs kCollecting{
    .selected = kSelected, .ready = true, .partner_in_sync = true, .partner_collecting = true};

/// IEEE 802.1AX-2014, 6.4.15, Figure 6-22: coupled control.
class CoupledMuxTest : public MuxMachineTest {
 protected:
  void reach_collecting_distributing() {
    reach_attached();
    update(kInSync);
    ASSERT_EQ(mux.state(), MuxState::collecting_distributing);
  }
};

TEST_F(CoupledMuxTest, BeginsDetached) {  // BEGIN -> DETACHED
  EXPECT_EQ(mux.state(), MuxState::detached);
  EXPECT_FALSE(mux.attached());
  EXPECT_FALSE(mux.collecting());
  EXPECT_FALSE(mux.distributing());
  EXPECT_EQ(update({}), kNo);
  EXPECT_EQ(mux.state(), MuxState::detached);
}

TEST_F(CoupledMuxTest, WaitsWhenSelected) {  // DETACHED -> WAITING
  EXPECT_EQ(update({.selected = kSelected}), kNo);
  EXPECT_EQ(mux.state(), MuxState::waiting);
  EXPECT_EQ(mux.deadline(), now + 2s);
  EXPECT_FALSE(mux.attached());
}

TEST_F(CoupledMuxTest, WaitsWhenStandby) {  // DETACHED -> WAITING
  update({.selected = kStandby});
  EXPECT_EQ(mux.state(), MuxState::waiting);
  EXPECT_EQ(update({.selected = kStandby, .ready = true}), kNo);
  EXPECT_EQ(mux.state(), MuxState::waiting);
}

TEST_F(CoupledMuxTest, HasWaitedWhenTheTimerEnds) {  // Ready_N, 6.4.8
  update({.selected = kSelected});
  EXPECT_FALSE(mux.waited(now + 2s - 1ns));
  EXPECT_TRUE(mux.waited(now + 2s));
  mux.expire(now + 2s);
  EXPECT_EQ(mux.deadline(), std::nullopt);
  EXPECT_TRUE(mux.waited(now + 2s));
}

TEST_F(CoupledMuxTest, HasNotWaitedInAnyOtherState) {
  EXPECT_FALSE(mux.waited(now + 1h));
  reach_attached();
  EXPECT_FALSE(mux.waited(now + 1h));
}

TEST_F(CoupledMuxTest, AttachesWhenAllAreReady) {  // WAITING -> ATTACHED
  update({.selected = kSelected});
  EXPECT_EQ(update({.selected = kSelected}), kNo);
  EXPECT_EQ(mux.state(), MuxState::waiting);
  EXPECT_EQ(update({.selected = kSelected, .ready = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::attached);
  EXPECT_TRUE(mux.attached());
  EXPECT_FALSE(mux.collecting());
  EXPECT_EQ(mux.deadline(), std::nullopt);
}

TEST_F(CoupledMuxTest, StopsWaitingWhenUnselected) {  // WAITING -> DETACHED
  update({.selected = kSelected});
  EXPECT_EQ(update({.selected = kUnselected, .ready = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::detached);
}

TEST_F(CoupledMuxTest,
       CarriesFramesWhenThePartnerIsInSync) {  // ATTACHED -> COLLECTING_DISTRIBUTING
  reach_attached();
  EXPECT_EQ(update(kInSync), kYes);
  EXPECT_EQ(mux.state(), MuxState::collecting_distributing);
  EXPECT_TRUE(mux.collecting());
  EXPECT_TRUE(mux.distributing());
}

TEST_F(CoupledMuxTest, DetachesWhenNoLongerSelected) {  // ATTACHED -> DETACHED
  for (const Selected selected : {kUnselected, kStandby}) {
    reach_attached();
    EXPECT_EQ(update({.selected = selected, .ready = true, .partner_in_sync = true}), kYes);
    EXPECT_FALSE(mux.attached());
    update({});
  }
}

TEST_F(CoupledMuxTest, StopsWhenThePartnerIsOutOfSync) {  // COLLECTING_DISTRIBUTING -> ATTACHED
  reach_collecting_distributing();
  EXPECT_EQ(update({.selected = kSelected, .ready = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::attached);
}

TEST_F(CoupledMuxTest, StopsAndDetachesWhenUnselected) {  // COLLECTING_DISTRIBUTING -> ATTACHED
  reach_collecting_distributing();
  EXPECT_EQ(update({.selected = kUnselected, .ready = true, .partner_in_sync = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::detached);
}

TEST_F(CoupledMuxTest, StopsAndWaitsWhenStandby) {  // COLLECTING_DISTRIBUTING -> ATTACHED
  reach_collecting_distributing();
  EXPECT_EQ(update({.selected = kStandby, .ready = true, .partner_in_sync = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::waiting);
}

TEST_F(CoupledMuxTest, AnnouncesNothingWithoutATransition) {
  reach_collecting_distributing();
  EXPECT_EQ(update(kInSync), kNo);
  EXPECT_EQ(update(kCollecting), kNo);
}

/// Figure 6-21: independent control.
class IndependentMuxTest : public MuxMachineTest {
 protected:
  IndependentMuxTest() { mux = MuxMachine(MuxControl::independent); }

  void reach_collecting() {
    reach_attached();
    update(kInSync);
    ASSERT_EQ(mux.state(), MuxState::collecting);
  }
  void reach_distributing() {
    reach_attached();
    update(kCollecting);
    ASSERT_EQ(mux.state(), MuxState::distributing);
  }
};

TEST_F(IndependentMuxTest, CollectsFirst) {  // ATTACHED -> COLLECTING
  reach_attached();
  EXPECT_EQ(update(kInSync), kYes);
  EXPECT_EQ(mux.state(), MuxState::collecting);
  EXPECT_TRUE(mux.collecting());
  EXPECT_FALSE(mux.distributing());
}

TEST_F(IndependentMuxTest, DistributesWhenThePartnerCollects) {  // COLLECTING -> DISTRIBUTING
  reach_collecting();
  EXPECT_EQ(update(kCollecting), kNo) << "DISTRIBUTING does not set NTT";
  EXPECT_EQ(mux.state(), MuxState::distributing);
  EXPECT_TRUE(mux.collecting());
  EXPECT_TRUE(mux.distributing());
}

TEST_F(IndependentMuxTest,
       StopsDistributingBeforeThePartnerDiscards) {  // DISTRIBUTING -> COLLECTING
  reach_distributing();
  EXPECT_EQ(update(kInSync), kYes);
  EXPECT_EQ(mux.state(), MuxState::collecting);
}

TEST_F(IndependentMuxTest, StopsCollectingWhenOutOfSync) {  // COLLECTING -> ATTACHED
  reach_collecting();
  EXPECT_EQ(update({.selected = kSelected, .ready = true}), kYes);
  EXPECT_EQ(mux.state(), MuxState::attached);
}

TEST_F(IndependentMuxTest, UnwindsStepByStepFromDistributing) {
  // DISTRIBUTING -> COLLECTING -> ATTACHED [-> DETACHED]
  reach_distributing();
  update({.selected = kSelected, .ready = true, .partner_collecting = true});
  EXPECT_EQ(mux.state(), MuxState::attached) << "not partner.sync";
  update(kCollecting);
  update({.selected = kUnselected, .ready = true, .partner_in_sync = true});
  EXPECT_EQ(mux.state(), MuxState::detached) << "UNSELECTED";
  reach_distributing();
  update({.selected = kStandby, .ready = true, .partner_in_sync = true});
  EXPECT_EQ(mux.state(), MuxState::waiting) << "STANDBY";
}

TEST_F(IndependentMuxTest, StopsCollectingWhenUnselectedOrStandby) {  // COLLECTING -> ATTACHED
  for (const Selected selected : {kUnselected, kStandby}) {
    reach_collecting();
    EXPECT_EQ(update({.selected = selected, .ready = true, .partner_in_sync = true}), kYes);
    EXPECT_FALSE(mux.collecting());
    update({});
  }
}

TEST_F(IndependentMuxTest, AChangeOfControlStartsFromAttached) {
  reach_distributing();
  EXPECT_EQ(mux.set_control(MuxControl::independent), kNo);
  EXPECT_EQ(mux.set_control(MuxControl::coupled), kYes);
  EXPECT_EQ(mux.state(), MuxState::attached);
  update(kInSync);
  EXPECT_EQ(mux.state(), MuxState::collecting_distributing);
}

}  // namespace
}  // namespace bondway::lacp
