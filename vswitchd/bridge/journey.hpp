#pragma once

#include <cstddef>
#include <vector>

#include "vswitchd/bridge/forward.hpp"

namespace bondway::bridge {

/// A copy of the frame that leaves the switch, or goes to the control thread.
struct Delivery {
  InterfaceId interface {};
  TagEdit edit;  ///< of the frame as it entered the switch
  bool operator==(const Delivery&) const = default;
};

/// Where a frame ends that enters the switch once, over however many patch ports.
struct Journey {
  std::vector<Delivery> sent;        ///< in the order in which they leave
  std::vector<Delivery> to_control;  ///< arrived on these interfaces
};

inline constexpr int kMaxDepth = 64;         ///< bridges that one copy may cross
inline constexpr int kMaxTraversals = 4096;  ///< bridges that all copies together may cross

/// Follows a frame of `octets` length from interface `in` to all its ends.  Teaches the MAC tables
/// and counts bucket loads and patch traffic on the way, so the caller holds the forwarding lock.
/// Loops of patch ports end at the limits above, with what was sent so far still sent.
Journey travel(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
               TimePoint now);

/// One edit that does what `first` and then `second` do; empty when it would push more than two
/// tags.
std::optional<TagEdit> compose(const TagEdit& first, const TagEdit& second);

/// The headers of the edited frame.
Headers edited(const Headers& headers, const TagEdit& edit);

/// Sends a frame of our own out of one interface: over a patch it arrives at the peer.
Journey depart(const Headers& headers, std::size_t octets, InterfaceId out, const Plan& plan,
               TimePoint now);

}  // namespace bondway::bridge
