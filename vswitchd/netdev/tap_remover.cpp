#include "vswitchd/netdev/tap_remover.hpp"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {

namespace {

/// Somebody may have deleted or moved it: its number may be another device's by now.
bool is_here(const UniqueFd& tap, unsigned ifindex) {
  ifreq request{};
  if (ioctl(tap.get(), TUNGETIFF, &request) != 0) return false;
  const auto link = query_link(request.ifr_name);
  return link && link->ifindex == ifindex;
}

}  // namespace

void TapRemover::add(std::string name, unsigned ifindex, UniqueFd fd) {
  waiting_.push_back({std::move(name), ifindex, std::move(fd)});
}

bool TapRemover::holds(std::string_view name) const {
  return std::ranges::find(waiting_, name, &Waiting::name) != waiting_.end();
}

std::size_t TapRemover::remove_some() {
  const auto first =
      waiting_.end() - static_cast<std::ptrdiff_t>(std::min(kBatch, waiting_.size()));
  std::vector<Waiting> batch;
  std::move(first, waiting_.end(), std::back_inserter(batch));
  waiting_.erase(first, waiting_.end());
  if (batch.size() > 1) {
    constexpr std::uint32_t kUnusual = 0x8000'0000;
    const std::uint32_t group = std::random_device()() | kUnusual;
    for (const Waiting& tap : batch) {
      if (is_here(tap.fd, tap.ifindex)) static_cast<void>(set_link_group(tap.ifindex, group));
    }
    static_cast<void>(delete_link_group(group));
  }
  return batch.size();  // what is left goes with its descriptor
}

}  // namespace bondway::netdev
