#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vswitchd/bond/hash.hpp"
#include "vswitchd/bond/output_table.hpp"

namespace bondway::bond {

/// A bucket and the octets it carried lately, older ones counting less.
struct BucketLoad {
  Bucket bucket = 0;
  MemberIndex member = kNoMember;
  std::uint64_t bytes = 0;
  bool operator==(const BucketLoad&) const = default;
};

/// A member's buckets that carried anything, heaviest first, and their sum.
struct MemberLoad {
  MemberIndex member = kNoMember;
  std::uint64_t bytes = 0;
  std::vector<BucketLoad> buckets;
  bool operator==(const MemberLoad&) const = default;
};

/// The loads of the members that can take any, most loaded first (equally loaded ones in the order
/// given).  Buckets of other members and buckets without load are left out.
std::vector<MemberLoad> sort_loads(std::span<const MemberIndex> enabled,
                                   std::span<const BucketLoad> buckets);

/// A bucket changes its member.
struct Move {
  BucketLoad load;  ///< as it was
  MemberIndex to = kNoMember;
  std::uint64_t from_bytes = 0, to_bytes = 0;  ///< what the two members carry afterwards
  bool operator==(const Move&) const = default;
};

/// Which buckets to move so that the members carry about the same: again and again from the most to
/// the least loaded one, as long as the difference is at least 100,000 octets and 1/32 of the
/// lesser load, and a move narrows it by at least a tenth of what would be ideal.
std::vector<Move> plan_rebalance(std::vector<MemberLoad> loads);

}  // namespace bondway::bond
