#include "vswitchd/netdev/links.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>

#include "vswitchd/netdev/rtnl.hpp"

namespace bondway::netdev {
namespace {

constexpr int kReceiveQueue = 8 * 1024 * 1024;  ///< octets; thousands of devices change at once
constexpr std::size_t kMessageSize = 64 * 1024;

UniqueFd subscribe() {
  const auto check = [](int result, const char* attempt) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), attempt);
  };
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  check(fd.get(), "netlink socket");
  // A shorter queue means more overruns, which refresh() makes good.
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveQueue, sizeof(kReceiveQueue));
  const int on = 1;
  check(setsockopt(fd.get(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)),
        "listen to other network namespaces");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  check(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
        "listen to link changes");
  return fd;
}

struct Datagram {
  std::size_t size = 0;
  int namespace_id = Link::kHere;
  int error = 0;
};

Datagram receive(int fd, std::vector<char>& buffer) {
  iovec piece{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[64];
  sockaddr_nl sender{};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof(sender);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);

  const auto size = recvmsg(fd, &message, MSG_DONTWAIT);
  Datagram datagram;
  if (size < 0) {
    datagram.error = errno;
    return datagram;
  }
  if (sender.nl_pid != 0) return datagram;  // not the kernel: counts as empty
  datagram.size = static_cast<std::size_t>(size);
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level == SOL_NETLINK && each->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
      std::memcpy(&datagram.namespace_id, CMSG_DATA(each), sizeof(int));
    }
  }
  return datagram;
}

std::optional<std::uint32_t> number_attribute(const nlmsghdr& message, int type) {
  std::optional<std::uint32_t> number;
  for_each_attribute<ifinfomsg>(message, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == type) number = mnl_attr_get_u32(&attribute);
  });
  return number;
}

bool is_about_a_device(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return false;
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(ifinfomsg)) return false;
  // A bridge tells about its ports in the same words, under a family of its own.
  return static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message))->ifi_family == AF_UNSPEC;
}

}  // namespace

Links::Links() : socket_(subscribe()), buffer_(kMessageSize) {
  Events ignored;
  if (const auto done = refresh(ignored); !done) {
    throw std::runtime_error("cannot read the network devices: " + done.error().message);
  }
}

std::vector<LinkEvent> Links::read() {
  Events events;
  for (;;) {
    const Datagram datagram = receive(socket_.get(), buffer_);
    if (datagram.error == ENOBUFS) overrun_ = true;
    if (overrun_ && refresh(events)) overrun_ = false;
    if (datagram.error != 0 && datagram.error != EINTR && datagram.error != ENOBUFS) {
      return events;
    }
    int left = static_cast<int>(datagram.size);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      apply(*message, datagram.namespace_id, events);
    }
  }
}

const Link* Links::find(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : find(found->second);
}

const Link* Links::find(unsigned ifindex) const {
  const auto found = links_.find(Key{Link::kHere, ifindex});
  return found == links_.end() ? nullptr : &found->second;
}

Result<void> Links::refresh(Events& events) {
  const auto links = query_links();
  if (!links) return tl::unexpected(links.error());
  std::set<Key> seen;
  for (const Link& link : *links) {
    const Key key{Link::kHere, link.ifindex};
    seen.insert(key);
    put(key, link, events);
  }
  std::set<Key> lost;
  for (const auto& [key, link] : links_) {
    if (!seen.contains(key)) lost.insert(key);
  }
  for (const Key key : lost) {
    const auto elsewhere = query_link(key.namespace_id, key.ifindex);
    put(key,
        key.namespace_id != Link::kHere && elsewhere ? std::optional(*elsewhere) : std::nullopt,
        events);
  }
  return {};
}

void Links::apply(const nlmsghdr& message, int namespace_id, Events& events) {
  if (!is_about_a_device(message)) return;
  const auto& info = *static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  const Key key{namespace_id, static_cast<unsigned>(info.ifi_index)};
  // Of other namespaces only what came from here is of interest.
  if (namespace_id != Link::kHere && !links_.contains(key)) return;
  if (message.nlmsg_type == RTM_NEWLINK) {
    apply_new(message, key, events);
  } else {
    apply_deleted(message, key, events);
  }
}

void Links::apply_new(const nlmsghdr& message, Key key, Events& events) {
  const auto known = links_.find(key);
  Link base;
  if (known != links_.end()) base = known->second;
  base.namespace_id = key.namespace_id;
  put(key, parse_link(message, base), events);
}

void Links::apply_deleted(const nlmsghdr& message, Key key, Events& events) {
  const auto known = links_.find(key);
  if (known == links_.end()) return;
  std::optional<Link> after;
  const auto namespace_id = number_attribute(message, IFLA_NEW_NETNSID);
  // A namespace says where a device goes in numbers of its own, which only those of ours tell us.
  if (namespace_id && key.namespace_id == Link::kHere) {
    after = known->second;
    after->namespace_id = static_cast<int>(*namespace_id);
    after->ifindex = number_attribute(message, IFLA_NEW_IFINDEX).value_or(key.ifindex);
    after->admin_up = after->carrier = false;  // as every move leaves it; news follow
  }
  put(key, after, events);
}

void Links::put(Key key, const std::optional<Link>& after, Events& events) {
  std::optional<Link> before;
  if (const auto known = links_.find(key); known != links_.end()) before = known->second;
  if (before == after) return;

  if (before) {
    links_.erase(key);
    const auto named = names_.find(before->name);
    const bool here = key.namespace_id == Link::kHere;
    if (here && named != names_.end() && named->second == key.ifindex) names_.erase(named);
  }
  if (after) {
    links_[Key{after->namespace_id, after->ifindex}] = *after;
    if (after->namespace_id == Link::kHere) names_[after->name] = after->ifindex;
  }
  events.push_back({before, after});
}

}  // namespace bondway::netdev
