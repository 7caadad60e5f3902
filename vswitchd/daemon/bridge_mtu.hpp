#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "vswitchd/bridge/plan.hpp"

namespace bondway::daemon {

/// The MTUs of a bridge's devices: internal ones that ask for none have the smallest of the others.
/// ovs-vswitchd.conf.db(5), "mtu_request".
class BridgeMtu {
 public:
  static constexpr int kDefault = 1500;  ///< octets; while all follow

  /// A device has an MTU of its own.
  void set_own(bridge::InterfaceId id, int mtu) {
    const auto known = own_.find(id);
    if (known != own_.end() && known->second == mtu) return;
    remove(id);
    own_[id] = mtu;
    ++devices_[mtu];
  }

  /// A device has the smallest of the others.
  void set_following(bridge::InterfaceId id) {
    if (following_.contains(id)) return;
    remove(id);
    following_.insert(id);
    new_.insert(id);
  }

  void remove(bridge::InterfaceId id) {
    following_.erase(id);
    new_.erase(id);
    const auto known = own_.find(id);
    if (known == own_.end()) return;
    const auto devices = devices_.find(known->second);
    if (--devices->second == 0) devices_.erase(devices);
    own_.erase(known);
  }

  int smallest() const { return devices_.empty() ? kDefault : devices_.begin()->first; }

  /// Those that have to be given smallest(): it has changed since the last call, or they are new.
  /// What somebody else gives them meanwhile stays.
  std::set<bridge::InterfaceId> take_due() {
    std::set<bridge::InterfaceId> due = std::exchange(new_, {});
    if (std::exchange(given_, smallest()) != smallest()) due = following_;
    return due;
  }

 private:
  std::map<bridge::InterfaceId, int> own_;
  std::map<int, std::size_t> devices_;  ///< that have this MTU
  std::set<bridge::InterfaceId> following_, new_;
  int given_ = kDefault;
};

}  // namespace bondway::daemon
