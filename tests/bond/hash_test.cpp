#include "vswitchd/bond/hash.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bondway::bond {
namespace {

MacAddress mac(std::uint64_t number) { return MacAddress::from_number(number); }

FlowFields flow(std::uint8_t source, std::uint8_t destination, std::uint16_t source_port = 1,
                std::uint16_t destination_port = 2) {
  FlowFields flow;
  flow.source[3] = source;
  flow.destination[3] = destination;
  flow.protocol = 6;
  flow.source_port = source_port;
  flow.destination_port = destination_port;
  return flow;
}

TEST(SlbHash, GivesTheBucketsThatTheReferenceGives) {  // answers of its bond/hash command
  struct Row {
    std::uint64_t mac;
    std::uint16_t vlan;
    std::uint32_t basis;
    int bucket;
  };
  constexpr Row kRows[] = {
      {0x001122334455, 0, 0, 226},    {0x001122334455, 10, 0, 69},    {0x001122334455, 10, 7, 182},
      {0x001122334455, 65535, 0, 91}, {0x001122334455, 4464, 0, 138}, {0x000000000001, 0, 0, 68},
      {0x505400000001, 0, 0, 144},    {0x505400000002, 0, 0, 46},     {0x505400000003, 0, 0, 220},
      {0x505400000004, 0, 0, 93},     {0x505400000005, 0, 0, 218},    {0x505400000006, 0, 0, 215},
      {0x505400000007, 0, 0, 158},    {0x505400000008, 0, 0, 60},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message() << std::hex << row.mac << std::dec << " vlan " << row.vlan
                                    << " basis " << row.basis);
    EXPECT_EQ(slb_bucket(mac(row.mac), row.vlan, row.basis), row.bucket);
  }
}

TEST(TcpHash, KeepsAFlowTogether) {
  EXPECT_EQ(tcp_bucket(flow(1, 2), 5), tcp_bucket(flow(1, 2), 5));
}

TEST(TcpHash, DependsOnEveryFieldAndOnTheBasis) {
  // A single pair may share a bucket by chance, so each field is varied over many values.
  std::set<int> sources, destinations, source_ports, destination_ports, protocols, bases;
  for (std::uint8_t i = 0; i < 100; ++i) {
    sources.insert(tcp_bucket(flow(i, 1), 0));
    destinations.insert(tcp_bucket(flow(1, i), 0));
    source_ports.insert(tcp_bucket(flow(1, 1, i), 0));
    destination_ports.insert(tcp_bucket(flow(1, 1, 1, i), 0));
    FlowFields other = flow(1, 1);
    other.protocol = i;
    protocols.insert(tcp_bucket(other, 0));
    bases.insert(tcp_bucket(flow(1, 1), i));
  }
  for (const auto& buckets :
       {sources, destinations, source_ports, destination_ports, protocols, bases}) {
    EXPECT_GT(buckets.size(), 60U);  // of 100; 83 are expected of a good hash
  }
}

TEST(TcpHash, SpreadsFlowsEvenly) {
  std::array<int, kBucketCount> flows{};
  for (std::uint16_t port = 0; port < 25600; ++port) ++flows[tcp_bucket(flow(1, 2, port), 0)];
  for (const int count : flows) {
    EXPECT_GT(count, 40);  // around 100, deviation 10
    EXPECT_LT(count, 160);
  }
}

TEST(NameHash, PadsTheLastWordWithZerosAndCountsTheLength) {
  EXPECT_EQ(hash_name(""), 0U);
  EXPECT_NE(hash_name("a"), hash_name(std::string_view("a\0", 2)));
  EXPECT_EQ(hash_name("bond"), hash_finish(hash_mix(0, 0x646e6f62), 4));
}

}  // namespace
}  // namespace bondway::bond
