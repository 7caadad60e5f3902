#include "vswitchd/net/frame.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace bondway {
namespace {

using Octets = std::vector<std::uint8_t>;

/// Octets from hex digits; blanks are for the reader.
Octets hex(std::string_view text) {
  Octets octets;
  std::string digits;
  for (const char c : text)
    if (c != ' ') digits += c;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    octets.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return octets;
}

std::optional<Headers> parse(const Octets& octets) { return parse_headers(FrameView{octets, {}}); }

constexpr std::string_view kMacs = "ffffffffffff 505400000001 ";
const std::string kTcp4 = std::string(kMacs) +
                          "0800 4500002800004000400600000a0000010a000002"
                          "1388 0050 0000000000000000 5002 ffff 00000000";

std::array<std::uint8_t, 16> ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {a, b, c, d};
}

TEST(ParseHeaders, ReadsAddressesPortsAndProtocolOfATcpFrame) {
  const auto headers = parse(hex(kTcp4));
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->destination, kBroadcastMac);
  EXPECT_EQ(headers->source, MacAddress::from_number(0x505400000001));
  EXPECT_EQ(headers->type, kIpv4Type);
  EXPECT_EQ(headers->vlan(), VlanId());
  EXPECT_EQ(headers->flow, (FlowFields{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), 6, 5000, 80}));
}

TEST(ParseHeaders, LooksBehindTwoTags) {
  const auto headers = parse(hex(std::string(kMacs) +
                                 "88a8 2064 8100 e00a 0800 4500001c00000000401100000a0000010a000002"
                                 "0001 0002 0008 0000"));
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->outer, (VlanTag{0x88a8, 0x2064}));
  EXPECT_EQ(headers->inner, (VlanTag{0x8100, 0xe00a}));
  EXPECT_EQ(headers->vlan().number(), 100);
  EXPECT_EQ(headers->inner->priority(), 7);
  EXPECT_EQ(headers->type, kIpv4Type);
  EXPECT_EQ(headers->flow.destination_port, 2);
}

TEST(ParseHeaders, LooksAtNoMoreTagsThanItIsTold) {
  const auto octets =
      hex(std::string(kMacs) + "8100 000a 8100 0014 0800 4500001c00000000401100000a0000010a000002");
  const auto headers = parse_headers(FrameView{octets, {}}, 1);
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->vlan().number(), 10);
  EXPECT_FALSE(headers->inner);
  EXPECT_EQ(headers->type, kVlanType);
  EXPECT_EQ(headers->flow, FlowFields()) << "what is behind is not understood";
}

TEST(ParseHeaders, LeavesAThirdTagToTheType) {
  const auto headers = parse(hex(std::string(kMacs) + "8100 0001 8100 0002 8100 0003 0800"));
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->inner->vlan().number(), 2);
  EXPECT_EQ(headers->type, kVlanType);
}

struct NamedFlow {
  std::string_view name;
  FlowFields flow;
};

constexpr std::string_view kIpv6Addresses =
    "20010db8000000000000000000000001 20010db8000000000000000000000002 ";
FlowFields ipv6_flow(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  FlowFields flow{{0x20, 1, 0xd, 0xb8}, {0x20, 1, 0xd, 0xb8}, protocol, source, destination};
  flow.source[15] = 1;
  flow.destination[15] = 2;
  return flow;
}

TEST(ParseHeaders, FillsTheFieldsThatBalanceTcpHashes) {
  const FlowFields hosts{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), 0, 0, 0};
  const auto with = [&](std::uint8_t protocol, std::uint16_t source = 0, std::uint16_t target = 0) {
    return FlowFields{hosts.source, hosts.destination, protocol, source, target};
  };
  const std::string six(kIpv6Addresses);
  const std::string udp = "0035 1000 0008 0000";
  const std::vector<std::pair<std::string, NamedFlow>> cases = {
      {"0800 4500001c00000000401100000a0000010a000002" + udp, {"udp", with(17, 53, 4096)}},
      {"0800 46000020000000004011 0000 0a0000010a000002 01010101" + udp,
       {"ip options", with(17, 53, 4096)}},
      {"0800 4500001c00002000401100000a0000010a000002" + udp,
       {"first fragment", with(17, 53, 4096)}},
      {"0800 4500001c00000001401100000a0000010a000002" + udp, {"later fragment", with(17)}},
      {"0800 4500001400000000401100000a0000010a000002" + udp, {"padding only", with(17)}},
      {"0800 4500ffff00000000401100000a0000010a000002" + udp,
       {"length beyond the end", with(17, 53, 4096)}},
      {"0800 4500000000000000401100000a0000010a000002" + udp,
       {"length of a large segment", with(17, 53, 4096)}},
      {"0800 4500001300000000401100000a0000010a000002" + udp, {"length below header", {}}},
      {"0800 4400001c00000000401100000a0000010a000002" + udp, {"header below 20", {}}},
      {"0800 6500001c00000000401100000a0000010a000002" + udp, {"not version 4", {}}},
      {"0800 4500001c00000000401100000a0000010a000002 0035 10", {"cut udp", with(17)}},
      {"0800 4500001c00000000400100000a0000010a000002 0800 0000 00000000", {"icmp", with(1, 8, 0)}},
      {"0800 4500001c00000000402f00000a0000010a000002" + udp, {"gre", with(47)}},
      {"0800 4500002000000000408400000a0000010a000002 0007 0008 00000000 00000000",
       {"sctp", with(132, 7, 8)}},
      {"0800 4500001c", {"cut ip", {}}},
      {"86dd 60000000 0008 11 40 " + six + udp, {"udp6", ipv6_flow(17, 53, 4096)}},
      {"86dd 60000000 0008 3a 40 " + six + "8000 0000 00000000", {"icmpv6", ipv6_flow(58, 128, 0)}},
      {"86dd 60000000 0018 00 40 " + six + "2b00 000000000000 1100 000000000000" + udp,
       {"hop by hop, routing", ipv6_flow(17, 53, 4096)}},
      {"86dd 60000000 0010 2c 40 " + six + "1100 0001 00000000" + udp,
       {"first fragment6", ipv6_flow(17, 53, 4096)}},
      {"86dd 60000000 0010 2c 40 " + six + "1100 0008 00000000" + udp,
       {"later fragment6", ipv6_flow(17, 0, 0)}},
      {"86dd 60000000 0014 33 40 " + six + "1101 0000 00000000 00000000" + udp,
       {"authentication", ipv6_flow(17, 53, 4096)}},
      {"86dd 60000000 0008 3c 40 " + six + "11ff 000000000000",
       {"extension beyond the end", ipv6_flow(60, 0, 0)}},
      {"86dd 60000000 0000 11 40 " + six + udp, {"length of a jumbogram", ipv6_flow(17, 53, 4096)}},
      {"0806 0001 0800 06 04 0001 505400000001 0a000001 000000000000 0a000002",
       {"arp request", with(1)}},
      {"0806 0001 86dd 06 10 0001 505400000001 0a000001 000000000000 0a000002",
       {"arp of another network", {}}},
      {"0806 0001 0800 06 04 0001 505400000001 0a000001", {"cut arp", {}}},
      {"88cc 4500001c00000000401100000a0000010a000002" + udp, {"not ip", {}}},
  };
  for (const auto& [packet, expected] : cases) {
    SCOPED_TRACE(expected.name);
    const auto headers = parse(hex(std::string(kMacs) + packet));
    ASSERT_TRUE(headers);
    EXPECT_EQ(headers->flow, expected.flow);
  }
}

TEST(ParseHeaders, KnowsAGratuitousArp) {
  const auto arp = [](std::string_view to, std::string_view opcode, std::string_view target) {
    const auto headers =
        parse(hex(std::string(to) + "505400000001 0806 0001 0800 06 04" + std::string(opcode) +
                  "505400000001 0a000001 000000000000" + std::string(target)));
    return headers && headers->gratuitous_arp;
  };
  constexpr std::string_view kAll = "ffffffffffff", kOne = "505400000002";
  EXPECT_TRUE(arp(kAll, "0001", "0a000001")) << "request for its own address";
  EXPECT_TRUE(arp(kAll, "0002", "0a000002")) << "reply to all";
  EXPECT_FALSE(arp(kAll, "0001", "0a000002")) << "ordinary request";
  EXPECT_FALSE(arp(kAll, "0003", "0a000001")) << "reverse request";
  EXPECT_FALSE(arp(kOne, "0002", "0a000001")) << "reply to one";
}

TEST(ParseHeaders, RefusesAFrameWithoutCompleteHeaderOrOuterTag) {
  const Octets tagged = hex(std::string(kMacs) + "8100 000a 8100 000b 0800");
  for (std::size_t size = 0; size <= tagged.size(); ++size) {
    const auto headers = parse(Octets(tagged.begin(), tagged.begin() + static_cast<long>(size)));
    EXPECT_EQ(headers.has_value(), size >= 18) << size << " octets";
    if (!headers) continue;
    EXPECT_EQ(headers->inner.has_value(), size == tagged.size()) << size << " octets";
    EXPECT_EQ(headers->type, headers->inner ? EtherType{0x0800} : EtherType{0x8100});
  }
  EXPECT_TRUE(parse(hex(std::string(kMacs) + "0800")));
}

TEST(ParseHeaders, SurvivesEveryTruncationAndRandomOctets) {  // meant to run under asan
  const Octets whole = hex(kTcp4);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Octets cut(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_EQ(parse(cut).has_value(), size >= 14);
  }
  std::mt19937 random(1);
  constexpr std::uint16_t kTypes[] = {0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8};
  for (int round = 0; round < 200'000; ++round) {
    Octets octets(random() % 96);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    if (octets.size() > 16) {
      const std::uint16_t type = kTypes[random() % std::size(kTypes)];
      octets[12] = static_cast<std::uint8_t>(type >> 8);
      octets[13] = static_cast<std::uint8_t>(type);
      octets[14] = type == 0x0800 ? 0x45 : 0x60;
    }
    const auto headers = parse(octets);
    EXPECT_FALSE(headers && octets.size() < 14);
  }
}

TEST(Apply, StripsThenPushesBehindTheAddresses) {
  const VlanTag ten{0x8100, 10}, service{0x88a8, 100};
  struct Case {
    const char* name;
    std::string before, after;
    TagEdit edit;
  };
  const std::string macs(kMacs);
  const std::vector<Case> cases = {
      {"nothing", macs + "0800 0102", macs + "0800 0102", {}},
      {"push", macs + "0800 0102", macs + "8100 000a 0800 0102", {0, 1, {ten}}},
      {"strip", macs + "8100 000a 0800 0102", macs + "0800 0102", {1, 0, {}}},
      {"replace", macs + "8100 0014 0800 0102", macs + "8100 000a 0800 0102", {1, 1, {ten}}},
      {"push two, outermost first",
       macs + "0800 0102",
       macs + "88a8 0064 8100 000a 0800 0102",
       {0, 2, {service, ten}}},
      {"strip two", macs + "88a8 0064 8100 000a 0800", macs + "0800", {2, 0, {}}},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    const Octets before = hex(each.before);
    EXPECT_EQ(apply(FrameView{before, {}}, each.edit).octets, hex(each.after));
  }
}

TEST(Apply, MovesThePositionsOfAnUnfinishedChecksum) {
  const Octets octets = hex(kTcp4);
  const Offload offload{1, 1, 54, 1448, 34, 16};
  const Frame pushed = apply(FrameView{octets, offload}, TagEdit{0, 1, {VlanTag{0x8100, 10}}});
  EXPECT_EQ(pushed.offload, (Offload{1, 1, 58, 1448, 38, 16}));
  EXPECT_EQ(apply(pushed.view(), TagEdit{1, 0, {}}).offload, offload);
  EXPECT_EQ(apply(FrameView{octets, {}}, TagEdit{0, 1, {VlanTag{0x8100, 10}}}).offload, Offload{});
}

}  // namespace
}  // namespace bondway
