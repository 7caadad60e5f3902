// A short form of tests/fuzz/frames: well-formed frames of many kinds, cut, stretched and
// corrupted.

#include <gtest/gtest.h>

#include <random>

#include "tests/datapath/any_octets.hpp"

namespace bondway {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// `where`: input interface, stripped tag; then the vnet header.
Octets prefix(std::uint8_t interface, std::uint8_t flags, std::uint8_t gso, std::uint16_t gso_size,
              std::uint16_t checksum_start) {
  const auto low = [](std::uint16_t n) { return static_cast<std::uint8_t>(n & 0xff); };
  const auto high = [](std::uint16_t n) { return static_cast<std::uint8_t>(n >> 8); };
  return {interface,
          0,
          0,
          10,
          flags,
          gso,
          54,
          0,
          low(gso_size),
          high(gso_size),
          low(checksum_start),
          high(checksum_start),
          16,
          0};
}

Octets ethernet(const Octets& type) { return Octets{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1} + type; }

Octets ipv4(std::uint8_t protocol, std::size_t payload) {
  const std::size_t length = 20 + payload;
  return {0x45,
          0,
          static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length),
          0,
          1,
          0,
          0,
          64,
          protocol,
          0,
          0,
          10,
          0,
          0,
          1,
          10,
          0,
          0,
          2};
}

Octets ipv6(std::uint8_t next, std::size_t payload) {
  Octets octets{
      0x60, 0, 0, 0, static_cast<std::uint8_t>(payload >> 8), static_cast<std::uint8_t>(payload),
      next, 64};
  octets.resize(40, 0x20);
  return octets;
}

Octets tcp(std::size_t payload) {
  Octets octets{0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0};
  octets.resize(20 + payload, 0x5a);
  return octets;
}

std::vector<Octets> well_formed() {
  const Octets tag{0x81, 0x00, 0x20, 10}, service{0x88, 0xa8, 0x00, 20};
  const Octets plain = prefix(0, 0, 0, 0, 0), segment = prefix(0, 1, 1, 1448, 34);
  Octets arp = plain + ethernet({0x08, 0x06}) + Octets{0, 1, 8, 0, 6, 4, 0, 1};
  arp.resize(arp.size() + 20, 1);
  return {
      plain + ethernet({0x08, 0x00}) + ipv4(6, 40) + tcp(20),
      segment + ethernet({0x08, 0x00}) + ipv4(6, 9020) + tcp(9000),
      prefix(1, 1, 4, 1428, 54) + ethernet({0x86, 0xdd}) + ipv6(6, 9020) + tcp(9000),
      prefix(2, 1, 1, 1448, 38) + ethernet(tag + Octets{0x08, 0x00}) + ipv4(6, 5020) + tcp(5000),
      prefix(3, 1, 5, 1472, 34) + ethernet({0x08, 0x00}) + ipv4(17, 3008) + tcp(2988),
      plain + ethernet(service + tag + Octets{0x86, 0xdd}) + ipv6(0, 60) +
          Octets{43, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0} +
          tcp(16),
      plain + ethernet(tag + tag + tag + tag + Octets{0x08, 0x00}) + ipv4(1, 8) +
          Octets{8, 0, 0, 0, 0, 0, 0, 0},
      prefix(6, 0, 0, 0, 0) + Octets{1, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x09, 1, 1} +
          tcp(90),
      arp,
  };
}

TEST(BadFramesTest, AreDealtWithWhateverTheyClaim) {
  AnyOctets target;
  std::mt19937 random(6);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  const std::vector<Octets> seeds = well_formed();
  for (const Octets& seed : seeds) target.run(seed);
  for (int round = 0; round < 20'000; ++round) {
    Octets octets = seeds[below(seeds.size())];
    octets[0] = static_cast<std::uint8_t>(random());
    octets[1] = static_cast<std::uint8_t>(random());
    // Headers, most of the time: that is where the lies are.
    for (std::size_t lies = below(6); lies > 0; --lies) {
      const std::size_t reach =
          below(4) == 0 ? octets.size() : std::min<std::size_t>(octets.size(), 90);
      octets[below(reach)] = static_cast<std::uint8_t>(random());
    }
    if (below(3) == 0) octets.resize(below(octets.size() + 1));
    if (below(50) == 0) octets.resize(octets.size() + below(60'000));
    target.run(octets);
  }
}

}  // namespace
}  // namespace bondway
