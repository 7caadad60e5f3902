#include "vswitchd/lacp/periodic_machine.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

constexpr NeedToTransmit kNo = NeedToTransmit::no, kYes = NeedToTransmit::yes;

/// IEEE 802.1AX-2014, 6.4.13, Figure 6-19.
class PeriodicMachineTest : public ::testing::Test {
 protected:
  TimePoint now = kStart;
  PeriodicMachine periodic;
};

TEST_F(PeriodicMachineTest, BeginsSilent) {  // BEGIN -> NO_PERIODIC
  EXPECT_EQ(periodic.state(), PeriodicState::none);
  EXPECT_EQ(periodic.deadline(), std::nullopt);
}

TEST_F(PeriodicMachineTest, StartsFast) {  // NO_PERIODIC -> FAST_PERIODIC
  EXPECT_EQ(periodic.update(PeriodicPace::fast, now), kNo);
  EXPECT_EQ(periodic.state(), PeriodicState::fast);
  EXPECT_EQ(periodic.deadline(), now + 1s);
}

TEST_F(PeriodicMachineTest, TransmitsEverySecondWhileThePartnerWantsIt) {
  // FAST_PERIODIC -> PERIODIC_TX -> FAST_PERIODIC
  periodic.update(PeriodicPace::fast, now);
  EXPECT_EQ(periodic.expire(now + 999ms), kNo);
  EXPECT_EQ(periodic.expire(now + 1s), kYes);
  EXPECT_EQ(periodic.state(), PeriodicState::fast);
  EXPECT_EQ(periodic.deadline(), now + 2s);
}

TEST_F(PeriodicMachineTest, SlowsDown) {  // FAST_PERIODIC -> SLOW_PERIODIC
  periodic.update(PeriodicPace::fast, now);
  EXPECT_EQ(periodic.update(PeriodicPace::slow, now), kNo);
  EXPECT_EQ(periodic.state(), PeriodicState::slow);
  EXPECT_EQ(periodic.deadline(), now + 30s);
}

TEST_F(PeriodicMachineTest, StartsSlowWithAPatientPartner) {  // by way of FAST_PERIODIC
  EXPECT_EQ(periodic.update(PeriodicPace::slow, now), kNo);
  EXPECT_EQ(periodic.state(), PeriodicState::slow);
}

TEST_F(PeriodicMachineTest, TransmitsEveryHalfMinuteOtherwise) {
  // SLOW_PERIODIC -> PERIODIC_TX -> SLOW_PERIODIC
  periodic.update(PeriodicPace::slow, now);
  EXPECT_EQ(periodic.expire(now + 30s), kYes);
  EXPECT_EQ(periodic.state(), PeriodicState::slow);
  EXPECT_EQ(periodic.deadline(), now + 60s);
}

TEST_F(PeriodicMachineTest, TransmitsAtOnceWhenThePartnerGetsImpatient) {
  // SLOW_PERIODIC -> PERIODIC_TX -> FAST_PERIODIC
  periodic.update(PeriodicPace::slow, now);
  EXPECT_EQ(periodic.update(PeriodicPace::fast, now + 5s), kYes);
  EXPECT_EQ(periodic.state(), PeriodicState::fast);
  EXPECT_EQ(periodic.deadline(), now + 6s);
}

TEST_F(PeriodicMachineTest, FallsSilentFromBothPaces) {  // any state -> NO_PERIODIC
  for (const PeriodicPace pace : {PeriodicPace::fast, PeriodicPace::slow}) {
    periodic.update(pace, now);
    EXPECT_EQ(periodic.update(PeriodicPace::none, now), kNo);
    EXPECT_EQ(periodic.state(), PeriodicState::none);
    EXPECT_EQ(periodic.deadline(), std::nullopt);
    EXPECT_EQ(periodic.expire(now + 1h), kNo);
  }
}

TEST_F(PeriodicMachineTest, AnUpdateWithoutAChangeLeavesTheTimerAlone) {
  periodic.update(PeriodicPace::fast, now);
  periodic.update(PeriodicPace::fast, now + 500ms);
  EXPECT_EQ(periodic.deadline(), now + 1s);
}

}  // namespace
}  // namespace bondway::lacp
