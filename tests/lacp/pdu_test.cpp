#include "vswitchd/lacp/pdu.hpp"

#include <gmock/gmock.h>

#include <random>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets from_hex(std::string_view text) {
  Octets octets;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    octets.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), {}, 16)));
  }
  return octets;
}

// What an Open vSwitch 3.1.0 sent on an active port without partner.
const Octets kCaptured = from_hex(
    "0180c2000002aa55aa5500018809010101"
    "14fffeaa55aa5500000001ffff0001bd000000"
    "02140000000000000000000000000000"
    "02000000"
    "0310000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000");

Lacpdu captured_pdu() {
  PortInfo actor = our_port();
  actor.state = PortState(0xbd);
  return {.actor = actor, .partner = {.state = PortState(0x02)}};
}

TEST(Lacpdu, DecodesACapturedFrame) {
  Octets frame = kCaptured;
  frame.resize(kFrameSize);
  EXPECT_EQ(decode(frame), Result<SlowPdu>(captured_pdu()));
}

TEST(Lacpdu, EncodesTheCapturedFrame) {  // 6.4.2.3, Figure 6-7
  Octets frame = kCaptured;
  frame.resize(kFrameSize);
  EXPECT_EQ(encode(captured_pdu(), MacAddress::from_number(0xaa55aa550001)), frame);
}

TEST(Lacpdu, IsReadFromAnyVersionAndWithAnythingBehindThePartner) {  // 6.4.2.3, item e and f
  Octets frame = encode(matching_pdu(), kTheirSystem);
  frame[15] = 2;
  for (std::size_t i = 53; i < frame.size(); ++i) frame[i] = 0xff;
  Lacpdu expected = matching_pdu();
  expected.version = 2;
  EXPECT_EQ(decode(frame), Result<SlowPdu>(expected));
}

TEST(Lacpdu, MayBeFollowedByPadding) {
  Octets frame = encode(matching_pdu(), kTheirSystem);
  frame.resize(1514, 0xaa);
  EXPECT_EQ(decode(frame), Result<SlowPdu>(matching_pdu()));
}

TEST(Lacpdu, IsRefusedWhenShortOrMisshapen) {
  const Octets good = encode(matching_pdu(), kTheirSystem);
  struct Row {
    const char* name;
    std::size_t at;
    std::uint8_t octet;
    const char* error;
  };
  const Row rows[] = {
      {"other EtherType", 12, 0x08, "not a slow protocol frame"},
      {"OAM", 14, 3, "slow protocol subtype 3"},
      {"actor type", 16, 2, "LACPDU without actor information"},
      {"actor length", 17, 21, "LACPDU without actor information"},
      {"partner type", 36, 1, "LACPDU without partner information"},
      {"partner length", 37, 19, "LACPDU without partner information"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Octets frame = good;
    frame[row.at] = row.octet;
    if (row.at == 12) frame[13] = 0;
    EXPECT_EQ(decode(frame), Result<SlowPdu>(fail("{}", row.error)));
  }
  for (std::size_t length = 0; length < kFrameSize; ++length) {
    SCOPED_TRACE(length);
    EXPECT_FALSE(decode(std::span(good).first(length)).has_value());
  }
}

TEST(MarkerPdu, HasTheLayoutOfTheStandard) {  // 6.5.3.2, Figure 6-29
  const MarkerPdu marker{
      .requester_port = 0x1234, .requester_system = kOurSystem, .transaction = 0xcafe0001};
  Octets expected = from_hex(
      "0180c2000002aa55aa550001880902010110"
      "1234aa55aa550000cafe00010000"
      "0000");
  expected.resize(kFrameSize);
  EXPECT_EQ(encode(marker, MacAddress::from_number(0xaa55aa550001)), expected);
  EXPECT_EQ(decode(expected), Result<SlowPdu>(marker));
  expected[16] = 2;
  MarkerPdu response = marker;
  response.kind = MarkerPdu::Kind::response;
  EXPECT_EQ(decode(expected), Result<SlowPdu>(response));
}

TEST(MarkerPdu, IsRefusedWithAnotherTlv) {
  Octets frame = encode(MarkerPdu{}, kOurSystem);
  frame[16] = 3;
  EXPECT_FALSE(decode(frame).has_value());
  frame[16] = 1;
  frame[17] = 15;
  EXPECT_FALSE(decode(frame).has_value());
}

TEST(SlowFrames, AreOursOnlyUntaggedAndOfSubtypeOneOrTwo) {  // IEEE 802.3, 57A.4
  Octets frame = encode(matching_pdu(), kTheirSystem);
  EXPECT_TRUE(is_link_aggregation(frame));
  EXPECT_FALSE(is_marker(frame));
  frame[14] = 2;
  EXPECT_TRUE(is_link_aggregation(frame));
  EXPECT_TRUE(is_marker(frame));
  frame[14] = 10;  // OSSP
  EXPECT_FALSE(is_link_aggregation(frame));
  EXPECT_TRUE(is_link_aggregation(std::span(frame).first(14)));
  EXPECT_FALSE(is_link_aggregation(std::span(frame).first(13)));
  frame[12] = 0x81;
  frame[13] = 0x00;
  EXPECT_FALSE(is_link_aggregation(frame));
}

TEST(SlowFrames, OfRandomOctetsAndLengthsAreReadSafely) {
  std::mt19937 random(20260101);
  for (int i = 0; i < 200'000; ++i) {
    Octets frame(random() % 160);
    for (std::uint8_t& octet : frame) octet = static_cast<std::uint8_t>(random() % 4);
    if (frame.size() > 17 && random() % 2) {
      frame[12] = 0x88, frame[13] = 0x09, frame[17] = 20;
    }
    frame.shrink_to_fit();
    is_link_aggregation(frame);
    const Result<SlowPdu> pdu = decode(frame);
    if (frame.size() < kFrameSize) {
      EXPECT_FALSE(pdu.has_value());
    }
  }
}

TEST(PortState, IsWrittenAsWordsEachBehindASpace) {
  EXPECT_EQ(to_string(PortState(0)), "");
  EXPECT_EQ(to_string(PortState(0xff)),
            " activity timeout aggregation synchronized collecting distributing defaulted expired");
  EXPECT_EQ(to_string(PortState(0x3d)),
            " activity aggregation synchronized collecting distributing");
}

}  // namespace
}  // namespace bondway::lacp
