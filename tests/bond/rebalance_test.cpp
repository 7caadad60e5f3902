#include "vswitchd/bond/rebalance.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace bondway::bond {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr MemberIndex kA{0}, kB{1}, kC{2};

std::vector<Move> plan(std::vector<MemberIndex> enabled, std::vector<BucketLoad> loads) {
  return plan_rebalance(sort_loads(enabled, loads));
}

Move moved(Bucket bucket, MemberIndex from, std::uint64_t bytes, MemberIndex to,
           std::uint64_t from_bytes, std::uint64_t to_bytes) {
  return {{bucket, from, bytes}, to, from_bytes, to_bytes};
}

TEST(SortLoads, PutsTheMostLoadedMemberAndItsHeaviestBucketFirst) {
  const MemberIndex enabled[] = {kA, kB};
  const BucketLoad loads[] = {{1, kA, 10}, {2, kB, 20}, {3, kB, 30}};
  EXPECT_THAT(sort_loads(enabled, loads),
              ElementsAre(MemberLoad{kB, 50, {{3, kB, 30}, {2, kB, 20}}},
                          MemberLoad{kA, 10, {{1, kA, 10}}}));
}

TEST(SortLoads, LeavesOutDisabledMembersAndIdleBuckets) {
  const MemberIndex enabled[] = {kB};
  const BucketLoad loads[] = {{1, kA, 10}, {2, kB, 0}, {3, kNoMember, 7}};
  EXPECT_THAT(sort_loads(enabled, loads), ElementsAre(MemberLoad{kB, 0, {}}));
}

TEST(Rebalance, MovesHalfOfTheDifference) {
  // ideal (600,000 + 0) / 2 = 300,000: the 250,000 fit, the next two do not fit any more.
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 250'000}, {2, kA, 200'000}, {3, kA, 150'000}}),
              ElementsAre(moved(1, kA, 250'000, kB, 350'000, 250'000)));
}

TEST(Rebalance, FillsUpWithLighterBucketsUntilATenthOfTheIdealIsMissing) {
  // The case that the reference logged: 68, 27 and 13 kB of 233 kB, after which 8 of 116 kB are
  // missing, less than a tenth.
  const std::vector<BucketLoad> loads = {
      {158, kA, 68 * 1024}, {215, kA, 68 * 1024}, {93, kA, 54 * 1024},  {46, kA, 27 * 1024},
      {144, kA, 13 * 1024}, {28, kA, 500},        {60, kB, 178 * 1024}, {56, kC, 300}};
  const auto moves = plan({kA, kB, kC}, loads);
  std::vector<int> buckets;
  for (const Move& move : moves) {
    buckets.push_back(move.load.bucket);
    EXPECT_EQ(move.to, kC);
  }
  EXPECT_THAT(buckets, ElementsAre(158, 46, 144));
  EXPECT_EQ(moves.back().to_bytes, 108 * 1024U + 300U);
}

TEST(Rebalance, LeavesADifferenceBelow100000OctetsAlone) {
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 50'000}, {2, kA, 49'999}}), IsEmpty());
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 50'000}, {2, kA, 50'000}}),
              ElementsAre(moved(1, kA, 50'000, kB, 50'000, 50'000)));
}

TEST(Rebalance, LeavesADifferenceBelowA32ndOfTheLesserLoadAlone) {
  const std::vector<BucketLoad> loads = {
      {1, kB, 32'000'000}, {2, kA, 32'499'999}, {3, kA, 500'000}};
  EXPECT_THAT(plan({kA, kB}, loads), IsEmpty());
  std::vector<BucketLoad> more = loads;
  more[1].bytes += 1;
  EXPECT_THAT(plan({kA, kB}, more), ElementsAre(moved(3, kA, 500'000, kB, 32'500'000, 32'500'000)));
}

TEST(Rebalance, CannotSplitABucket) {
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 1'000'000}}), IsEmpty());
}

TEST(Rebalance, RelievesTheNextMemberIfTheMostLoadedCannotBe) {
  EXPECT_THAT(plan({kA, kB, kC}, {{1, kA, 900'000}, {2, kB, 300'000}, {3, kB, 300'000}}),
              ElementsAre(moved(2, kB, 300'000, kC, 300'000, 300'000)));
}

TEST(Rebalance, MovesTheLightestBucketIfEachIsTooHeavyAndItStillHelps) {
  // ideal 250,000: neither fits, but then the lesser load is 400,000 instead of 200,000.
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 400'000}, {2, kA, 300'000}, {3, kB, 200'000}}),
              ElementsAre(moved(2, kA, 300'000, kB, 400'000, 500'000)));
}

TEST(Rebalance, DoesNotMoveABucketForLessThanATenthOfTheIdeal) {
  // Moving the 890,000 would raise the lesser load by 20,000 only; the ideal is 455,000.
  EXPECT_THAT(plan({kA, kB}, {{1, kA, 900'000}, {2, kA, 890'000}, {3, kB, 880'000}}), IsEmpty());
}

TEST(Rebalance, DoesNotMoveABucketTwiceInOneRun) {
  const auto moves = plan({kA, kB, kC}, {{1, kA, 500'000},
                                         {2, kA, 400'000},
                                         {3, kA, 300'000},
                                         {4, kA, 200'000},
                                         {5, kA, 100'000},
                                         {6, kB, 150'000}});
  std::vector<int> buckets;
  for (const Move& move : moves) buckets.push_back(move.load.bucket);
  std::sort(buckets.begin(), buckets.end());
  EXPECT_EQ(std::adjacent_find(buckets.begin(), buckets.end()), buckets.end());
  EXPECT_FALSE(moves.empty());
}

TEST(Rebalance, HasNothingToDoForOneMemberOrNone) {
  EXPECT_THAT(plan({kA}, {{1, kA, 900'000}, {2, kA, 900'000}}), IsEmpty());
  EXPECT_THAT(plan({}, {{1, kA, 900'000}, {2, kA, 900'000}}), IsEmpty());
}

}  // namespace
}  // namespace bondway::bond
