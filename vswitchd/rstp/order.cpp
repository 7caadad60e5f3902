#include "vswitchd/rstp/order.hpp"

#include <algorithm>

namespace bondway::rstp {

void PortOrder::add(std::uint16_t number) {
  std::vector<std::uint16_t> taken = numbers();
  std::ranges::sort(taken);
  std::uint16_t first = 1;
  for (const std::uint16_t other : taken) {
    if (other == first) ++first;
  }
  table_.insert(first);
  if (first == number) return;
  table_.erase(first);
  table_.insert(number);
}

}  // namespace bondway::rstp
