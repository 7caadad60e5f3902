#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "vswitchd/bridge/forward.hpp"

namespace bondway::bridge {

/// A copy of the frame that leaves the switch, or goes to the control thread.
struct Delivery {
  InterfaceId interface {};
  TagEdit edit;               ///< of the frame as it entered the switch
  std::uint16_t snaplen = 0;  ///< octets after the edit that are sent of it; 0: all
  bool operator==(const Delivery&) const = default;
};

/// Where a frame is counted on its way, with its length on entering the switch: at a bond's bucket,
/// at a mirror, or at one side of a patch port.
struct Credit {
  BucketLoad* load = nullptr;
  bond::Bucket bucket{};
  MirrorCount* mirror = nullptr;
  Traffic* traffic = nullptr;
  bool arrived = false;  ///< at the patch port; else it left through it
  bool operator==(const Credit&) const = default;
};

/// What a frame taught a bridge on its way.
struct Lesson {
  fdb::Table* macs = nullptr;
  Learned learned;
  bool operator==(const Lesson&) const = default;
};

/// Where a frame ends that enters the switch once, over however many patch ports; and what it
/// depended on, so that the next such frame can take the same way.  Refers to parts of the plan.
struct Journey {
  std::vector<Delivery> sent;        ///< in the order in which they leave
  std::vector<Delivery> to_control;  ///< arrived on these interfaces

  std::vector<Credit> credits;
  std::vector<Lesson> lessons;
  /// The MAC tables asked, and until when their answers hold.
  std::vector<std::pair<const fdb::Table*, fdb::Table::Stamp>> asked;
  bool used_flow = false;  ///< depended on Headers::flow; else on the other headers alone

  /// Whether an equal frame, by the same plan, still takes this way.
  bool holds() const;
};

inline constexpr int kMaxDepth = 64;         ///< bridges that one copy may cross
inline constexpr int kMaxTraversals = 4096;  ///< bridges that all copies together may cross

/// Counts frames of together `octets` length, as they entered the switch, wherever the journey
/// passed.
void count(const Journey& journey, std::uint64_t packets, std::uint64_t octets);

/// Another frame takes the journey, which holds: teaches the MAC tables again.
void teach_again(const Journey& journey, TimePoint now);

/// Follows a frame of `octets` length from interface `in` to all its ends.  Teaches the MAC tables
/// and counts bucket loads and patch traffic on the way, so the caller holds the forwarding lock.
/// A copy that comes over a patch as one did before goes no further, so loops end after one round,
/// and in any case at the limits above; what was sent so far is still sent.
Journey travel(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
               TimePoint now);

/// Where such a frame would go, and in `trace` why: nothing is learned or counted.
Journey rehearse(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
                 TimePoint now, Trace& trace);

/// One edit that does what `first` and then `second` do; empty when it would push more than two
/// tags.
std::optional<TagEdit> compose(const TagEdit& first, const TagEdit& second);

/// Sends a frame of our own out of one interface: over a patch it arrives at the peer, and mirrors
/// have their copies, as seen of the reference.
Journey depart(const Headers& headers, std::size_t octets, InterfaceId out, const Plan& plan,
               TimePoint now);

}  // namespace bondway::bridge
