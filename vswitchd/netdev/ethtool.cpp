#include "vswitchd/netdev/ethtool.hpp"

#include <linux/ethtool.h>
#include <linux/mii.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "vswitchd/netdev/links.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

/// One ioctl on the device of that name.  False when it refuses.
bool ask_device(ifreq& request, unsigned long what) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ioctl(fd.get(), what, &request) == 0;
}

/// One ethtool command; `command` begins with its number.
template <typename Command>
bool ask_ethtool(const std::string& name, Command& command) {
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&command);
  return ask_device(request, SIOCETHTOOL);
}

/// A text field of the driver, which need not be terminated.
template <std::size_t Size>
std::string to_text(const char (&field)[Size]) {
  return std::string(field, strnlen(field, Size));
}

/// Reads the fixed part of a device's link settings.  `words` is how many words each of the three
/// lists of link modes behind it takes; an answer to the wrong number has the negative right one.
bool ask_settings(const std::string& name, int words, ethtool_link_settings& fixed) {
  alignas(ethtool_link_settings)
      std::array<std::uint8_t, sizeof(ethtool_link_settings) + 3 * 127 * 4>
          memory{};
  auto& settings = *reinterpret_cast<ethtool_link_settings*>(memory.data());
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  settings.link_mode_masks_nwords = static_cast<std::int8_t>(words);
  if (!ask_ethtool(name, settings)) return false;
  std::memcpy(&fixed, memory.data(), sizeof(fixed));
  return true;
}

}  // namespace

void read_driver(const std::string& name, DeviceState& state) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!ask_ethtool(name, info)) info = {};
  state.driver_name = to_text(info.driver);
  state.driver_version = to_text(info.version);
  state.firmware_version = to_text(info.fw_version);
}

void read_speed(const std::string& name, DeviceState& state) {
  state.speed = 0;
  state.duplex = Duplex::unknown;
  ethtool_link_settings fixed{};
  if (!ask_settings(name, 0, fixed)) return;
  if (!ask_settings(name, -fixed.link_mode_masks_nwords, fixed)) return;

  constexpr std::uint32_t kUnknownSpeed = 0xffffffff;  // SPEED_UNKNOWN
  if (fixed.speed != kUnknownSpeed) state.speed = fixed.speed * 1'000'000ULL;
  if (fixed.duplex == DUPLEX_FULL) state.duplex = Duplex::full;
  if (fixed.duplex == DUPLEX_HALF) state.duplex = Duplex::half;
}

std::optional<bool> read_mii_status(const std::string& name) {
  ifreq request = request_for(name);
  mii_ioctl_data registers{};
  const auto store = [&] { std::memcpy(&request.ifr_ifru, &registers, sizeof(registers)); };
  const auto load = [&] { std::memcpy(&registers, &request.ifr_ifru, sizeof(registers)); };
  if (ask_device(request, SIOCGMIIPHY)) {
    load();
    registers.reg_num = MII_BMSR;
    store();
    if (ask_device(request, SIOCGMIIREG)) {
      load();
      return (registers.val_out & BMSR_LSTATUS) != 0;
    }
  }
  ethtool_value link{};
  link.cmd = ETHTOOL_GLINK;
  if (!ask_ethtool(name, link)) return std::nullopt;
  return link.data != 0;
}

}  // namespace bondway::netdev
