#include "vswitchd/daemon/heartbeat.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace bondway::daemon {
namespace {

constexpr bridge::InterfaceId kMember{3};

/// A control thread that is busy.
void nobody(const std::shared_ptr<std::atomic<bool>>&) {}

/// Waits, for what another thread does in real time; false after ten seconds.
bool eventually(const std::function<bool()>& done) {
  for (int waited = 0; waited < 10'000; ++waited) {
    if (done()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

TEST(HeartbeatTest, RepeatsWhatShouldHaveBeenFollowed) {
  std::atomic<int> repeated = 0;
  Heartbeat heartbeat(nobody);
  const auto start = std::chrono::steady_clock::now();
  heartbeat.sent(kMember, 20ms, [&] { ++repeated; });
  ASSERT_TRUE(eventually([&] { return repeated >= 3; })) << "again and again";
  EXPECT_GE(std::chrono::steady_clock::now() - start, Heartbeat::kGrace + 2 * 20ms)
      << "not before the control thread had its time";
}

TEST(HeartbeatTest, IsSilentOnceForgotten) {
  std::atomic<int> repeated = 0;
  Heartbeat heartbeat(nobody);
  heartbeat.sent(kMember, 1ms, [&] { ++repeated; });
  ASSERT_TRUE(eventually([&] { return repeated >= 1; }));
  heartbeat.forget(kMember);
  const int before = repeated;
  std::atomic<int> other = 0;
  heartbeat.sent(bridge::InterfaceId{4}, 1ms, [&] { ++other; });
  ASSERT_TRUE(eventually([&] { return other >= 2; })) << "others go on";
  EXPECT_EQ(repeated, before);
}

TEST(HeartbeatTest, LeavesAControlThreadAloneThatKeepsItsTime) {
  std::atomic<int> repeated = 0, other = 0;
  Heartbeat heartbeat(nobody);
  heartbeat.sent(bridge::InterfaceId{4}, 1ms, [&] { ++other; });
  ASSERT_TRUE(eventually([&] {
    heartbeat.sent(kMember, 10s, [&] { ++repeated; });
    return other >= 2;
  }));
  EXPECT_EQ(repeated, 0);
}

TEST(HeartbeatTest, LeavesAControlThreadAloneThatAnswers) {
  std::atomic<int> repeated = 0, asked = 0;
  Heartbeat heartbeat([&](const std::shared_ptr<std::atomic<bool>>& answered) {
    *answered = true;
    ++asked;
  });
  heartbeat.sent(kMember, 1ms, [&] { ++repeated; });
  ASSERT_TRUE(eventually([&] { return asked >= 3; })) << "asked again and again";
  EXPECT_EQ(repeated, 0);
}

}  // namespace
}  // namespace bondway::daemon
