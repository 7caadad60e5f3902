#include "vswitchd/netdev/offload.hpp"

#include <random>

#include "tests/netdev/lab.hpp"
#include "vswitchd/netdev/system.hpp"
#include "vswitchd/netdev/vnet_header.hpp"

namespace bondway::netdev {
namespace {

std::vector<Octets> completed(const Frame& frame) {
  std::vector<Octets> all;
  const bool done = complete(frame.view(), [&](const FrameView& each) {
    EXPECT_EQ(each.offload, Offload{});
    all.emplace_back(each.octets.begin(), each.octets.end());
  });
  EXPECT_EQ(done, !all.empty()) << "nothing is passed of a frame that is refused";
  return all;
}

Octets hex(std::string_view text) {
  Octets octets;
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c;
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    octets.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return octets;
}

const Octets kEthernet = hex("020000000002 020000000001");
const Octets kIpv4 = hex("0800 4500 0000 fffe 4000 40 00 0000 0a000001 0a000002");
const Octets kIpv6 =
    hex("86dd 60012345 0000 00 40 20010db8000000000000000000000001"
        "20010db8000000000000000000000002");
const Octets kTag = hex("8100 200a");
const Octets kTcpHeader =
    hex("1388 0050 fffffff0 00000001 80 99 1000 0000 0000"
        "0101080a 00000001 00000002");  // CWR, ACK, PSH, FIN; timestamps
const Octets kUdpHeader = hex("1388 0035 0000 0000");

/// A large segment as a host leaves it to its device.
struct Segment {
  const char* name;
  bool tagged, ipv6;
  std::uint8_t kind;
  std::uint16_t size;
  std::size_t payload;

  bool udp() const { return (kind & ~kGsoEcn) == kGsoUdp; }
};

void append(Octets& to, const Octets& more) { to.insert(to.end(), more.begin(), more.end()); }

Frame make(const Segment& segment) {
  Frame frame;
  Octets& octets = frame.octets;
  append(octets, kEthernet);
  if (segment.tagged) append(octets, kTag);
  const std::size_t network = octets.size() + 2;
  append(octets, segment.ipv6 ? kIpv6 : kIpv4);
  const std::size_t transport = octets.size();
  append(octets, segment.udp() ? kUdpHeader : kTcpHeader);
  const std::size_t header = octets.size();
  for (std::size_t i = 0; i < segment.payload; ++i) {
    octets.push_back(static_cast<std::uint8_t>(i * 31 + i / 251));
  }
  const std::span<std::uint8_t> packet = std::span(octets).subspan(network);
  const auto put = [&](std::size_t at, std::size_t number) {
    octets[at] = static_cast<std::uint8_t>(number >> 8);
    octets[at + 1] = static_cast<std::uint8_t>(number);
  };
  const std::uint8_t protocol = segment.udp() ? 17 : 6;
  packet[segment.ipv6 ? 6 : 9] = protocol;
  put(network + (segment.ipv6 ? 4 : 2), packet.size() - (segment.ipv6 ? 40 : 0));
  if (!segment.ipv6) put(network + 10, fold(add_to_sum(packet.first(20))));
  const std::size_t length = octets.size() - transport;
  if (segment.udp()) put(transport + 4, length);

  // The sum of the pseudo header, as the stack of a host leaves it.
  const auto addresses = segment.ipv6 ? packet.subspan(8, 32) : packet.subspan(12, 8);
  const std::array<std::uint8_t, 8> rest{
      0, 0,       static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 0, 0,
      0, protocol};
  const std::uint16_t offset = segment.udp() ? 6 : 16;
  put(transport + offset,
      static_cast<std::uint16_t>(~fold(add_to_sum(rest, add_to_sum(addresses)))));
  frame.offload = {kNeedsChecksum,
                   segment.kind,
                   static_cast<std::uint16_t>(header),
                   segment.size,
                   static_cast<std::uint16_t>(transport),
                   offset};
  return frame;
}

const std::vector<Segment> kSegments = {
    {"tcp", false, false, kGsoTcp4, 1000, 2500},
    {"tcp, a multiple", false, false, kGsoTcp4, 500, 2000},
    {"tcp, one segment", false, false, kGsoTcp4, 1400, 900},
    {"tcp, congestion", false, false, kGsoTcp4 | kGsoEcn, 1000, 3000},
    {"tcp, odd size", false, false, kGsoTcp4, 333, 1001},
    {"tcp, tagged", true, false, kGsoTcp4, 1000, 4096},
    {"tcp, 64 kB", false, false, kGsoTcp4, 1448, 65000},
    {"tcp6", false, true, kGsoTcp6, 1000, 2500},
    {"tcp6, tagged", true, true, kGsoTcp6, 1001, 9999},
    {"tcp6, 64 kB", false, true, kGsoTcp6, 1428, 65000},
    {"udp", false, false, kGsoUdp, 1000, 2500},
    {"udp, tagged", true, false, kGsoUdp, 600, 1201},
    {"udp6", false, true, kGsoUdp, 1000, 2500},
};

TEST(Checksum, IsTheOneOfTheRfc) {  // RFC 1071, 3: the sum is ddf2
  const Octets octets = hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(fold(add_to_sum(octets)), 0x220d);
  EXPECT_EQ(fold(add_to_sum(std::span(octets).subspan(2), add_to_sum(std::span(octets).first(2)))),
            0x220d);
  EXPECT_EQ(fold(add_to_sum(hex("ff"))), 0x00ff);
  EXPECT_EQ(fold(add_to_sum({})), 0xffff);
}

TEST(Complete, PassesACompleteFrameAsItIs) {
  const Frame frame{hex("ffffffffffff 020000000001 88b5 01"), {}};
  EXPECT_EQ(completed(frame), std::vector<Octets>{frame.octets});
}

TEST(Complete, FinishesAChecksum) {
  Frame frame = make({"", false, false, kGsoUdp, 100, 100});
  frame.offload.gso_type = kGsoNone;
  const auto all = completed(frame);
  ASSERT_EQ(all.size(), 1U);
  // With the checksum in place, the sum over pseudo header and datagram is all ones.
  const std::span<const std::uint8_t> octets(all[0]);
  const Octets rest = hex("0000 006c 0011");
  EXPECT_EQ(
      fold(add_to_sum(octets.subspan(34), add_to_sum(octets.subspan(26, 8), add_to_sum(rest)))), 0);
}

TEST(Complete, NeverSaysThatThereIsNoChecksum) {  // RFC 768: zero means none, all ones is zero
  Frame frame{Octets(40, 0), {kNeedsChecksum, 0, 0, 0, 20, 6}};
  frame.octets[26] = 0xff;
  frame.octets[27] = 0xff;
  EXPECT_EQ(completed(frame).at(0), frame.octets);
}

TEST(Complete, CutsTcpIntoSegmentsThatContinueEachOther) {  // RFC 9293, 3.4
  const auto all = completed(make(kSegments[0]));
  ASSERT_EQ(all.size(), 3U);
  const std::array<std::size_t, 3> lengths{1000, 1000, 500};
  const std::array<std::uint32_t, 3> sequences{0xfffffff0, 0x3d8, 0x7c0};
  const std::array<std::uint16_t, 3> ids{0xfffe, 0xffff, 0};
  const std::array<std::uint8_t, 3> flags{0x90, 0x10, 0x19};
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    const Octets& segment = all[i];
    ASSERT_EQ(segment.size(), 14 + 20 + 32 + lengths[i]);
    EXPECT_EQ(segment[16] << 8 | segment[17], static_cast<int>(20 + 32 + lengths[i]));
    EXPECT_EQ(segment[18] << 8 | segment[19], ids[i]);
    EXPECT_EQ(fold(add_to_sum(std::span(segment).subspan(14, 20))), 0);
    EXPECT_EQ(static_cast<std::uint32_t>(segment[38] << 24 | segment[39] << 16 | segment[40] << 8 |
                                         segment[41]),
              sequences[i]);
    EXPECT_EQ(segment[47], flags[i]);
  }
}

/// The kernel is the judge: a device without offloads makes it do the same.
class KernelOffloadTest : public LabTest {};

TEST_F(KernelOffloadTest, DoesWhatTheKernelDoes) {
  sh("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up;"
     "ethtool -K v0 tx off tso off gso off tx-udp-segmentation off >/dev/null");
  const auto out = open_system("v0"), in = open_system("v1");
  ASSERT_TRUE(out && in);
  for (const Segment& segment : kSegments) {
    SCOPED_TRACE(segment.name);
    const Frame frame = make(segment);
    const auto expected = completed(frame);
    send(**out, frame);
    std::vector<Octets> cut;
    while (cut.size() < expected.size()) {
      const auto more = receive(**in);
      if (more.empty()) break;
      for (const Frame& each : more) {
        EXPECT_EQ(each.offload, Offload{});
        cut.push_back(each.octets);
      }
    }
    EXPECT_EQ((*out)->counters().tx_errors, 0U);
    EXPECT_EQ((*out)->counters().tx_dropped, 0U);
    EXPECT_EQ((*in)->counters().rx_dropped, 0U);
    EXPECT_TRUE(cut == expected) << cut.size() << " frames, expected " << expected.size();
  }
}

TEST(Complete, RefusesWhatDoesNotFitTheFrame) {
  const Frame tcp = make(kSegments[0]), tcp6 = make(kSegments[7]), udp = make(kSegments[10]);
  const auto with = [](Frame frame, const std::function<void(Frame&)>& change) {
    change(frame);
    return frame;
  };
  const std::vector<std::pair<const char*, Frame>> cases = {
      {"checksum behind the end", {Octets(40), {kNeedsChecksum, 0, 0, 0, 30, 9}}},
      {"checksum start far away", {Octets(40), {kNeedsChecksum, 0, 0, 0, 65535, 65535}}},
      {"size of zero", with(tcp, [](Frame& f) { f.offload.gso_size = 0; })},
      {"unknown kind", with(tcp, [](Frame& f) { f.offload.gso_type = 3; })},
      {"kind of IPv6", with(tcp, [](Frame& f) { f.offload.gso_type = kGsoTcp6; })},
      {"kind of IPv4", with(tcp6, [](Frame& f) { f.offload.gso_type = kGsoTcp4; })},
      {"kind of UDP", with(tcp, [](Frame& f) { f.offload.gso_type = kGsoUdp; })},
      {"kind of TCP", with(udp, [](Frame& f) { f.offload.gso_type = kGsoTcp4; })},
      {"not IP", with(tcp, [](Frame& f) { f.octets[12] = 0x88; })},
      {"fragment", with(tcp, [](Frame& f) { f.octets[20] = 0x20; })},
      {"IP header below 20", with(tcp, [](Frame& f) { f.octets[14] = 0x44; })},
      {"IP header behind the end", with(tcp,
                                        [](Frame& f) {
                                          f.octets[14] = 0x4f;
                                          f.octets.resize(60);
                                        })},
      {"TCP header below 20", with(tcp, [](Frame& f) { f.octets[46] = 0x40; })},
      {"TCP header behind the end", with(tcp, [](Frame& f) { f.octets.resize(60); })},
      {"UDP header behind the end", with(udp, [](Frame& f) { f.octets.resize(38); })},
      {"tags up to the end", with(tcp,
                                  [](Frame& f) {
                                    f.octets.resize(16);
                                    f.octets[12] = 0x81;
                                    f.octets[13] = 0x00;
                                  })},
  };
  for (const auto& [name, frame] : cases) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(completed(frame).empty());
  }
}

TEST(Complete, SurvivesTruncationAndRandomOctets) {  // meant to run under asan
  std::mt19937 random(2);
  const auto ignore = [](const FrameView&) {};
  for (const Segment& segment : kSegments) {
    const Frame whole = make(segment);
    for (std::size_t size = 0; size < 120; ++size) {
      Frame cut = whole;
      cut.octets.resize(size);
      complete(cut.view(), ignore);
    }
    for (int round = 0; round < 2000; ++round) {
      Frame changed = whole;
      changed.octets.resize(std::min<std::size_t>(changed.octets.size(), random() % 300));
      for (int i = 0; i < 4 && !changed.octets.empty(); ++i) {
        const std::size_t range = std::min<std::size_t>(changed.octets.size(), 90);
        changed.octets[random() % range] = static_cast<std::uint8_t>(random());
      }
      if (random() % 2 == 0) {
        changed.offload = {
            static_cast<std::uint8_t>(random()),  static_cast<std::uint8_t>(random() % 6),
            static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random()),
            static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
      }
      std::size_t longest = 0;
      complete(changed.view(),
               [&](const FrameView& each) { longest = std::max(longest, each.octets.size()); });
      EXPECT_LE(longest, changed.octets.size());
    }
  }
}

}  // namespace
}  // namespace bondway::netdev
