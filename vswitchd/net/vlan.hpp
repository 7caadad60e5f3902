#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include "vswitchd/net/result.hpp"

namespace bondway {

/// A VLAN, 0 to 4095; 0 means untagged.  An invalid one cannot be made.  IEEE 802.1Q, 9.6.
class VlanId {
 public:
  constexpr VlanId() = default;

  static Result<VlanId> from(std::int64_t number) {
    if (number < 0 || number > 4095) return fail("VLAN {} is not between 0 and 4095", number);
    return VlanId(static_cast<std::uint16_t>(number));
  }

  /// The VLAN field of a tag's control information: its low twelve bits.
  static constexpr VlanId from_tci(std::uint16_t tci) {
    return VlanId(static_cast<std::uint16_t>(tci & 0x0fff));
  }

  constexpr std::uint16_t number() const { return number_; }
  constexpr bool is_untagged() const { return number_ == 0; }
  constexpr auto operator<=>(const VlanId&) const = default;

 private:
  constexpr explicit VlanId(std::uint16_t number) : number_(number) {}
  std::uint16_t number_ = 0;
};

}  // namespace bondway

template <>
struct std::hash<bondway::VlanId> {
  std::size_t operator()(const bondway::VlanId& vlan) const noexcept { return vlan.number(); }
};
