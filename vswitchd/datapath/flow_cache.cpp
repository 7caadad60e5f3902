#include "vswitchd/datapath/flow_cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bondway::datapath {
namespace {

/// Tag and, above it, whether there is one.
std::uint64_t pack(const std::optional<VlanTag>& tag) {
  if (!tag) return 0;
  return std::uint64_t{tag->tpid} << 16 | tag->tci;
}

std::uint64_t word(const std::array<std::uint8_t, 16>& octets, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, octets.data() + at, sizeof(number));
  return number;
}

}  // namespace

FlowKey::FlowKey(bridge::InterfaceId in, const Headers& headers, Depth depth) {
  words_[0] = headers.destination.number() | std::uint64_t{headers.slow_subtype} << 48 |
              std::uint64_t{headers.gratuitous_arp} << 56 |
              std::uint64_t{headers.outer.has_value()} << 57 |
              std::uint64_t{headers.inner.has_value()} << 58;
  words_[1] = headers.source.number() | std::uint64_t{static_cast<std::uint16_t>(headers.type)}
                                            << 48;
  words_[2] = pack(headers.outer) << 32 | pack(headers.inner);
  words_[3] = static_cast<std::uint32_t>(in);
  if (depth == Depth::link) return;
  used_ = words_.size();
  const FlowFields& flow = headers.flow;
  words_[4] = std::uint64_t{flow.protocol} << 32 | std::uint64_t{flow.source_port} << 16 |
              flow.destination_port;
  words_[5] = word(flow.source, 0);
  words_[6] = word(flow.source, 8);
  words_[7] = word(flow.destination, 0);
  words_[8] = word(flow.destination, 8);
}

std::uint64_t FlowKey::hash(std::uint64_t seed) const {
  std::uint64_t sum = seed;
  for (std::size_t i = 0; i < used_; ++i) {
    sum = (sum ^ words_[i]) * 0x9e3779b97f4a7c15U;
    sum ^= sum >> 32;
  }
  return sum;
}

std::optional<VlanTag> FlowKey::outer() const {
  if ((words_[0] >> 57 & 1) == 0) return std::nullopt;
  return VlanTag{static_cast<std::uint16_t>(words_[2] >> 48),
                 static_cast<std::uint16_t>(words_[2] >> 32)};
}

Flow* FlowCache::find(const FlowKey& key, std::uint64_t generation) {
  if (flows_.empty()) return nullptr;
  Flow* const set = set_of(key);
  Flow* const end = set + kWays;
  Flow* const found = std::find_if(
      set, end, [&](const Flow& flow) { return flow.generation == generation && flow.key == key; });
  return found == end ? nullptr : found;
}

Flow& FlowCache::insert(const FlowKey& key, std::uint64_t generation, bridge::Journey journey,
                        TimePoint now) {
  if (flows_.empty()) flows_.resize(kCapacity);
  Flow* place = find(key, generation);
  const bool is_new = place == nullptr;
  if (is_new)
    place = std::min_element(set_of(key), set_of(key) + kWays, [&](const Flow& a, const Flow& b) {
      return std::pair(a.generation == generation, a.use) <
             std::pair(b.generation == generation, b.use);
    });
  settle(*place);
  if (is_new) {
    place->key = key;
    place->since = now;
    place->packets = place->octets = 0;
  }
  place->generation = generation;
  place->journey = std::move(journey);
  place->last_used = now;
  place->use = ++uses_;
  return *place;
}

void FlowCache::count(Flow& flow, std::size_t octets, TimePoint now) {
  if (flow.new_packets == 0 && !flow.journey.credits.empty()) unsettled_.push_back(&flow);
  ++flow.packets;
  flow.octets += octets;
  ++flow.new_packets;
  flow.new_octets += octets;
  flow.last_used = now;
  flow.use = ++uses_;
}

void FlowCache::settle(Flow& flow) {
  const auto packets = std::exchange(flow.new_packets, 0);
  const auto octets = std::exchange(flow.new_octets, 0);
  if (packets != 0) bridge::count(flow.journey, packets, octets);
}

void FlowCache::settle() {
  for (Flow* flow : unsettled_) settle(*flow);
  unsettled_.clear();
}

void FlowCache::for_each(std::uint64_t generation,
                         const std::function<void(const Flow&)>& visit) const {
  for (const Flow& flow : flows_) {
    if (flow.generation == generation) visit(flow);
  }
}

}  // namespace bondway::datapath
