#pragma once

#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>

#include "vswitchd/netdev/dummy.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/system.hpp"
#include "vswitchd/netdev/tap_remover.hpp"

namespace bondway::daemon {

/// Which devices stand in for real ones; ovs-vswitchd's --enable-dummy.
enum class DummyMode : std::uint8_t { off, on, override_all, override_system };

/// Opens devices by the type of their interface.
class DeviceFactory {
 public:
  explicit DeviceFactory(DummyMode mode) : mode_(mode) {}
  DummyMode dummies() const { return mode_; }

  /// The type that acts for a configured one: "", "internal", "patch", "dummy", or as it is when
  /// there is none of that name.
  std::string effective_type(const std::string& type, const std::string& datapath_type) const;

  /// So many system devices are about to be opened, which is prepared on other processors than
  /// those in `busy`, if there are any.
  void expect(std::size_t system_devices, std::span<const int> busy);
  void expect_no_more() { receivers_.drop_prepared(closer_); }

  /// The error is the system's reason alone; `type` is an effective type other than patch.
  Result<std::unique_ptr<netdev::Netdev>> open(const std::string& type, const std::string& name,
                                               const std::optional<MacAddress>& mac);

  /// Internal devices that were closed and are still there.
  std::size_t closed() const { return remover_.size(); }
  /// Removes some of them, which takes the kernel some 50 ms.  Returns how many.
  std::size_t remove_some() { return remover_.remove_some(); }

  /// For what belongs to a device and takes long to close.  Outlives all devices.
  netdev::Closer& closer() { return closer_; }

  /// An address for something that has none: locally administered, random.
  MacAddress random_mac();

 private:
  static constexpr std::size_t kRings = 64;  ///< 256 MB

  DummyMode mode_;
  std::mt19937_64 random_{std::random_device()() | std::uint64_t{std::random_device()()} << 32};
  netdev::DummyAddresses dummy_addresses_;
  netdev::Receivers receivers_{kRings};
  netdev::Closer closer_;
  netdev::TapRemover remover_;
};

}  // namespace bondway::daemon
