#include "vswitchd/daemon/device_factory.hpp"

#include <cerrno>
#include <cstring>

#include "vswitchd/netdev/system.hpp"
#include "vswitchd/netdev/tap.hpp"

namespace bondway::daemon {

std::string DeviceFactory::effective_type(const std::string& type,
                                          const std::string& datapath_type) const {
  if (type == "patch" || type == "dummy") return type;
  if (mode_ == DummyMode::override_all && (type.empty() || type == "internal")) return "dummy";
  if (mode_ == DummyMode::override_system && type.empty()) return "dummy";
  if (mode_ != DummyMode::off && type == "internal" && datapath_type == "dummy") return "dummy";
  if (mode_ != DummyMode::off && (type == "dummy-internal" || type == "dummy-pmd")) return "dummy";
  return type == "tap" ? "internal" : type;
}

void DeviceFactory::expect(std::size_t system_devices, std::span<const int> busy) {
  if (system_devices > 0) receivers_.prepare(system_devices, busy);
}

Result<std::unique_ptr<netdev::Netdev>> DeviceFactory::open(const std::string& type,
                                                            const std::string& name,
                                                            const std::optional<MacAddress>& mac) {
  if (remover_.holds(name)) remover_.remove_all();
  if (type.empty()) return netdev::open_system(name, receivers_, &closer_);
  if (type == "internal") return netdev::create_tap(name, mac, &remover_);
  if (type == "dummy" && mode_ != DummyMode::off) {
    auto dummy = std::make_unique<netdev::Dummy>(name, dummy_addresses_.next());
    if (mac) (void)dummy->set_mac(*mac);  // cannot fail
    return dummy;
  }
  return fail("{}", std::strerror(EAFNOSUPPORT));
}

MacAddress DeviceFactory::random_mac() {
  const std::uint64_t number = random_() & 0xffff'ffff'ffff;
  return MacAddress::from_number((number & ~(0x03ull << 40)) | 0x02ull << 40);
}

}  // namespace bondway::daemon
