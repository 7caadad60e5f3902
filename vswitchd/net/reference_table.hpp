#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

namespace bondway {

/// One step of MurmurHash3 (32 bit): mixes in a whole 32-bit word.
constexpr std::uint32_t hash_mix(std::uint32_t hash, std::uint32_t word) {
  const auto rotate = [](std::uint32_t x, int n) { return (x << n) | (x >> (32 - n)); };
  word = rotate(word * 0xcc9e2d51U, 15) * 0x1b873593U;
  return rotate(hash ^ word, 13) * 5 + 0xe6546b64U;
}

/// Ends a hash over `length` octets.
constexpr std::uint32_t hash_finish(std::uint32_t hash, std::uint32_t length) {
  hash ^= length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bU;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35U;
  return hash ^ (hash >> 16);
}

/// Values in the order in which the reference walks a hash table of its own, which depends on when
/// each came.  `Hash` gives the hash of a value.
template <typename Value, auto Hash>
class ReferenceTable {
 public:
  void insert(Value value) {
    auto& list = slot(value);
    list.push_front(std::move(value));
    ++size_;
    if (size_ / 2 > slots_.size() - 1) resize(slots_for(size_));
  }
  /// Nothing happens if it is not there.
  void erase(const Value& value) {
    size_ -= slot(value).remove(Value(value));  // the table never shrinks
  }
  std::vector<Value> values() const {
    std::vector<Value> values;
    values.reserve(size_);
    for (const auto& list : slots_) values.insert(values.end(), list.begin(), list.end());
    return values;
  }

 private:
  using Slots = std::vector<std::list<Value>>;

  /// How many slots the table grows to when `size` values are too many for it.
  static std::size_t slots_for(std::size_t size) {
    std::size_t mask = size / 2;
    for (std::size_t shift = 1; shift < 8 * sizeof mask; shift *= 2) mask |= mask >> shift;
    mask |= (mask & 1) << 1;
    return mask + 1;
  }
  std::list<Value>& slot(const Value& value) { return slots_[Hash(value) & (slots_.size() - 1)]; }
  void resize(std::size_t slots) {
    Slots old = std::exchange(slots_, Slots(slots));
    for (auto& list : old) {
      while (!list.empty()) {
        auto& target = slot(list.front());
        target.splice(target.begin(), list, list.begin());
      }
    }
  }

  Slots slots_ = Slots(1);  ///< a power of two of them; the newest value first in each
  std::size_t size_ = 0;
};

}  // namespace bondway
