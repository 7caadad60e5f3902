#include "vswitchd/bond/rebalance.hpp"

#include <algorithm>

namespace bondway::bond {
namespace {

/// A smaller difference of loads is not worth reordering anybody's packets.
constexpr std::uint64_t kLeastDifference = 100'000;

void sort_members(std::vector<MemberLoad>& loads) {
  std::stable_sort(loads.begin(), loads.end(),
                   [](const MemberLoad& a, const MemberLoad& b) { return a.bytes > b.bytes; });
}

bool is_balanced_enough(const MemberLoad& most, const MemberLoad& least) {
  const std::uint64_t difference = most.bytes - least.bytes;
  return difference < least.bytes / 32 || difference < kLeastDifference;
}

struct Selection {
  std::vector<std::size_t> places;  ///< in the giver's list of buckets, ascending
  std::uint64_t bytes = 0;
};

/// The heaviest buckets that together come close to `ideal` without exceeding it; if each alone is
/// too much, the lightest.
Selection select(const std::vector<BucketLoad>& buckets, std::uint64_t ideal,
                 std::uint64_t threshold) {
  Selection selection;
  for (std::size_t i = 0; i < buckets.size() && ideal - selection.bytes >= threshold; ++i) {
    if (selection.bytes + buckets[i].bytes > ideal) continue;
    selection.places.push_back(i);
    selection.bytes += buckets[i].bytes;
  }
  if (selection.places.empty()) return {{buckets.size() - 1}, buckets.back().bytes};
  return selection;
}

/// Moves the selected buckets.  The taker's list stays as it is: what moved once stays put.
void move(const Selection& selection, MemberLoad& from, MemberLoad& to, std::vector<Move>& moves) {
  for (const std::size_t place : selection.places) {
    const BucketLoad& load = from.buckets[place];
    from.bytes -= load.bytes;
    to.bytes += load.bytes;
    moves.push_back({load, to.member, from.bytes, to.bytes});
  }
  for (auto place = selection.places.rbegin(); place != selection.places.rend(); ++place) {
    from.buckets.erase(from.buckets.begin() + static_cast<std::ptrdiff_t>(*place));
  }
}

/// Whether anything moved.
bool relieve(MemberLoad& most, MemberLoad& least, std::vector<Move>& moves) {
  if (most.buckets.size() <= 1) return false;
  const std::uint64_t ideal = (most.bytes + least.bytes) / 2 - least.bytes;
  const std::uint64_t threshold = ideal / 10;
  const Selection selection = select(most.buckets, ideal, threshold);
  const std::uint64_t low = std::min(most.bytes - selection.bytes, least.bytes + selection.bytes);
  if (low <= least.bytes || low - least.bytes < threshold) return false;
  move(selection, most, least, moves);
  return true;
}

}  // namespace

std::vector<MemberLoad> sort_loads(std::span<const MemberIndex> enabled,
                                   std::span<const BucketLoad> buckets) {
  std::vector<MemberLoad> loads;
  loads.reserve(enabled.size());
  for (const MemberIndex member : enabled) {
    MemberLoad load{member, 0, {}};
    for (const BucketLoad& bucket : buckets) {
      if (bucket.member != member || bucket.bytes == 0) continue;
      load.bytes += bucket.bytes;
      load.buckets.push_back(bucket);
    }
    std::stable_sort(load.buckets.begin(), load.buckets.end(),
                     [](const BucketLoad& a, const BucketLoad& b) { return a.bytes > b.bytes; });
    loads.push_back(std::move(load));
  }
  sort_members(loads);
  return loads;
}

std::vector<Move> plan_rebalance(std::vector<MemberLoad> loads) {
  std::vector<Move> moves;
  while (loads.size() >= 2 && !is_balanced_enough(loads.front(), loads.back())) {
    if (relieve(loads.front(), loads.back(), moves)) {
      sort_members(loads);
    } else {
      loads.erase(loads.begin());
    }
  }
  return moves;
}

}  // namespace bondway::bond
