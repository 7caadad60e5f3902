#pragma once

#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Keeps a device's frames from the host's own network stack, which would answer ARP and the like
/// in place of the switch: a two-instruction BPF program drops them right behind the packet
/// sockets. Undone by its destructor, and in any case when the process ends:
///
/// - As a link (Linux 6.6 and later) the kernel ties it to a descriptor of ours.
/// - As a tc(8) filter it outlives a process that is killed; sweep() takes it away then.
class HostStackBlock {
 public:
  /// The best way that this kernel has.  The error is the kernel's reason alone.
  static Result<HostStackBlock> install(unsigned ifindex);

  static Result<HostStackBlock> install_link(unsigned ifindex);
  static Result<HostStackBlock> install_filter(unsigned ifindex);

  /// Removes the filters that processes which are no more left on devices of this namespace.
  static void sweep();

  HostStackBlock(HostStackBlock&& other) noexcept;
  HostStackBlock& operator=(HostStackBlock&&) = delete;
  ~HostStackBlock();

  /// The descriptor of a link, whose end is the block's; none of a filter.
  UniqueFd take_link() && { return std::move(link_); }

 private:
  explicit HostStackBlock(UniqueFd link) : link_(std::move(link)) {}
  HostStackBlock(unsigned ifindex, bool owns_qdisc)
      : filtered_ifindex_(ifindex), owns_qdisc_(owns_qdisc) {}

  UniqueFd link_;
  unsigned filtered_ifindex_ = 0;
  bool owns_qdisc_ = false;
};

}  // namespace bondway::netdev
