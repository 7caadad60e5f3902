#include "db/server/locks.hpp"

#include <gtest/gtest.h>

namespace bondway::server {
namespace {

using Mode = LockTable::Mode;
constexpr SessionId kAnn{1}, kBob{2}, kCat{3};

class LockTableTest : public testing::Test {
 protected:
  LockTable locks;
};

TEST_F(LockTableTest, TheFirstOneOwnsALockAndTheOthersQueue) {  // RFC 7047, 4.1.8
  EXPECT_EQ(locks.take(kAnn, "l", Mode::wait), (LockTable::Taken{true, {}}));
  EXPECT_EQ(locks.take(kBob, "l", Mode::wait), (LockTable::Taken{false, {}}));
  EXPECT_EQ(locks.take(kCat, "l", Mode::wait), (LockTable::Taken{false, {}}));
  EXPECT_TRUE(locks.holds(kAnn, "l"));
  EXPECT_FALSE(locks.holds(kBob, "l"));
  EXPECT_EQ(locks.release(kAnn, "l"), LockTable::Released{kBob});
  EXPECT_EQ(locks.release(kBob, "l"), LockTable::Released{kCat});
  EXPECT_EQ(locks.release(kCat, "l"), LockTable::Released{});
}

TEST_F(LockTableTest, AVictimGetsItsLockBackWhenTheThiefIsDone) {
  locks.take(kAnn, "l", Mode::wait);
  locks.take(kBob, "l", Mode::wait);
  EXPECT_EQ(locks.take(kCat, "l", Mode::steal), (LockTable::Taken{true, kAnn}));
  EXPECT_TRUE(locks.holds(kCat, "l"));
  EXPECT_EQ(locks.release(kCat, "l"), LockTable::Released{kAnn});
}

TEST_F(LockTableTest, StealingAFreeLockHasNoVictim) {
  EXPECT_EQ(locks.take(kAnn, "l", Mode::steal), (LockTable::Taken{true, {}}));
}

TEST_F(LockTableTest, NobodyAsksTwice) {
  locks.take(kAnn, "l", Mode::wait);
  locks.take(kBob, "l", Mode::wait);
  for (const SessionId session : {kAnn, kBob}) {
    EXPECT_FALSE(locks.take(session, "l", Mode::wait));
    EXPECT_FALSE(locks.take(session, "l", Mode::steal));
  }
  EXPECT_FALSE(locks.release(kCat, "l"));
  EXPECT_FALSE(locks.release(kAnn, "m"));
}

TEST_F(LockTableTest, AWaiterThatGivesUpChangesNoOwner) {
  locks.take(kAnn, "l", Mode::wait);
  locks.take(kBob, "l", Mode::wait);
  EXPECT_EQ(locks.release(kBob, "l"), LockTable::Released{});
  EXPECT_TRUE(locks.holds(kAnn, "l"));
}

TEST_F(LockTableTest, TheEndOfASessionReleasesAll) {
  locks.take(kAnn, "l", Mode::wait);
  locks.take(kAnn, "m", Mode::wait);
  locks.take(kBob, "m", Mode::wait);
  locks.take(kBob, "n", Mode::wait);
  locks.take(kAnn, "n", Mode::wait);
  EXPECT_EQ(locks.counts(kAnn).held, 2U);
  EXPECT_EQ(locks.counts(kAnn).waiting, 1U);
  EXPECT_EQ(locks.release_all(kAnn), (std::vector<LockTable::Granted>{{"m", kBob}}));
  EXPECT_EQ(locks.counts(kAnn).held + locks.counts(kAnn).waiting, 0U);
  EXPECT_EQ(locks.take(kCat, "l", Mode::wait), (LockTable::Taken{true, {}}));
}

}  // namespace
}  // namespace bondway::server
