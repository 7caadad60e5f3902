#include <gtest/gtest.h>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/vlan.hpp"

namespace bondway {
namespace {

TEST(MacAddress, IsReadAsTheConfigurationWritesIt) {
  const auto mac = [](std::uint64_t number) { return MacAddress::from_number(number); };
  EXPECT_EQ(MacAddress::parse("aa:BB:cc:0:1:f"), mac(0xaabbcc00010f));
  EXPECT_EQ(MacAddress::parse("00:11:22:33:44:55 and more"), mac(0x001122334455));
  for (const char* bad : {"", "aa", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:", "aa:bb:cc:dd:ee:gg",
                          "aabbccddeeff", ":aa:bb:cc:dd:ee:ff", "aaa:bb:cc:dd:ee:ff"}) {
    EXPECT_EQ(MacAddress::parse(bad), std::nullopt) << bad;
  }
}

TEST(MacAddress, IsWrittenInLowerCaseWithTwoDigitsAnOctet) {
  EXPECT_EQ(to_string(MacAddress::from_number(0xAABBCC00010F)), "aa:bb:cc:00:01:0f");
}

TEST(MacAddress, KnowsItsKind) {  // IEEE 802, 8.2
  EXPECT_TRUE(MacAddress().is_zero());
  EXPECT_TRUE(kBroadcastMac.is_broadcast() && kBroadcastMac.is_multicast());
  EXPECT_TRUE(MacAddress::from_number(0x0180c2000002).is_multicast());
  EXPECT_FALSE(MacAddress::from_number(0x0280c2000002).is_multicast());
  EXPECT_TRUE(MacAddress::from_number(0x0280c2000002).is_local());
}

TEST(VlanId, IsBetween0And4095) {
  EXPECT_EQ(VlanId::from(4095).value().number(), 4095);
  EXPECT_TRUE(VlanId::from(0).value().is_untagged());
  EXPECT_EQ(VlanId::from(4096).error().message, "VLAN 4096 is not between 0 and 4095");
  EXPECT_FALSE(VlanId::from(-1));
  EXPECT_EQ(VlanId::from_tci(0xf00a).number(), 10);
}

}  // namespace
}  // namespace bondway
