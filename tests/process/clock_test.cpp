#include "process/clock.hpp"

#include <gtest/gtest.h>

namespace bondway::process {
namespace {

TEST(Clock, RunsWithTheSystemUntilItIsStopped) {
  Clock clock;
  const auto before = std::chrono::steady_clock::now();
  const TimePoint now = clock.now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, std::chrono::steady_clock::now());
}

TEST(Clock, MovesOnlyWhenWarpedOnceItIsStopped) {
  Clock clock;
  clock.stop();
  const TimePoint start = clock.now();
  while (std::chrono::steady_clock::now() - start < 1ms) {
  }
  EXPECT_EQ(clock.now(), start);
  clock.warp(250ms);
  EXPECT_EQ(clock.now(), start + 250ms);
  clock.stop();  // again: nothing changes
  EXPECT_EQ(clock.now(), start + 250ms);
}

TEST(Clock, JumpsAheadWhileRunning) {
  Clock clock;
  clock.warp(1h);
  EXPECT_GE(clock.now(), std::chrono::steady_clock::now() + 59min);
}

TEST(Clock, SleepsInRealTimeButNotTowardsAWarp) {
  Clock clock;
  EXPECT_GT(*clock.real_time_until(clock.now() + 1h), Duration(59min));
  clock.stop();
  EXPECT_EQ(clock.real_time_until(clock.now()), Duration::zero());
  EXPECT_EQ(clock.real_time_until(clock.now() - 1s), Duration::zero());
  EXPECT_EQ(clock.real_time_until(clock.now() + 1ms), std::nullopt);
}

}  // namespace
}  // namespace bondway::process
