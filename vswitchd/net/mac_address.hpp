#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bondway {

/// A 48-bit MAC address.  Value type; the default is the all-zero address.
class MacAddress {
 public:
  constexpr MacAddress() = default;
  constexpr explicit MacAddress(const std::array<std::uint8_t, 6>& octets) : octets_(octets) {}

  /// The low 48 bits of a number, most significant octet first.
  static constexpr MacAddress from_number(std::uint64_t number) {
    MacAddress mac;
    for (int i = 5; i >= 0; --i, number >>= 8) {
      mac.octets_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number & 0xff);
    }
    return mac;
  }

  /// The first six octets of `bytes`, which holds at least as many.
  static constexpr MacAddress from_bytes(std::span<const std::uint8_t> bytes) {
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) mac.octets_[i] = bytes[i];
    return mac;
  }

  /// Reads `xx:xx:xx:xx:xx:xx`, one or two hex digits an octet.  As everywhere in the
  /// configuration, what follows the sixth octet is ignored.  Empty when it is no address.
  static std::optional<MacAddress> parse(std::string_view text);

  constexpr std::uint64_t number() const {
    std::uint64_t number = 0;
    for (const std::uint8_t octet : octets_) number = (number << 8) | octet;
    return number;
  }
  constexpr const std::array<std::uint8_t, 6>& octets() const { return octets_; }

  constexpr bool is_zero() const { return number() == 0; }
  constexpr bool is_broadcast() const { return number() == 0xffff'ffff'ffff; }
  constexpr bool is_multicast() const { return (octets_[0] & 0x01) != 0; }  ///< broadcast included
  constexpr bool is_local() const { return (octets_[0] & 0x02) != 0; }  ///< locally administered

  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, 6> octets_{};
};

inline constexpr MacAddress kBroadcastMac = MacAddress::from_number(0xffff'ffff'ffff);

/// Lower-case, two digits an octet, joined by colons.
std::string to_string(const MacAddress& mac);

}  // namespace bondway

template <>
struct std::hash<bondway::MacAddress> {
  std::size_t operator()(const bondway::MacAddress& mac) const noexcept {
    return std::hash<std::uint64_t>{}(mac.number());
  }
};
