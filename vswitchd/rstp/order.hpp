#pragma once

#include <cstdint>
#include <vector>

#include "vswitchd/net/reference_table.hpp"

namespace bondway::rstp {

/// The order in which the reference walks a bridge's ports in `rstp/show`: that of its hash table
/// keyed by number, found by trying.
class PortOrder {
 public:
  /// A port joins the tree.  It is noted by the first free number before it gets its own.
  void add(std::uint16_t number);
  void remove(std::uint16_t number) { table_.erase(number); }
  std::vector<std::uint16_t> numbers() const { return table_.values(); }

 private:
  static std::uint32_t hash(std::uint16_t number) {
    return hash_finish(hash_mix(hash_mix(number, 0), 0), 8);
  }

  ReferenceTable<std::uint16_t, hash> table_;
};

}  // namespace bondway::rstp
