#include "vswitchd/bond/order.hpp"

#include <utility>

#include "vswitchd/bond/hash.hpp"

namespace bondway::bond {
namespace {

/// How many slots the table grows to when `size` names are too many for it.
std::size_t slots_for(std::size_t size) {
  std::size_t mask = size / 2;
  for (std::size_t shift = 1; shift < 8 * sizeof mask; shift *= 2) mask |= mask >> shift;
  mask |= (mask & 1) << 1;
  return mask + 1;
}

}  // namespace

void ReferenceOrder::insert(std::string name) {
  auto& list = slot(name);
  list.push_front(std::move(name));
  ++size_;
  if (size_ / 2 > slots_.size() - 1) resize(slots_for(size_));
}

void ReferenceOrder::erase(std::string_view name) {
  size_ -= slot(name).remove(std::string(name));  // the table never shrinks
}

std::vector<std::string> ReferenceOrder::names() const {
  std::vector<std::string> names;
  names.reserve(size_);
  for (const auto& list : slots_) names.insert(names.end(), list.begin(), list.end());
  return names;
}

std::list<std::string>& ReferenceOrder::slot(std::string_view name) {
  return slots_[hash_name(name) & (slots_.size() - 1)];
}

void ReferenceOrder::resize(std::size_t slots) {
  Slots old = std::exchange(slots_, Slots(slots));
  for (auto& list : old) {
    while (!list.empty()) {
      auto& target = slot(list.front());
      target.splice(target.begin(), list, list.begin());
    }
  }
}

}  // namespace bondway::bond
