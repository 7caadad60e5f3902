#include "process/coverage.hpp"

#include <gmock/gmock.h>

namespace bondway::process {
namespace {

class CoverageTest : public ::testing::Test {
 protected:
  CoverageTest() {
    coverage.add("event", [this] { return total; });
  }
  void five_seconds(std::uint64_t more) {
    total += more;
    coverage.sample();
  }
  CoverageCounter counter() const { return coverage.counters().front(); }

  std::uint64_t total = 0;
  Coverage coverage;
};

TEST_F(CoverageTest, KnowsTheTotalAtOnceAndRatesAfterASample) {
  total = 7;
  EXPECT_EQ(counter().total, 7U);
  EXPECT_EQ(counter().per_second_5s, 0);
  coverage.sample();
  EXPECT_DOUBLE_EQ(counter().per_second_5s, 7.0 / 5);
  EXPECT_DOUBLE_EQ(counter().per_second_minute, 7.0 / 60);
  EXPECT_DOUBLE_EQ(counter().per_second_hour, 7.0 / 3600);
}

TEST_F(CoverageTest, ForgetsFirstInFiveSecondsThenInAMinuteThenInAnHour) {  // ovs-appctl(8)
  five_seconds(120);
  five_seconds(0);
  EXPECT_EQ(counter().per_second_5s, 0);
  EXPECT_DOUBLE_EQ(counter().per_second_minute, 2);
  for (int i = 0; i < 12; ++i) five_seconds(0);
  EXPECT_EQ(counter().per_second_minute, 0);
  EXPECT_DOUBLE_EQ(counter().per_second_hour, 120.0 / 3600);
  for (int i = 0; i < 12 * 60; ++i) five_seconds(0);
  EXPECT_EQ(counter().per_second_hour, 0);
  EXPECT_EQ(counter().total, 120U);
}

}  // namespace
}  // namespace bondway::process
