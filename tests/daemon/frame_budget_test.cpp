#include "vswitchd/daemon/frame_budget.hpp"

#include <gmock/gmock.h>

namespace bondway::daemon {
namespace {

constexpr TimePoint kStart{Duration(1h)};

TEST(FrameBudget, NeverHoldsUpAPartnerThatKeepsToTheStandard) {  // IEEE 802.3, 57A.2
  FrameBudget budget;
  for (int frame = 0; frame < 10'000; ++frame) {
    EXPECT_EQ(budget.spend(1, kStart + frame * 50ms), Duration(0));  // twice the allowed rate
  }
}

TEST(FrameBudget, LetsAFloodWaitForTheNextInterval) {
  FrameBudget budget;
  EXPECT_EQ(budget.spend(64, kStart), Duration(0));
  EXPECT_EQ(budget.spend(64, kStart + 10ms), 90ms);
  EXPECT_EQ(budget.spend(64, kStart + 100ms), Duration(0));
}

TEST(FrameBudget, BoundsWhatIsLookedAtInASecond) {
  FrameBudget budget;
  std::size_t frames = 0;
  for (TimePoint now = kStart; now < kStart + 1s;) {
    frames += 64;
    now += 640us + budget.spend(64, now);  // a hundred thousand a second, if it may
  }
  EXPECT_LE(frames, 10 * (FrameBudget::kFrames + 64));
}

}  // namespace
}  // namespace bondway::daemon
