#include "vswitchd/netdev/flow_text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace bondway::netdev {
namespace {

std::string hex_of(const Frame& frame) {
  return fmt::format("{:02x}", fmt::join(frame.octets, ""));
}

/// The answer as a person sees it: the frame in hex, or the error.
std::string answer(std::string_view text, std::optional<std::size_t> length = {}) {
  const auto frame = parse_packet_or_flow(text, length);
  return frame ? hex_of(*frame) : frame.error().message;
}

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

const std::string kEth = "in_port(1),eth(src=50:54:00:00:00:01,dst=ff:ff:ff:ff:ff:ff)";
const std::string kIp = "ipv4(src=10.0.0.1,dst=10.0.0.2,";
const std::string kIp6 = "eth_type(0x86dd),ipv6(src=fe80::1,dst=fe80::2,";
const std::string kMacs = "ffffffffffff505400000001";
const std::string kPayload =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

TEST(ParsePacketOrFlow, TakesHexAsItIs) {
  EXPECT_EQ(answer("ffffffffffff505400000001080A"), "ffffffffffff505400000001080a");
  EXPECT_EQ(answer(kMacs + "0800" + kPayload), kMacs + "0800" + kPayload);
  EXPECT_EQ(answer("ff ff ff ff ff ff 50 54 00 00 00 01 08 0A"), "ffffffffffff505400000001080a");
}

struct Example {
  std::string flow;
  std::optional<std::size_t> length;
  std::string frame;  ///< behind the addresses
};

TEST(ParsePacketOrFlow, ComposesWhatOpenVSwitchComposes) {  // captured from 3.1.0
  const std::string ip = "eth_type(0x0800)," + kIp;
  const std::string six = "fe800000000000000000000000000001 fe800000000000000000000000000002";
  const std::string rest = ",tos=0,ttl=64,frag=no)", rest6 = ",tclass=0,hlimit=128,frag=no)";
  const std::vector<Example> examples = {
      {",eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=50:54:00:00:00:01,"
       "tha=00:00:00:00:00:00)",
       {},
       "0806 0001 0800 0604 0001 505400000001 0a000001 000000000000 0a000002"},
      {",eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=2)",
       {},
       "0806 0001 0800 0604 0002 000000000000 0a000001 000000000000 0a000002"},
      {"," + ip + "proto=6" + rest + ",tcp(src=1,dst=2)",
       {},
       "0800 4500 0068 0000 0000 4006 668e 0a00 0001 0a00 0002 0001 0002 0000 0000 0000 0000 5000"
       "0000 b79b 0000" +
           kPayload},
      {"," + ip + "proto=6" + rest + ",tcp(src=1,dst=2),tcp_flags(0x002)",
       {},
       "0800 4500 0028 0000 0000 4006 66ce 0a00 0001 0a00 0002 0001 0002 0000 0000 0000 0000 5002"
       "0000 9bdd 0000"},
      {"," + ip + "proto=6" + rest + ",tcp(src=1,dst=2),tcp_flags(syn|ack)",
       {},
       "0800 4500 0028 0000 0000 4006 66ce 0a00 0001 0a00 0002 0001 0002 0000 0000 0000 0000 5012"
       "0000 9bcd 0000"},
      {"," + ip + "proto=6" + rest + ",tcp(src=1,dst=2),tcp_flags(psh)", 80,
       "0800 4500 0042 0000 0000 4006 66b4 0a00 0001 0a00 0002 0001 0002 0000 0000 0000 0000 5008"
       "0000 9bbd 0000" +
           std::string(52, '0')},
      {"," + ip + "proto=17" + rest + ",udp(src=1,dst=2)",
       {},
       "0800 4500 005c 0000 0000 4011 668f 0a00 0001 0a00 0002 0001 0002 0048 0755" + kPayload},
      {"," + ip + "proto=1" + rest + ",icmp(type=8,code=0)",
       {},
       "0800 4500 005c 0000 0000 4001 669f 0a00 0001 0a00 0002 0800 13fc 0000 0000" + kPayload},
      {"," + ip + "proto=1" + rest + ",icmp(type=8,code=0)", 60,
       "0800 4500 002e 0000 0000 4001 66cd 0a00 0001 0a00 0002 0800 f7ff 0000 0000" +
           std::string(36, '0')},
      {"," + ip + "proto=132" + rest + ",sctp(src=8,dst=9)",
       {},
       "0800 4500 0020 0000 0000 4084 6658 0a00 0001 0a00 0002 0008 0009 0000 0000 0000 0000"},
      {"," + ip + "proto=2" + rest,
       {},
       "0800 4500 001c 0000 0000 4002 66de 0a00 0001 0a00 0002 0000 ffff 0000 0000"},
      {"," + ip + "proto=47" + rest, 60,
       "0800 4500 002e 0000 0000 402f 669f 0a00 0001 0a00 0002" + std::string(52, '0')},
      {"," + ip + "proto=17,tos=4,ttl=3,frag=first),udp(src=1,dst=2)",
       {},
       "0800 4504 005c 0000 2000 0311 838b 0a00 0001 0a00 0002 0001 0002 0048 0755" + kPayload},
      {"," + ip + "proto=17,tos=4,ttl=3,frag=later)",
       {},
       "0800 4504 0014 0000 2064 0311 836f 0a00 0001 0a00 0002"},
      {",eth_type(0x0800)", {}, "0800 4500 0014 0000 0000 0000 baeb 0000 0000 0000 0000"},
      {"," + kIp6 + "label=0x12,proto=17,tclass=0x70,hlimit=128,frag=no),udp(src=1,dst=2)",
       {},
       "86dd 6700 0012 0048 1180" + six + "0001 0002 0048 1e53" + kPayload},
      {"," + kIp6 + "label=0,proto=6" + rest6 + ",tcp(src=1,dst=2)",
       {},
       "86dd 6000 0000 0054 0680" + six + "0001 0002 0000 0000 0000 0000 5000 0000 ce99 0000" +
           kPayload},
      {"," + kIp6 + "label=0,proto=58" + rest6 + ",icmpv6(type=128,code=0)",
       {},
       "86dd 6000 0000 0048 3a80" + six + "8000 9e74 0000 0000" + kPayload},
      {"," + kIp6 +
           "label=0,proto=58,tclass=0,hlimit=255,frag=no),icmpv6(type=135,code=0),"
           "nd(target=fe80::2,sll=50:54:00:00:00:01,tll=00:00:00:00:00:00)",
       {},
       "86dd 6000 0000 0020 3aff" + six +
           "8700 2bc7 0000 0000 fe800000000000000000000000000002 0101 505400000001"},
      {"," + kIp6 +
           "label=0,proto=58,tclass=0,hlimit=255,frag=no),icmpv6(type=136,code=0),"
           "nd(target=fe80::2,sll=00:00:00:00:00:00,tll=50:54:00:00:00:01)",
       {},
       "86dd 6000 0000 0020 3aff" + six +
           "8800 29c7 0000 0000 fe800000000000000000000000000002 0201 505400000001"},
      {",eth_type(0x8100),vlan(vid=10,pcp=3),encap(" + ip + "proto=17" + rest +
           ",udp(src=1,dst=2))",
       {},
       "8100 600a 0800 4500 005c 0000 0000 4011 668f 0a00 0001 0a00 0002 0001 0002 0048 0755" +
           kPayload},
      {",eth_type(0x8100),vlan(vid=10,pcp=0)", {}, "8100 000a 0000"},
      {",vlan(vid=10,pcp=3),encap(" + ip + "proto=17" + rest + ")", {}, "000e"},
      {",eth_type(0x88a8),vlan(vid=10,pcp=3),encap(eth_type(0x8100),vlan(vid=20,pcp=1),"
       "encap(eth_type(0x1234)))",
       {},
       "88a8 600a 8100 2014 1234"},
      {",eth_type(0x1234)", {}, "1234"},
      {" eth_type(4660) ", 20, "1234 000000000000"},
      {"", {}, "000e"},
      {",eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)", {}, "8847 0006 4740"},
  };
  for (const Example& example : examples) {
    SCOPED_TRACE(example.flow);
    EXPECT_EQ(answer(kEth + example.flow, example.length), kMacs + without_blanks(example.frame));
  }
}

TEST(ParsePacketOrFlow, CountsTheWholeDatagramWhenALengthIsGiven) {
  const std::string frame = answer(
      kEth + ",eth_type(0x0800)," + kIp + "proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)", 200);
  ASSERT_EQ(frame.size(), 400U);
  EXPECT_EQ(frame.substr(2 * 38, 4), "00a6") << "8 + 158 octets";
}

TEST(ParsePacketOrFlow, SaysWhereTheTextGoesWrong) {
  const std::string udp = kEth + ",eth_type(0x0800)," + kIp + "proto=17),udp(src=1,dst=2)";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"zz", "zz"},
      {"abc", "abc"},
      {"abcd", "abcd"},
      {"ffffffffffff50540000000108", "ffffffffffff50540000000108"},
      {"ff ff", "ff ff"},
      {"--len", "--len"},
      {kEth + ",foo(1)", "foo(1)"},
      {kEth + ",tcp(src=1,dst=2,foo=3)", "tcp(src=1,dst=2,foo=3)"},
      {kEth + ",tcp_flags(zork)", "tcp_flags(zork)"},
      {kEth + ",eth_type(0x8100),vlan(vid=4096,pcp=0),encap(eth_type(0x1234))",
       "vlan(vid=4096,pcp=0),encap(eth_type(0x1234))"},
      {kEth + ",eth_type(0x8100),vlan(vid=10,pcp=0),encap(zonk(1))", "encap(zonk(1))"},
      {kEth + ",eth_type(0x12345)", "eth_type(0x12345)"},
      {kEth + ",eth_type()", "eth_type()"},
      {kEth + ",eth_type(0x1234", "eth_type(0x1234"},
      {kEth + ",udp(src=65536)", "udp(src=65536)"},
      {kEth + ",udp(src)", "udp(src)"},
      {kEth + ",ipv4(src=10.0.0.300)", "ipv4(src=10.0.0.300)"},
      {kEth + ",ipv4(frag=maybe)", "ipv4(frag=maybe)"},
      {"eth(src=50:54:00)", "eth(src=50:54:00)"},
  };
  for (const auto& [text, rest] : cases) EXPECT_EQ(answer(text), "syntax error at " + rest);
}

TEST(ParsePacketOrFlow, WantsRoomForTheHeaders) {
  const std::string udp =
      kEth + ",eth_type(0x0800)," + kIp + "proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)";
  EXPECT_EQ(answer(udp, 41), "too small packet len");
  EXPECT_EQ(answer(udp, 42).size(), 84U);
  EXPECT_EQ(answer(kEth + ",eth_type(0x1234)", 10), "too small packet len");
  EXPECT_EQ(answer(kEth + ",eth_type(0x1234)", 0), "too small packet len");
  EXPECT_EQ(answer(kEth + ",eth_type(0x0806)", 20), "too small packet len");
  EXPECT_EQ(answer(kEth + ",eth_type(0x1234)", 65536), "a frame has at most 65535 octets");
}

TEST(ParsePacketOrFlow, SurvivesNestingAndRandomText) {  // meant to run under asan
  std::string nested = kEth;
  for (int i = 0; i < 100'000; ++i) nested += ",eth_type(0x8100),vlan(vid=1),encap(";
  EXPECT_TRUE(answer(nested).starts_with("syntax error at "));
  nested += std::string(100'000, ')');
  EXPECT_TRUE(answer(nested).starts_with("syntax error at encap("));

  std::mt19937 random(3);
  const std::string whole = kEth + ",eth_type(0x8100),vlan(vid=10,pcp=3),encap(eth_type(0x0800)," +
                            kIp + "proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2))";
  const std::string alphabet = "(),=x0|: ";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole.substr(0, random() % (whole.size() + 1));
    for (int i = 0; i < 3 && !text.empty(); ++i) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    const auto frame = parse_packet_or_flow(text, {});
    EXPECT_TRUE(!frame || frame->octets.size() >= 14);
  }
}

}  // namespace
}  // namespace bondway::netdev
