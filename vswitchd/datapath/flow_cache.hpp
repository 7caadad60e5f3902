#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "vswitchd/bridge/journey.hpp"

namespace bondway::datapath {

/// The fields of a frame that its journey can depend on, packed for comparing.
class FlowKey {
 public:
  /// Which fields count: those up to the EtherType, or also addresses and ports behind it, which
  /// only a balance-tcp bond looks at.
  enum class Depth : bool { link, transport };

  FlowKey() = default;
  FlowKey(bridge::InterfaceId in, const Headers& headers, Depth depth);

  bool operator==(const FlowKey&) const = default;
  std::uint64_t hash(std::uint64_t seed) const;

  // For showing.
  bridge::InterfaceId in() const {
    return bridge::InterfaceId(static_cast<std::uint32_t>(words_[3]));
  }
  MacAddress destination() const { return MacAddress::from_number(words_[0]); }
  MacAddress source() const { return MacAddress::from_number(words_[1]); }
  EtherType type() const { return EtherType(static_cast<std::uint16_t>(words_[1] >> 48)); }
  std::optional<VlanTag> outer() const;

 private:
  static constexpr std::size_t kLinkWords = 4;
  std::array<std::uint64_t, 9> words_{};
  std::size_t used_ = kLinkWords;
};

/// A journey that frames of one kind take, and how many have taken it.
struct Flow {
  FlowKey key;
  std::uint64_t generation = 0;  ///< of the plan by which the journey was found; 0: unused
  bridge::Journey journey;
  TimePoint since{}, last_used{};
  std::uint64_t packets = 0, octets = 0;
  std::uint64_t new_packets = 0, new_octets = 0;  ///< not yet counted where the journey says
  std::uint64_t use = 0;                          ///< greater is more recent
};

/// The journeys that one worker has found, by what they depended on.  Bounded: a new one takes the
/// place of the least recently used of four.
///
/// A cached journey holds while the plan's generation is the same and its MAC tables' answers are
/// (Journey::holds()).  For one thread at a time.
class FlowCache {
 public:
  static constexpr std::size_t kCapacity = 8192;

  /// `seed` keeps a sender from choosing frames that collide.
  explicit FlowCache(std::uint64_t seed) : seed_(seed) {}

  /// The flow of that key found by that plan, if there is one.
  Flow* find(const FlowKey& key, std::uint64_t generation);

  /// Keeps a journey.  What stood in its place is settled first; if that was the same key its
  /// counts go on.
  Flow& insert(const FlowKey& key, std::uint64_t generation, bridge::Journey journey,
               TimePoint now);

  /// Takes note of a frame of that length.
  void count(Flow& flow, std::size_t octets, TimePoint now);

  /// Counts at bonds and patches what passed since the last time.  Before a plan goes away, as
  /// journeys refer to its parts.
  void settle();

  /// The flows of that plan, in no order.
  void for_each(std::uint64_t generation, const std::function<void(const Flow&)>& visit) const;

 private:
  static constexpr std::size_t kWays = 4;

  Flow* set_of(const FlowKey& key) {
    return &flows_[key.hash(seed_) % (kCapacity / kWays) * kWays];
  }
  static void settle(Flow& flow);

  const std::uint64_t seed_;
  std::vector<Flow> flows_;       ///< sets of kWays; none before the first insert()
  std::vector<Flow*> unsettled_;  ///< those with new counts
  std::uint64_t uses_ = 0;
};

}  // namespace bondway::datapath
