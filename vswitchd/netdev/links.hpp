#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

struct nlmsghdr;

namespace bondway::netdev {

/// A network device of the kernel, as rtnetlink(7) describes it.
struct Link {
  int namespace_id = kHere;  ///< of the network namespace it is in, as this one numbers others
  unsigned ifindex = 0;      ///< unique in its namespace
  std::string name;
  MacAddress mac;
  int mtu = 0;
  bool admin_up = false;  ///< IFF_UP
  bool carrier = false;   ///< IFF_LOWER_UP; kept by the kernel only while admin_up
  bool loopback = false;
  unsigned device_type = 0;  ///< ARPHRD_ETHER and its like

  static constexpr int kHere = -1;
  bool operator==(const Link&) const = default;
};

/// One difference between two states of a device: appeared has no `before`, vanished no `after`, a
/// change (of name, flags, carrier, MTU, MAC, namespace) has both.
struct LinkEvent {
  std::optional<Link> before, after;
  bool operator==(const LinkEvent&) const = default;
};

/// The network devices of this namespace, kept up to date from the kernel's messages, and those
/// taps of ours that were moved to another namespace.  Belongs to the control thread.
class Links {
 public:
  Links();  ///< reads what is there; throws std::runtime_error
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  /// Readable while messages wait.
  int fd() const { return socket_.get(); }

  /// Everything that changed since the last call, in the kernel's order; each change once.  After
  /// an overrun of the socket the devices are read anew, so that no difference is ever lost.
  std::vector<LinkEvent> read();

  /// Of this namespace.
  const Link* find(std::string_view name) const;
  const Link* find(unsigned ifindex) const;

 private:
  struct Key {
    int namespace_id;
    unsigned ifindex;
    auto operator<=>(const Key&) const = default;
  };
  using Events = std::vector<LinkEvent>;

  /// Reads all devices anew.
  Result<void> refresh(Events& events);
  void apply(const nlmsghdr& message, int namespace_id, Events& events);
  void apply_new(const nlmsghdr& message, Key key, Events& events);
  void apply_deleted(const nlmsghdr& message, Key key, Events& events);

  /// The device known as `key`, if any, is `after` now; none means that it is no more.
  void put(Key key, const std::optional<Link>& after, Events& events);

  UniqueFd socket_;
  std::vector<char> buffer_;
  bool overrun_ = false;  ///< messages were lost, and the devices not yet read anew
  std::map<Key, Link> links_;
  std::map<std::string, unsigned, std::less<>> names_;  ///< of this namespace
};

/// The result of asking a device's own management interface for its link (SIOCGMIIREG), else its
/// ethtool link status, as miimon does.  Empty when there is neither.
std::optional<bool> read_mii_status(const std::string& name);

}  // namespace bondway::netdev
