#include "vswitchd/netdev/dummy.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/netdev/lab.hpp"
#include "vswitchd/netdev/flow_text.hpp"
#include "vswitchd/netdev/vnet_header.hpp"

namespace bondway::netdev {
namespace {

class DummyTest : public LabTest {
 protected:
  void SetUp() override {  // needs no network namespace, so no root either
    char name[] = "/tmp/bondway-dummy-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  static bool readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
  }
  /// Lets both ends of a wire do what they can.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      for (Dummy* each : {&p1_, &p2_}) each->run();
    }
  }
  void wire() {
    ASSERT_TRUE(p1_.configure({{"pstream", "punix:" + path("wire")}}));
    ASSERT_TRUE(p2_.configure({{"stream", "unix:" + path("wire")}}));
    settle();
  }

  std::string directory_;
  DummyAddresses addresses_;
  Dummy p1_{"p1", addresses_.next()}, p2_{"p2", addresses_.next()};
};

TEST_F(DummyTest, StartsUpWithACountedAddress) {
  EXPECT_EQ(to_string(p1_.state().mac), "aa:55:aa:55:00:00");
  EXPECT_EQ(to_string(p2_.state().mac), "aa:55:aa:55:00:01");
  for (int i = 2; i < 258; ++i) addresses_.next();
  EXPECT_EQ(to_string(addresses_.next()), "aa:55:aa:55:01:02");
  EXPECT_EQ(p1_.state().mtu, 1500);
  EXPECT_EQ(p1_.state().ifindex, 0U);
  EXPECT_TRUE(p1_.state().link_up());
  EXPECT_EQ(p1_.state().driver_name, "");
}

TEST_F(DummyTest, HasTheCarrierOfItsAdminState) {
  p1_.set_admin_state(false);
  EXPECT_FALSE(p1_.state().admin_up);
  EXPECT_FALSE(p1_.state().carrier);
  EXPECT_EQ(p1_.state().link_resets, 0U);
  p1_.set_admin_state(true);
  EXPECT_TRUE(p1_.state().link_up());
  EXPECT_EQ(p1_.state().link_resets, 0U);
}

TEST_F(DummyTest, ReceivesWhatIsInjectedInWhateverState) {
  p1_.set_admin_state(false);
  EXPECT_FALSE(readable(p1_.poll_fd()));
  p1_.inject(sample().view());
  p1_.inject(sample(100).view());
  EXPECT_TRUE(readable(p1_.poll_fd()));
  EXPECT_EQ(receive_now(p1_), (std::vector{sample(), sample(100)}));
  EXPECT_FALSE(readable(p1_.poll_fd()));
  EXPECT_TRUE(receive_now(p1_).empty());
  const Statistics expected = {
      {"rx_bytes", 160},   {"rx_custom_packets_1", 2}, {"rx_custom_packets_2", 2},
      {"rx_packets", 2},   {"rx_q0_bytes", 160},       {"rx_q0_packets", 2},
      {"tx_bytes", 0},     {"tx_packets", 0},          {"tx_q0_bytes", 0},
      {"tx_q0_packets", 0}};
  EXPECT_EQ(p1_.statistics(), expected);
}

TEST_F(DummyTest, GivesABatchAtATime) {
  for (std::size_t i = 0; i < FrameBuffers::kSlots + 1; ++i) p1_.inject(sample().view());
  EXPECT_EQ(receive_now(p1_).size(), FrameBuffers::kSlots);
  EXPECT_TRUE(readable(p1_.poll_fd()));
  EXPECT_EQ(receive_now(p1_).size(), 1U);
}

TEST_F(DummyTest, DropsWhenAThousandFramesWait) {
  for (int i = 0; i < 1010; ++i) p1_.inject(sample().view());
  EXPECT_EQ(p1_.counters().rx_packets, 1000U);
  EXPECT_EQ(p1_.counters().rx_dropped, 10U);
}

TEST_F(DummyTest, SendsInWhateverStateAndShowsIt) {
  std::vector<Octets> seen;
  p1_.observe(
      [&](const FrameView& frame) { seen.emplace_back(frame.octets.begin(), frame.octets.end()); });
  p1_.set_admin_state(false);
  const TagEdit tag{0, 1, {VlanTag{0x8100, 10}}};
  send(p1_, sample());
  send(p1_, sample(), tag);
  EXPECT_EQ(seen, (std::vector{sample().octets, apply(sample().view(), tag).octets}));
  EXPECT_EQ(p1_.statistics().at("tx_packets"), 2U);
  EXPECT_EQ(p1_.statistics().at("tx_bytes"), 124U);
}

TEST_F(DummyTest, DropsFramesLargerThanItsMtu) {
  const TagEdit tag{0, 1, {VlanTag{0x8100, 10}}};
  send(p1_, sample(1514));
  send(p1_, sample(1514), tag);
  EXPECT_EQ(p1_.counters().tx_packets, 2U);
  send(p1_, sample(1515));
  send(p1_, sample(1515), tag);
  EXPECT_EQ(p1_.counters().tx_packets, 2U);
  EXPECT_EQ(p1_.counters().tx_errors, 2U);
  ASSERT_TRUE(p1_.set_mtu(9000));
  send(p1_, sample(1515));
  EXPECT_EQ(p1_.counters().tx_packets, 3U);
  EXPECT_FALSE(p1_.set_mtu(0));
}

TEST_F(DummyTest, CompletesWhatOthersLeaveToTheDevice) {
  std::vector<Octets> seen;
  p1_.observe(
      [&](const FrameView& frame) { seen.emplace_back(frame.octets.begin(), frame.octets.end()); });
  Frame frame = sample(100);
  frame.offload = {kNeedsChecksum, kGsoNone, 0, 0, 14, 2};
  send(p1_, frame);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_NE(seen[0], frame.octets);
  frame.offload.checksum_start = 99;
  send(p1_, frame);
  EXPECT_EQ(p1_.counters().tx_errors, 1U);
}

TEST_F(DummyTest, AnswersArpRequestsForItsAddress) {  // RFC 826
  const auto request = parse_packet_or_flow(
      "eth(src=50:54:00:00:00:02,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),arp(sip=10.0.0.1,"
      "tip=10.0.0.9,op=1,sha=50:54:00:00:00:02,tha=00:00:00:00:00:00)",
      {});
  const auto reply = parse_packet_or_flow(
      "eth(src=aa:55:aa:55:00:00,dst=50:54:00:00:00:02),eth_type(0x0806),arp(sip=10.0.0.9,"
      "tip=10.0.0.1,op=2,sha=aa:55:aa:55:00:00,tha=50:54:00:00:00:02)",
      {});
  send(p1_, *request);
  p1_.answer_for({10, 0, 0, 8});
  send(p1_, *request);
  EXPECT_TRUE(receive_now(p1_).empty());
  p1_.answer_for({10, 0, 0, 9});
  send(p1_, *request);
  EXPECT_EQ(receive_now(p1_), std::vector{*reply});
  send(p1_, *reply);
  EXPECT_TRUE(receive_now(p1_).empty());
}

TEST_F(DummyTest, TakesItsNumberFromAnOption) {
  ASSERT_TRUE(p1_.configure({{"ifindex", "1234"}}));
  EXPECT_EQ(p1_.state().ifindex, 1234U);
  ASSERT_TRUE(p1_.configure({{"ifindex", "many"}}));
  EXPECT_EQ(p1_.state().ifindex, 0U);
}

/// A capture file, its times aside (pcap-savefile(5)).
std::vector<Octets> read_pcap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const Octets all((std::istreambuf_iterator<char>(file)), {});
  const Octets header{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
                      0,    0,    0,    0,    0, 0, 4, 0, 1, 0, 0, 0};
  EXPECT_GE(all.size(), header.size());
  EXPECT_TRUE(std::equal(header.begin(), header.end(), all.begin()));
  std::vector<Octets> frames;
  for (std::size_t at = header.size(); at + 16 <= all.size();) {
    std::uint32_t captured = 0, length = 0;
    std::memcpy(&captured, &all[at + 8], 4);
    std::memcpy(&length, &all[at + 12], 4);
    EXPECT_EQ(captured, length);
    const auto begin = all.begin() + static_cast<long>(at) + 16;
    frames.emplace_back(begin, begin + captured);
    at += 16 + captured;
  }
  return frames;
}

TEST_F(DummyTest, CapturesEachFrameBeforeTheCallReturns) {
  ASSERT_TRUE(
      p1_.configure({{"pcap", path("both")}, {"rxq_pcap", path("rx")}, {"tx_pcap", path("tx")}}));
  EXPECT_EQ(read_pcap(path("both")), std::vector<Octets>{});
  p1_.inject(sample(60).view());
  send(p1_, sample(70));
  EXPECT_EQ(read_pcap(path("both")), (std::vector{sample(60).octets, sample(70).octets}));
  EXPECT_EQ(read_pcap(path("rx")), std::vector<Octets>{sample(60).octets});
  EXPECT_EQ(read_pcap(path("tx")), std::vector<Octets>{sample(70).octets});
}

TEST_F(DummyTest, AppendsToACaptureFileThatIsThere) {
  ASSERT_TRUE(p1_.configure({{"pcap", path("file")}}));
  p1_.inject(sample(60).view());
  ASSERT_TRUE(p1_.configure({}));
  p1_.inject(sample(65).view());
  ASSERT_TRUE(p1_.configure({{"pcap", path("file")}}));
  p1_.inject(sample(70).view());
  EXPECT_EQ(read_pcap(path("file")), (std::vector{sample(60).octets, sample(70).octets}));
}

TEST_F(DummyTest, SaysWhatIsWrongWithAnOption) {
  EXPECT_EQ(p1_.configure({{"pcap", path("no/where")}}).error().message,
            "pcap=" + path("no/where") + ": No such file or directory");
  EXPECT_EQ(p1_.configure({{"stream", "tcp:1.2.3.4"}}).error().message,
            "stream=tcp:1.2.3.4: not a unix: or punix: address");
  EXPECT_EQ(p1_.configure({{"pstream", "punix:" + path("no/where")}}).error().message,
            "pstream=punix:" + path("no/where") + ": No such file or directory");
  EXPECT_EQ(p1_.configure({{"stream", "unix:"}}).error().message,
            "stream=unix:: a socket's path has 1 to 107 characters");
  EXPECT_EQ(p1_.connection_state(), "unknown");
}

TEST_F(DummyTest, CarriesFramesOverAWire) {
  EXPECT_EQ(p1_.connection_state(), "unknown");
  EXPECT_EQ(p1_.control_fd(), -1);
  wire();
  EXPECT_EQ(p1_.connection_state(), "connected");
  EXPECT_EQ(p2_.connection_state(), "connected");
  for (std::size_t size = 14; size <= 1514; size += 100) send(p1_, sample(size));
  EXPECT_TRUE(readable(p2_.control_fd()));
  settle();
  EXPECT_FALSE(readable(p2_.control_fd()));
  std::vector<Frame> expected;
  for (std::size_t size = 14; size <= 1514; size += 100) expected.push_back(sample(size));
  EXPECT_EQ(receive_now(p2_), expected);
  send(p2_, sample(99));
  settle();
  EXPECT_EQ(receive_now(p1_), std::vector{sample(99)});
  EXPECT_TRUE(receive_now(p2_).empty());
}

TEST_F(DummyTest, FramesOnTheWireAreBehindTheirLength) {
  ASSERT_TRUE(p1_.configure({{"pstream", "punix:" + path("wire")}}));
  const UniqueFd peer(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path("wire").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(connect(peer.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  p1_.run();
  send(p1_, sample(0x123));
  Octets received(1000);
  ASSERT_EQ(recv(peer.get(), received.data(), received.size(), 0), 2 + 0x123);
  EXPECT_EQ(received[0], 0x01);
  EXPECT_EQ(received[1], 0x23);

  Octets message{0, 60};
  const Frame frame = sample();
  message.insert(message.end(), frame.octets.begin(), frame.octets.end());
  for (const std::uint8_t octet : message) {  // arrives in whatever pieces
    EXPECT_TRUE(receive_now(p1_).empty());
    ASSERT_EQ(::send(peer.get(), &octet, 1, 0), 1);
    p1_.run();
  }
  EXPECT_EQ(receive_now(p1_), std::vector{frame});

  const Octets bad{0, 13};
  ASSERT_EQ(::send(peer.get(), bad.data(), bad.size(), 0), 2);
  p1_.run();
  EXPECT_EQ(p1_.connection_state(), "disconnected") << "no frame is shorter than its header";
}

TEST_F(DummyTest, ConnectsAgainWhenTheOtherEndIsBack) {
  ASSERT_TRUE(p2_.configure({{"stream", "unix:" + path("wire")}}));
  EXPECT_EQ(p2_.connection_state(), "disconnected");
  wire();
  ASSERT_TRUE(eventually([&] {
    if (readable(p2_.control_fd())) p2_.run();
    settle();
    return p2_.connection_state() == "connected";
  }));
  ASSERT_TRUE(p1_.configure({}));
  settle();
  EXPECT_EQ(p2_.connection_state(), "disconnected");
  EXPECT_FALSE(std::filesystem::exists(path("wire")));
  ASSERT_TRUE(p1_.configure({{"pstream", "punix:" + path("wire")}}));
  EXPECT_TRUE(eventually([&] {
    if (readable(p2_.control_fd())) p2_.run();
    return p2_.connection_state() == "connected";
  }));
}

TEST_F(DummyTest, DropsWhatAPeerDoesNotRead) {
  wire();
  for (int i = 0; i < 3000; ++i) send(p1_, sample(1514));
  EXPECT_GT(p1_.counters().tx_dropped, 0U);
  EXPECT_EQ(p1_.counters().tx_packets, 3000U);
  settle();
  EXPECT_TRUE(eventually([&] {
    settle();
    receive_now(p2_);
    return p2_.counters().rx_packets + p2_.counters().rx_dropped + p1_.counters().tx_dropped ==
           3000;
  }));
}

TEST_F(DummyTest, IsUsedByManyThreadsAtOnce) {  // meant to run under tsan
  wire();
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> received = 0;
  std::thread data([&] {
    const auto queue = p1_.open_send_queue();
    FrameBuffers buffers;
    while (!stop) {
      queue->send(sample().view(), {});
      received += p2_.receive(buffers, [](const FrameView&) {});
    }
  });
  std::thread tester([&] {
    for (int i = 0; i < 1000; ++i) p2_.inject(sample().view());
  });
  for (int i = 0; i < 200; ++i) {
    settle();
    p1_.set_mtu(1400 + i);
    p2_.set_admin_state(i % 2 == 0);
    p2_.statistics();
    p2_.connection_state();
    p2_.configure({{"stream", "unix:" + path("wire")}, {"ifindex", std::to_string(i)}});
  }
  tester.join();
  EXPECT_TRUE(eventually([&] { return received >= 1000; }));
  stop = true;
  data.join();
}

TEST_F(DummyTest, LeavesAFileInTheWayOfItsSocketAlone) {
  std::ofstream(path("wire")) << "precious";
  EXPECT_EQ(p1_.configure({{"pstream", "punix:" + path("wire")}}).error().message,
            "pstream=punix:" + path("wire") + ": Address already in use");
  EXPECT_EQ(std::filesystem::file_size(path("wire")), 8U);
}

}  // namespace
}  // namespace bondway::netdev
