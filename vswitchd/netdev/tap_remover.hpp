#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Removes taps of this namespace that nobody uses any more.  The kernel takes some 20 ms for one,
/// most of it waiting, and hardly longer for many at a time: they get a group number (ip-link(8))
/// that no other device has, and are deleted as a group.
///
/// Control thread only.
class TapRemover {
 public:
  TapRemover() = default;
  ~TapRemover() { remove_all(); }
  TapRemover(const TapRemover&) = delete;
  TapRemover& operator=(const TapRemover&) = delete;

  /// The tap behind the descriptor goes with the next others.
  void add(std::string name, unsigned ifindex, UniqueFd fd);

  /// A tap of that name is still there.
  bool holds(std::string_view name) const;

  /// How many are still there.
  std::size_t size() const { return waiting_.size(); }

  /// Removes a batch, which takes some 50 ms.  Returns how many it was.
  std::size_t remove_some();
  void remove_all() {
    while (remove_some() > 0) continue;
  }

 private:
  struct Waiting {
    std::string name;
    unsigned ifindex;
    UniqueFd fd;
  };
  /// The kernel deletes a group in one go, during which a processor runs little else.
  static constexpr std::size_t kBatch = 32;

  std::vector<Waiting> waiting_;
};

}  // namespace bondway::netdev
