#include "vswitchd/bond/hash.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace bondway::bond {
namespace {

/// Mixes octets as words in the given order of octets; what is missing from the last word is zero.
std::uint32_t mix_little_endian(std::uint32_t hash, std::string_view octets) {
  for (std::size_t at = 0; at < octets.size(); at += 4) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4 && at + i < octets.size(); ++i) {
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(octets[at + i])) << (8 * i);
    }
    hash = hash_mix(hash, word);
  }
  return hash;
}

std::uint32_t mix_address(std::uint32_t hash, const std::array<std::uint8_t, 16>& address) {
  for (std::size_t at = 0; at < address.size(); at += 4) {
    hash = hash_mix(hash, static_cast<std::uint32_t>(address[at]) << 24 |
                              static_cast<std::uint32_t>(address[at + 1]) << 16 |
                              static_cast<std::uint32_t>(address[at + 2]) << 8 | address[at + 3]);
  }
  return hash;
}

}  // namespace

std::uint32_t hash_name(std::string_view name) {
  return hash_finish(mix_little_endian(0, name), static_cast<std::uint32_t>(name.size()));
}

Bucket slb_bucket(const MacAddress& source, std::uint16_t vlan, std::uint32_t basis) {
  const std::uint64_t both = static_cast<std::uint64_t>(vlan) << 48 | source.number();
  std::uint32_t hash = hash_mix(basis, static_cast<std::uint32_t>(both));
  hash = hash_mix(hash, static_cast<std::uint32_t>(both >> 32));
  return static_cast<Bucket>(hash_finish(hash, 8));
}

Bucket tcp_bucket(const FlowFields& flow, std::uint32_t basis) {
  std::uint32_t hash = mix_address(basis, flow.source);
  hash = mix_address(hash, flow.destination);
  hash = hash_mix(hash, flow.protocol);
  hash = hash_mix(hash, static_cast<std::uint32_t>(flow.source_port) << 16 | flow.destination_port);
  return static_cast<Bucket>(hash_finish(hash, 40));
}

}  // namespace bondway::bond
