#include "vswitchd/netdev/receivers.hpp"

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "tests/netdev/lab.hpp"

namespace bondway::netdev {
namespace {

class ReceiversTest : public LabTest {
 protected:
  /// Which of so many have a ring.
  static std::vector<bool> take(Receivers& receivers, std::size_t count) {
    std::vector<bool> rings;
    for (std::size_t i = 0; i < count; ++i) {
      auto receiver = receivers.take();
      EXPECT_TRUE(receiver) << receiver.error().message;
      if (receiver) rings.push_back(receiver->ring.has_value());
      if (receiver) taken_.push_back(std::move(*receiver));
    }
    return rings;
  }

  void TearDown() override {
    taken_.clear();
    LabTest::TearDown();
  }

  static inline std::vector<Receiver> taken_;
};

TEST_F(ReceiversTest, GivesRingsWhileThereAreSome) {
  Receivers receivers(2);
  EXPECT_EQ(take(receivers, 3), (std::vector{true, true, false}));
  taken_.clear();
  EXPECT_EQ(take(receivers, 1), std::vector{true}) << "the others have been given back";
}

TEST_F(ReceiversTest, PreparedOnesCount) {
  Receivers receivers(3);
  receivers.prepare(2);
  receivers.prepare(2);  // one more, for which there is a ring
  EXPECT_EQ(take(receivers, 4), (std::vector{true, true, true, false}));
}

/// The processors that each other thread of ours may use, as the kernel lists them.
std::set<std::string> processors_of_others() {
  std::set<std::string> lists;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(gettid())) continue;
    std::ifstream status(task.path() / "status");
    const std::string name = "Cpus_allowed_list:\t";
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(name)) lists.insert(line.substr(name.size()));
    }
  }
  return lists;
}

TEST_F(ReceiversTest, LeavesBusyProcessorsAlone) {
  cpu_set_t all;
  sched_getaffinity(0, sizeof(all), &all);
  std::vector<int> busy;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(static_cast<unsigned>(i), &all)) busy.push_back(i);
  }
  const int idle = busy.back();
  busy.pop_back();
  if (busy.empty()) GTEST_SKIP() << "needs two processors";
  Receivers receivers(40);
  receivers.prepare(40, busy);
  EXPECT_TRUE(eventually([&] { return processors_of_others().contains(std::to_string(idle)); }));
  EXPECT_EQ(take(receivers, 40), std::vector<bool>(40, true));
}

TEST_F(ReceiversTest, WhatIsNotUsedIsGivenBack) {
  Receivers receivers(20);
  {
    Closer closer;
    receivers.prepare(20);
    EXPECT_EQ(take(receivers, 1), std::vector{true});
    receivers.drop_prepared(closer);
  }
  EXPECT_EQ(take(receivers, 20), [] {
    std::vector<bool> rings(20, true);
    rings.back() = false;  // the one taken at first is still there
    return rings;
  }());
}

}  // namespace
}  // namespace bondway::netdev
