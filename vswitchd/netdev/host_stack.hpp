#pragma once

#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

/// Keeps a device's frames from the host's own network stack, which would answer ARP and the like
/// in place of the switch: they are dropped right behind the packet sockets.  The kernel ties that
/// to a descriptor of ours, so that it ends with the process, however that ends.
class HostStackBlock {
 public:
  /// The best way that this kernel has.  The error is the kernel's reason alone.
  static Result<HostStackBlock> install(unsigned ifindex);

  /// A chain of nftables without rules whose policy is to drop, in a table that belongs to its
  /// netlink socket (Linux 5.12).  Made and taken away at once.
  static Result<HostStackBlock> install_chain(unsigned ifindex);
  /// A BPF program of two instructions (Linux 6.6).  Made and taken away by the kernel in some 10
  /// ms.
  static Result<HostStackBlock> install_link(unsigned ifindex);

  HostStackBlock(HostStackBlock&& other) noexcept = default;
  HostStackBlock& operator=(HostStackBlock&&) = delete;
  ~HostStackBlock();

  /// What the block ends with, to be closed by somebody else.
  UniqueFd take_descriptor() &&;

 private:
  enum class Kind { chain, link };
  HostStackBlock(Kind kind, UniqueFd fd) : kind_(kind), fd_(std::move(fd)) {}

  Kind kind_;
  UniqueFd fd_;
};

}  // namespace bondway::netdev
