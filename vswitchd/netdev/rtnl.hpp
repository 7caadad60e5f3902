#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "vswitchd/netdev/links.hpp"

namespace bondway::netdev {

/// One rtnetlink(7) request under construction.
class RtnlRequest {
 public:
  RtnlRequest(int type, int flags);
  RtnlRequest(const RtnlRequest&) = delete;
  RtnlRequest& operator=(const RtnlRequest&) = delete;

  nlmsghdr* message() { return message_; }

  /// Appends the fixed part that follows the netlink header, zeroed.
  template <typename Header>
  Header& header() {
    return *static_cast<Header*>(mnl_nlmsg_put_extra_header(message_, sizeof(Header)));
  }

 private:
  alignas(NLMSG_ALIGNTO) std::array<char, 4096> memory_{};
  nlmsghdr* message_;
};

/// A socket for questions to the kernel and their answers.
class Rtnl {
 public:
  using Answer = std::function<void(const nlmsghdr&)>;

  Rtnl();

  /// Sends the request, waits for the kernel's answer (which is there at once) and gives each
  /// message of it to `answer`.  The error is the kernel's reason alone.
  Result<void> ask(RtnlRequest& request, const Answer& answer = {});

 private:
  std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket_;
  int error_ = 0;  ///< why there is no socket
};

/// Calls visit(const nlattr&) for each attribute behind the fixed header of the message.
template <typename Header, typename Visit>
void for_each_attribute(const nlmsghdr& message, Visit&& visit) {
  mnl_attr_parse(
      &message, sizeof(Header),
      [](const nlattr* attribute, void* context) {
        (*static_cast<std::remove_reference_t<Visit>*>(context))(*attribute);
        return MNL_CB_OK;
      },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

/// Reads an RTM_NEWLINK or RTM_DELLINK message; what it does not tell stays as in `link`.
Link parse_link(const nlmsghdr& message, Link link);

/// The device of that name in this namespace.  The error is the kernel's reason alone.
Result<Link> query_link(const std::string& name);

/// The device of that number, wherever it is.
Result<Link> query_link(int namespace_id, unsigned ifindex);

/// All devices of this namespace.  The error is the kernel's reason alone.
Result<std::vector<Link>> query_links();

/// The device's kernel counters under the names of the statistics column; empty if it is gone.
Statistics query_statistics(int namespace_id, unsigned ifindex);

/// Of a device of this namespace: the kernel takes no orders for another one.
Result<void> set_link_mtu(unsigned ifindex, int mtu);
Result<void> set_link_mac(unsigned ifindex, const MacAddress& mac);
Result<void> set_link_group(unsigned ifindex, std::uint32_t group);

/// Deletes all devices of this namespace that are in the group.
Result<void> delete_link_group(std::uint32_t group);

/// The kernel's text for an errno value, as an error.
tl::unexpected<Error> system_error_text(int error);

}  // namespace bondway::netdev
