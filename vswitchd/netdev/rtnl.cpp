#include "vswitchd/netdev/rtnl.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace bondway::netdev {
namespace {

constexpr std::size_t kReceiveSize = 64 * 1024;  ///< a link with many statistics is 2 kB
constexpr unsigned kLowerUp = 1U << 16;          ///< IFF_LOWER_UP, which <net/if.h> lacks

ifinfomsg& put_target(RtnlRequest& request, int namespace_id, unsigned ifindex) {
  auto& info = request.header<ifinfomsg>();
  info.ifi_index = static_cast<int>(ifindex);
  if (namespace_id != Link::kHere) {
    mnl_attr_put_u32(request.message(), IFLA_TARGET_NETNSID,
                     static_cast<std::uint32_t>(namespace_id));
  }
  return info;
}

/// Asks for one link; `answer` gets its RTM_NEWLINK.
Result<void> ask_link(int namespace_id, unsigned ifindex, const Rtnl::Answer& answer) {
  RtnlRequest request(RTM_GETLINK, NLM_F_ACK);
  put_target(request, namespace_id, ifindex);
  return Rtnl().ask(request, answer);
}

Statistics to_statistics(const rtnl_link_stats64& stats) {
  return {{"collisions", stats.collisions},
          {"rx_bytes", stats.rx_bytes},
          {"rx_crc_err", stats.rx_crc_errors},
          {"rx_dropped", stats.rx_dropped},
          {"rx_errors", stats.rx_errors},
          {"rx_frame_err", stats.rx_frame_errors},
          {"rx_missed_errors", stats.rx_missed_errors},
          {"rx_multicast_packets", stats.multicast},
          {"rx_over_err", stats.rx_over_errors},
          {"rx_packets", stats.rx_packets},
          {"tx_bytes", stats.tx_bytes},
          {"tx_dropped", stats.tx_dropped},
          {"tx_errors", stats.tx_errors},
          {"tx_packets", stats.tx_packets}};
}

}  // namespace

tl::unexpected<Error> system_error_text(int error) {
  return tl::unexpected(Error{std::generic_category().message(error)});
}

RtnlRequest::RtnlRequest(int type, int flags) : message_(mnl_nlmsg_put_header(memory_.data())) {
  message_->nlmsg_type = static_cast<std::uint16_t>(type);
  message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message_->nlmsg_seq = 1;
}

Rtnl::Rtnl() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), mnl_socket_close) {
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) error_ = errno;
}

Result<void> Rtnl::ask(RtnlRequest& request, const Answer& answer) {
  if (error_ != 0) return system_error_text(error_);
  const nlmsghdr* message = request.message();
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) {
    return system_error_text(errno);
  }
  const auto on_message = [](const nlmsghdr* each, void* context) {
    const auto& to = *static_cast<const Answer*>(context);
    if (to) to(*each);
    return MNL_CB_OK;
  };
  std::vector<char> buffer(kReceiveSize);
  int more = MNL_CB_OK;
  while (more == MNL_CB_OK) {
    const auto size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (size < 0) return system_error_text(errno);
    more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), message->nlmsg_seq,
                      mnl_socket_get_portid(socket_.get()), on_message,
                      const_cast<void*>(static_cast<const void*>(&answer)));
    if (more < 0) return system_error_text(errno);
  }
  return {};
}

Link parse_link(const nlmsghdr& message, Link link) {
  const auto& info = *static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  link.ifindex = static_cast<unsigned>(info.ifi_index);
  link.admin_up = (info.ifi_flags & IFF_UP) != 0;
  link.carrier = (info.ifi_flags & kLowerUp) != 0;
  link.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
  link.device_type = info.ifi_type;
  for_each_attribute<ifinfomsg>(message, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(&attribute);
        break;
      case IFLA_MTU:
        link.mtu = static_cast<int>(mnl_attr_get_u32(&attribute));
        break;
      case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(&attribute) == 6) {
          link.mac = MacAddress::from_bytes(
              {static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute)), 6});
        }
        break;
      default:
        break;
    }
  });
  return link;
}

Result<Link> query_link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return system_error_text(ENODEV);
  RtnlRequest request(RTM_GETLINK, NLM_F_ACK);
  request.header<ifinfomsg>();
  mnl_attr_put_strz(request.message(), IFLA_IFNAME, name.c_str());
  Link link;
  const auto asked =
      Rtnl().ask(request, [&](const nlmsghdr& answer) { link = parse_link(answer, link); });
  if (!asked) return tl::unexpected(asked.error());
  return link;
}

Result<Link> query_link(int namespace_id, unsigned ifindex) {
  Link link;
  link.namespace_id = namespace_id;
  const auto asked = ask_link(namespace_id, ifindex,
                              [&](const nlmsghdr& answer) { link = parse_link(answer, link); });
  if (!asked) return tl::unexpected(asked.error());
  return link;
}

Result<std::vector<Link>> query_links() {
  constexpr int kAttempts = 100;
  Result<void> asked;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    RtnlRequest request(RTM_GETLINK, NLM_F_DUMP);
    request.header<ifinfomsg>();
    mnl_attr_put_u32(request.message(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    std::vector<Link> links;
    asked = Rtnl().ask(request,
                       [&](const nlmsghdr& message) { links.push_back(parse_link(message, {})); });
    if (asked) return links;
    // Mostly because a device came or went meanwhile, and the list may lack another: once more.
  }
  return tl::unexpected(asked.error());
}

Statistics query_statistics(int namespace_id, unsigned ifindex) {
  Statistics statistics;
  const auto read = [&](const nlmsghdr& message) {
    for_each_attribute<ifinfomsg>(message, [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != IFLA_STATS64) return;
      rtnl_link_stats64 stats{};
      std::memcpy(&stats, mnl_attr_get_payload(&attribute),
                  std::min<std::size_t>(sizeof(stats), mnl_attr_get_payload_len(&attribute)));
      statistics = to_statistics(stats);
    });
  };
  // A device that is gone has no counters: its error says nothing more.
  static_cast<void>(ask_link(namespace_id, ifindex, read));
  return statistics;
}

Result<void> set_link_mtu(unsigned ifindex, int mtu) {
  if (mtu <= 0) return system_error_text(EINVAL);
  RtnlRequest request(RTM_SETLINK, NLM_F_ACK);
  put_target(request, Link::kHere, ifindex);
  mnl_attr_put_u32(request.message(), IFLA_MTU, static_cast<std::uint32_t>(mtu));
  return Rtnl().ask(request);
}

Result<void> set_link_mac(unsigned ifindex, const MacAddress& mac) {
  RtnlRequest request(RTM_SETLINK, NLM_F_ACK);
  put_target(request, Link::kHere, ifindex);
  mnl_attr_put(request.message(), IFLA_ADDRESS, mac.octets().size(), mac.octets().data());
  return Rtnl().ask(request);
}

Result<void> set_link_group(unsigned ifindex, std::uint32_t group) {
  RtnlRequest request(RTM_SETLINK, NLM_F_ACK);
  put_target(request, Link::kHere, ifindex);
  mnl_attr_put_u32(request.message(), IFLA_GROUP, group);
  return Rtnl().ask(request);
}

Result<void> delete_link_group(std::uint32_t group) {
  RtnlRequest request(RTM_DELLINK, NLM_F_ACK);
  request.header<ifinfomsg>();
  mnl_attr_put_u32(request.message(), IFLA_GROUP, group);
  return Rtnl().ask(request);
}

}  // namespace bondway::netdev
