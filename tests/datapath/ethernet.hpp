#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vswitchd/net/frame.hpp"

namespace bondway::datapath {

/// A frame without payload, whose headers are these addresses.
inline Frame ethernet(std::uint64_t source, std::uint64_t destination) {
  Frame frame{std::vector<std::uint8_t>(60), {}};
  const auto to = MacAddress::from_number(destination), from = MacAddress::from_number(source);
  std::ranges::copy(to.octets(), frame.octets.begin());
  std::ranges::copy(from.octets(), frame.octets.begin() + 6);
  frame.octets[12] = 0x88;
  frame.octets[13] = 0xb5;
  return frame;
}

}  // namespace bondway::datapath
