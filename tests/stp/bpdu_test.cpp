#include "vswitchd/stp/bpdu.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bondway::stp {
namespace {

TEST(Bpdu, AConfigurationIsLaidOutAsTheStandardSays) {  // IEEE 802.1D-1998, 9.3.1
  ConfigBpdu bpdu;
  bpdu.topology_change = bpdu.topology_change_ack = true;
  bpdu.root = {0x1000, MacAddress::from_number(0x0200'0000'0001)};
  bpdu.root_path_cost = 0x01020304;
  bpdu.bridge = {0x8000, MacAddress::from_number(0x0200'0000'0002)};
  bpdu.port = {0x8003};
  bpdu.message_age = 1s;
  const auto frame = encode(bpdu, MacAddress::from_number(0xaa55'aa55'0001));
  const std::vector<std::uint8_t> expected{
      0x01, 0x80, 0xc2, 0x00, 0x00, 0x00, 0xaa, 0x55, 0xaa, 0x55, 0x00, 0x01, 0x00, 0x26, 0x42,
      0x42, 0x03, 0x00, 0x00, 0x00, 0x00, 0x81, 0x10, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
      0x01, 0x02, 0x03, 0x04, 0x80, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02, 0x80, 0x03, 0x01,
      0x00, 0x14, 0x00, 0x02, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  EXPECT_EQ(frame, expected);
  EXPECT_EQ(decode(frame), Result<Bpdu>(bpdu));
}

TEST(Bpdu, ATopologyChangeIsFourOctets) {  // 9.3.2
  const auto frame = encode(TopologyChangeBpdu(), MacAddress());
  EXPECT_EQ(frame[13], 7) << "LLC and four octets";
  EXPECT_EQ(decode(frame), Result<Bpdu>(TopologyChangeBpdu()));
}

TEST(Bpdu, ARapidOneIsReadAsAConfiguration) {  // 9.3.4
  auto frame = encode(ConfigBpdu(), MacAddress());
  frame[19] = frame[20] = 2;
  ASSERT_TRUE(decode(frame));
  EXPECT_TRUE(std::holds_alternative<ConfigBpdu>(*decode(frame)));
}

TEST(Bpdu, WhatIsNoneIsRefused) {
  const auto good = encode(ConfigBpdu(), MacAddress());
  struct Row {
    const char* name;
    std::size_t at;
    std::uint8_t octet;
  };
  for (const Row& row : {Row{"LLC", 14, 0xaa}, Row{"protocol", 17, 1}, Row{"type", 20, 0x55}}) {
    SCOPED_TRACE(row.name);
    auto frame = good;
    frame[row.at] = row.octet;
    EXPECT_FALSE(decode(frame));
  }
  for (std::size_t length = 0; length < 52; ++length) {
    EXPECT_FALSE(decode(std::span(good).first(length))) << length;
  }
}

TEST(Bpdu, AnyOctetsAreSafe) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    auto frame = encode(ConfigBpdu(), MacAddress());
    frame.resize(random() % 64);
    for (int changes = 0; changes < 4 && !frame.empty(); ++changes) {
      frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    }
    (void)decode(frame);
  }
}

}  // namespace
}  // namespace bondway::stp
