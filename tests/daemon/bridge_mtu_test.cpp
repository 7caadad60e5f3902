#include "vswitchd/daemon/bridge_mtu.hpp"

#include <gmock/gmock.h>

namespace bondway::daemon {
namespace {

using bridge::InterfaceId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr InterfaceId kLocal{0}, kInternal{1}, kLeft{2}, kRight{3};

TEST(BridgeMtu, FollowersHaveTheSmallestOfTheOthers) {
  BridgeMtu mtus;
  mtus.set_following(kLocal);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal));
  EXPECT_EQ(mtus.smallest(), BridgeMtu::kDefault);
  mtus.set_own(kLeft, 9000);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal));
  EXPECT_EQ(mtus.smallest(), 9000);
  mtus.set_own(kRight, 1400);
  mtus.set_own(kLeft, 1400);
  mtus.set_own(kRight, 3000);
  EXPECT_EQ(mtus.smallest(), 1400);
  mtus.remove(kLeft);
  EXPECT_EQ(mtus.smallest(), 3000);
  mtus.remove(kRight);
  EXPECT_EQ(mtus.smallest(), BridgeMtu::kDefault);
}

TEST(BridgeMtu, WhatSomebodyElseGivesAFollowerStaysUntilTheSmallestChanges) {
  BridgeMtu mtus;
  mtus.set_following(kLocal);
  mtus.set_own(kLeft, 1400);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal));
  mtus.set_own(kRight, 9000);
  mtus.set_following(kLocal);
  EXPECT_THAT(mtus.take_due(), IsEmpty());
  mtus.set_following(kInternal);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kInternal));
  mtus.set_own(kLeft, 1300);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal, kInternal));
}

TEST(BridgeMtu, AnInternalDeviceThatAsksForAnMtuCountsAndDoesNotFollow) {
  BridgeMtu mtus;
  mtus.set_following(kLocal);
  mtus.set_following(kInternal);
  mtus.set_own(kLeft, 1500);
  mtus.take_due();
  mtus.set_own(kInternal, 800);
  EXPECT_EQ(mtus.smallest(), 800);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal));
  mtus.set_following(kInternal);
  EXPECT_EQ(mtus.smallest(), 1500);
  EXPECT_THAT(mtus.take_due(), ElementsAre(kLocal, kInternal));
  mtus.remove(kLocal);
  mtus.remove(kInternal);
  mtus.set_own(kLeft, 1400);
  EXPECT_THAT(mtus.take_due(), IsEmpty());
}

}  // namespace
}  // namespace bondway::daemon
