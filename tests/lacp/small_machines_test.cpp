#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"
#include "vswitchd/lacp/churn_machine.hpp"
#include "vswitchd/lacp/marker.hpp"
#include "vswitchd/lacp/member_status.hpp"
#include "vswitchd/lacp/transmit_machine.hpp"

namespace bondway::lacp {
namespace {

TEST(TransmitMachine, SendsOncePerNeed) {  // IEEE 802.1AX-2014, 6.4.16
  TransmitMachine transmission;
  EXPECT_FALSE(transmission.take(kStart));
  transmission.need_to_transmit();
  transmission.need_to_transmit();
  EXPECT_TRUE(transmission.take(kStart));
  EXPECT_FALSE(transmission.take(kStart));
}

TEST(TransmitMachine, HoldsBackTheFourthOfASecond) {  // 6.4.16
  TransmitMachine transmission;
  for (const Duration at : {0ms, 300ms, 600ms}) {
    transmission.need_to_transmit();
    EXPECT_EQ(transmission.take(kStart + at), true);
  }
  transmission.need_to_transmit();
  EXPECT_FALSE(transmission.take(kStart + 700ms));
  EXPECT_TRUE(transmission.pending());
  EXPECT_EQ(transmission.deadline(), kStart + 1s);
  EXPECT_FALSE(transmission.take(kStart + 1s - 1ns));
  EXPECT_TRUE(transmission.take(kStart + 1s));
  transmission.need_to_transmit();
  EXPECT_EQ(transmission.deadline(), kStart + 1300ms) << "any second, not every second";
}

TEST(TransmitMachine, ForgetsTheNeedOfASilentPort) {  // 6.4.16: NO_PERIODIC
  TransmitMachine transmission;
  transmission.need_to_transmit();
  transmission.forget();
  EXPECT_FALSE(transmission.take(kStart));
  EXPECT_EQ(transmission.deadline(), std::nullopt);
}

/// IEEE 802.1AX-2014, 6.4.17, Figures 6-24 and 6-25.
class ChurnMachineTest : public ::testing::Test {
 protected:
  ChurnMachine churn;
};

TEST_F(ChurnMachineTest, WatchesAnEnabledPort) {  // BEGIN -> ACTOR_CHURN_MONITOR
  EXPECT_EQ(churn.state(), ChurnState::monitor);
  EXPECT_EQ(churn.deadline(), std::nullopt);
  churn.update(ChurnInput::out_of_sync, kStart);
  EXPECT_EQ(churn.state(), ChurnState::monitor);
  EXPECT_EQ(churn.deadline(), kStart + 60s);
  churn.update(ChurnInput::out_of_sync, kStart + 10s);
  EXPECT_EQ(churn.deadline(), kStart + 60s);
}

TEST_F(ChurnMachineTest, IsContentWithAPortInSync) {  // ACTOR_CHURN_MONITOR -> NO_ACTOR_CHURN
  churn.update(ChurnInput::out_of_sync, kStart);
  churn.update(ChurnInput::in_sync, kStart + 59s);
  EXPECT_EQ(churn.state(), ChurnState::no_churn);
  EXPECT_FALSE(churn.expire(kStart + 60s));
}

TEST_F(ChurnMachineTest, DetectsAPortThatStaysOutOfSync) {  // ACTOR_CHURN_MONITOR -> ACTOR_CHURN
  churn.update(ChurnInput::out_of_sync, kStart);
  EXPECT_FALSE(churn.expire(kStart + 60s - 1ns));
  EXPECT_TRUE(churn.expire(kStart + 60s));
  EXPECT_EQ(churn.state(), ChurnState::churn);
  churn.update(ChurnInput::out_of_sync, kStart + 61s);
  EXPECT_EQ(churn.state(), ChurnState::churn);
  EXPECT_EQ(churn.deadline(), std::nullopt);
}

TEST_F(ChurnMachineTest, ForgivesAPortThatComesIntoSync) {  // ACTOR_CHURN -> NO_ACTOR_CHURN
  churn.update(ChurnInput::out_of_sync, kStart);
  churn.expire(kStart + 60s);
  churn.update(ChurnInput::in_sync, kStart + 61s);
  EXPECT_EQ(churn.state(), ChurnState::no_churn);
}

TEST_F(ChurnMachineTest, WatchesAgainWhenSyncIsLost) {  // NO_ACTOR_CHURN -> ACTOR_CHURN_MONITOR
  churn.update(ChurnInput::in_sync, kStart);
  churn.update(ChurnInput::out_of_sync, kStart + 5s);
  EXPECT_EQ(churn.state(), ChurnState::monitor);
  EXPECT_EQ(churn.deadline(), kStart + 65s);
}

TEST_F(ChurnMachineTest, DoesNotWatchADisabledPort) {  // any state -> ACTOR_CHURN_MONITOR
  churn.update(ChurnInput::out_of_sync, kStart);
  churn.expire(kStart + 60s);
  churn.update(ChurnInput::port_disabled, kStart + 61s);
  EXPECT_EQ(churn.state(), ChurnState::monitor);
  EXPECT_EQ(churn.deadline(), std::nullopt);
  churn.update(ChurnInput::out_of_sync, kStart + 70s);
  EXPECT_EQ(churn.deadline(), kStart + 130s);
}

const MarkerPdu kQuestion{.requester_port = 3, .requester_system = kTheirSystem, .transaction = 77};

TEST(Marker, EchoesAMarkerAsAResponse) {  // 6.5.4.2: Marker Responder
  Marker marker;
  MarkerPdu expected = kQuestion;
  expected.kind = MarkerPdu::Kind::response;
  EXPECT_EQ(marker.respond(kQuestion, kStart), expected);
}

TEST(Marker, NeverAnswersAResponse) {
  Marker marker;
  MarkerPdu response = kQuestion;
  response.kind = MarkerPdu::Kind::response;
  EXPECT_EQ(marker.respond(response, kStart), std::nullopt);
}

TEST(Marker, AnswersTenASecondAtMost) {  // IEEE 802.3, 57A.2
  Marker marker;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(marker.respond(kQuestion, kStart + i * 10ms));
  EXPECT_FALSE(marker.respond(kQuestion, kStart + 999ms));
  EXPECT_TRUE(marker.respond(kQuestion, kStart + 1s));
  EXPECT_FALSE(marker.respond(kQuestion, kStart + 1s));
}

TEST(Marker, RecognizesTheEchoOfItsLastQuestionOnce) {  // 6.5.4.1: Marker Generator
  Marker marker;
  MarkerPdu echo = marker.generate(3, kOurSystem, kStart).value();
  EXPECT_EQ(echo.requester_port, 3);
  EXPECT_EQ(echo.requester_system, kOurSystem);
  EXPECT_EQ(marker.match(echo, 3, kOurSystem, kStart), std::nullopt) << "the question itself";
  echo.kind = MarkerPdu::Kind::response;
  EXPECT_EQ(marker.match(echo, 4, kOurSystem, kStart), std::nullopt) << "another port's";
  EXPECT_EQ(marker.match(echo, 3, kTheirSystem, kStart), std::nullopt) << "another system's";
  EXPECT_EQ(marker.match(echo, 3, kOurSystem, kStart + 5ms), Duration(5ms));
  EXPECT_EQ(marker.match(echo, 3, kOurSystem, kStart + 6ms), std::nullopt) << "a replay";
  marker.generate(3, kOurSystem, kStart + 1s);
  EXPECT_EQ(marker.match(echo, 3, kOurSystem, kStart + 1s), std::nullopt) << "an old one";
}

/// The words that lacp/show uses, for a port whose receive machine is `rx`.
class StatusMachineTest : public ::testing::Test {
 protected:
  MemberStatus follow(Activity activity) {
    status.update(rx, activity, now);
    return status.status();
  }
  MemberStatus advance(Duration span, Activity activity) {
    now += span;
    rx.expire({}, now);
    status.expire(now);
    return follow(activity);
  }

  TimePoint now = kStart;
  RxMachine rx;
  StatusMachine status;
};

TEST_F(StatusMachineTest, AnActivePortExpiresAndDefaults) {
  rx.enable(now);
  EXPECT_EQ(follow(Activity::active), MemberStatus::expired);
  EXPECT_EQ(advance(3s, Activity::active), MemberStatus::defaulted);
  EXPECT_EQ(status.times_defaulted(), 1U);
}

TEST_F(StatusMachineTest, APassivePortThatHeardNobodyIsDefaultedFromTheStart) {
  rx.enable(now);
  EXPECT_EQ(follow(Activity::passive), MemberStatus::defaulted);
  EXPECT_EQ(advance(3s, Activity::passive), MemberStatus::defaulted);
  EXPECT_EQ(status.times_defaulted(), 0U);
}

TEST_F(StatusMachineTest, ALostLinkCountsAsExpiredForThreeSeconds) {
  rx.enable(now);
  rx.receive(matching_pdu(), our_port(), 90s, now);
  EXPECT_EQ(follow(Activity::passive), MemberStatus::current);
  rx.disable();
  EXPECT_EQ(follow(Activity::passive), MemberStatus::expired);
  EXPECT_EQ(status.deadline(), now + 3s);
  EXPECT_EQ(advance(3s - 1ns, Activity::passive), MemberStatus::expired);
  EXPECT_EQ(advance(1ns, Activity::passive), MemberStatus::defaulted);
  EXPECT_EQ(status.times_defaulted(), 1U);
  EXPECT_EQ(status.deadline(), std::nullopt);
}

TEST_F(StatusMachineTest, ALinkThatComesBackStopsTheTimer) {
  rx.enable(now);
  follow(Activity::active);
  rx.disable();
  follow(Activity::active);
  rx.enable(now);
  EXPECT_EQ(follow(Activity::active), MemberStatus::expired);
  EXPECT_EQ(status.deadline(), std::nullopt) << "the receive machine has its own";
}

TEST_F(StatusMachineTest, ADefaultedActivePortExpiresAnewWhenItsLinkGoesDown) {
  rx.enable(now);
  follow(Activity::active);
  advance(3s, Activity::active);
  rx.disable();
  EXPECT_EQ(follow(Activity::active), MemberStatus::expired);
}

TEST_F(StatusMachineTest, ADefaultedPassivePortStaysSo) {
  rx.enable(now);
  follow(Activity::passive);
  rx.disable();
  EXPECT_EQ(follow(Activity::passive), MemberStatus::defaulted);
  EXPECT_EQ(status.deadline(), std::nullopt);
}

TEST_F(StatusMachineTest, ARestartedPortIsExpiredEvenIfItHeardNobody) {
  rx.enable(now);
  follow(Activity::passive);
  rx.restart(now);
  status.restart(rx);
  EXPECT_EQ(follow(Activity::passive), MemberStatus::expired);
  EXPECT_EQ(advance(3s, Activity::passive), MemberStatus::defaulted);
}

TEST_F(StatusMachineTest, AHalfDuplexPortIsDefaulted) {
  rx.enable_without_lacp({});
  EXPECT_EQ(follow(Activity::active), MemberStatus::defaulted);
}

}  // namespace
}  // namespace bondway::lacp
