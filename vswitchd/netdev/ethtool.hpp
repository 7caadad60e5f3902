#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vswitchd/netdev/netdev.hpp"

namespace bondway::netdev {

/// What a device's driver tells through ethtool of a device of this namespace: fills in the fields
/// of `state` for driver, speed and duplex.  What it does not tell becomes empty.
void read_driver(const std::string& name, DeviceState& state);
void read_speed(const std::string& name, DeviceState& state);

}  // namespace bondway::netdev
