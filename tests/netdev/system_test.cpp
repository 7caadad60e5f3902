#include "vswitchd/netdev/system.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <random>

#include "tests/netdev/lab.hpp"
#include "vswitchd/netdev/control_socket.hpp"
#include "vswitchd/netdev/tap.hpp"

namespace bondway::netdev {
namespace {

class SystemTest : public LabTest {
 protected:
  /// A cable: veth pairs NAME and NAMEx, both ends up and with carrier.
  void cable(const std::string& name) {
    sh(
        fmt::format("ip link add {0} type veth peer name {0}x; ip link set {0} up;"
                    "ip link set {0}x up",
                    name));
  }
  static std::unique_ptr<Netdev> open(const std::string& name) {
    auto device = open_system(name);
    EXPECT_TRUE(device) << device.error().message;
    return std::move(*device);
  }
};

TEST_F(SystemTest, TellsTheStateOfTheDevice) {
  sh("ip link add v0 address 02:00:00:00:00:05 mtu 1400 type veth peer name v1;"
     "ip link set v1 up; ip link set v0 up");
  const auto device = open("v0");
  const DeviceState& state = device->state();
  EXPECT_EQ(state.name, "v0");
  EXPECT_EQ(state.mac, MacAddress::from_number(0x020000000005));
  EXPECT_EQ(state.mtu, 1400);
  EXPECT_TRUE(state.link_up());
  EXPECT_EQ(state.speed, 10'000'000'000U);
  EXPECT_EQ(state.duplex, Duplex::full);
  EXPECT_EQ(state.driver_name, "veth");
  EXPECT_EQ(state.driver_version, "1.0");
  EXPECT_EQ(state.firmware_version, "");
  EXPECT_EQ(state.link_resets, 0U);
}

TEST_F(SystemTest, SaysWhyADeviceCannotBeOpened) {
  EXPECT_EQ(open_system("eth9").error().message, "No such device");
  EXPECT_EQ(open_system("a-name-too-long-for-a-device").error().message, "No such device");
  EXPECT_EQ(open_system("").error().message, "No such device");
  EXPECT_EQ(open_system("lo").error().message, "Invalid argument");
  sh("ip tuntap add mode tun name tun0");
  EXPECT_EQ(open_system("tun0").error().message, "not an Ethernet device");
}

TEST_F(SystemTest, CountsCarrierChanges) {
  cable("v0");
  Links links;
  const auto device = open("v0");
  sh("ip link set v0x down");
  ASSERT_TRUE(eventually([&] {
    update(links, *device);
    return !device->state().carrier;
  }));
  EXPECT_EQ(device->state().link_resets, 1U);
  sh("ip link set v0x up");
  ASSERT_TRUE(eventually([&] {
    update(links, *device);
    return device->state().carrier;
  }));
  EXPECT_EQ(device->state().link_resets, 2U);
}

TEST_F(SystemTest, TellsOfALostCarrierBeforeItAsksForTheSpeed) {
  const auto owner = create_tap("t0", std::nullopt);
  ASSERT_TRUE(owner) << owner.error().message;
  sh("ethtool -s t0 speed 10; ip link set t0 up");
  Links links;
  const auto device = open("t0");
  ASSERT_EQ(device->state().speed, 10'000'000U);
  ASSERT_TRUE(device->state().carrier);
  sh("ethtool -s t0 speed 1000; ip link set t0 down");
  update(links, *device);
  EXPECT_FALSE(device->state().carrier);
  EXPECT_EQ(device->state().speed, 10'000'000U);
  EXPECT_TRUE(device->catch_up());
  EXPECT_EQ(device->state().speed, 1'000'000'000U);
  EXPECT_FALSE(device->catch_up());

  sh("ethtool -s t0 speed 100; ip link set t0 up");
  ASSERT_TRUE(eventually([&] {
    update(links, *device);
    return device->state().carrier;
  }));
  EXPECT_EQ(device->state().speed, 100'000'000U);
  EXPECT_FALSE(device->catch_up());
}

TEST_F(SystemTest, IsGoneWhenTheDeviceIsDeletedRenamedOrMoved) {
  const Namespace host;
  for (const std::string& what :
       {std::string("ip link del v0"), std::string("ip link set v0 name w0"),
        "ip link set v0 netns " + host.path()}) {
    SCOPED_TRACE(what);
    sh("ip link add v0 type veth peer name peer");
    Links links;
    const auto device = open("v0");
    sh(what);
    bool changed = false;
    for (const auto& event : links.read()) changed |= device->update(event);
    EXPECT_TRUE(changed);
    EXPECT_TRUE(device->gone());
    EXPECT_TRUE(receive_now(*device).empty());
    std::system("ip link del peer 2>/dev/null");
  }
}

TEST_F(SystemTest, CarriesFramesAsTheyAre) {
  cable("v0");
  const auto near = open("v0"), far = open("v0x");
  for (const std::size_t size : {14UL, 60UL, 1514UL}) {
    SCOPED_TRACE(size);
    send(*near, sample(size));
    const auto frames = receive(*far);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames.front(), sample(size));
  }
  EXPECT_EQ(near->counters().tx_packets, 3U);
  EXPECT_EQ(near->counters().tx_octets, 14U + 60U + 1514U);
  EXPECT_EQ(far->counters().rx_packets, 3U);
  EXPECT_EQ(far->counters().rx_octets, 14U + 60U + 1514U);
  EXPECT_TRUE(receive_now(*near).empty()) << "own frames must not come back";
  EXPECT_EQ(near->statistics().at("tx_packets"), 3U);
  EXPECT_EQ(far->statistics().size(), 14U);
}

TEST_F(SystemTest, ReceivesFramesForOthers) {
  cable("v0");
  const auto near = open("v0"), far = open("v0x");
  Frame frame = sample();
  frame.octets[0] = 0x00;  // unicast to nobody here
  send(*near, frame);
  EXPECT_EQ(receive(*far).size(), 1U);
}

TEST_F(SystemTest, KeepsTagsInPlace) {
  cable("v0");
  const auto near = open("v0"), far = open("v0x");
  const VlanTag customer{0x8100, 0xe00a}, service{0x88a8, 100};
  const std::vector<TagEdit> edits = {{0, 1, {customer}},
                                      {0, 1, {service}},
                                      {0, 2, {service, customer}},
                                      {0, 1, {VlanTag{0x8100, 0}}}};
  for (const TagEdit& edit : edits) {
    send(*near, sample(), edit);
    const auto frames = receive(*far);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames.front(), apply(sample().view(), edit));
  }
  const Frame tagged = apply(sample().view(), edits[2]);
  send(*near, tagged, TagEdit{1, 1, {VlanTag{0x8100, 5}}});
  const auto frames = receive(*far);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames.front(), apply(tagged.view(), TagEdit{1, 1, {VlanTag{0x8100, 5}}}));
}

TEST_F(SystemTest, SendsManyFramesInOrder) {
  cable("v0");
  const auto near = open("v0"), far = open("v0x");
  const auto queue = near->open_send_queue();
  std::vector<Frame> sent;
  for (int i = 0; i < 200; ++i) {
    Frame frame = sample();
    frame.octets[20] = static_cast<std::uint8_t>(i);
    sent.push_back(frame);
  }
  for (const Frame& frame : sent) queue->send(frame.view(), {});
  queue->flush();
  std::vector<Frame> received;
  while (received.size() < sent.size()) {
    const auto more = receive(*far);
    ASSERT_FALSE(more.empty());
    received.insert(received.end(), more.begin(), more.end());
  }
  EXPECT_EQ(received, sent);
}

TEST_F(SystemTest, DropsATooLargeFrameAloneAndCountsIt) {
  cable("v0");
  const auto near = open("v0"), far = open("v0x");
  const Frame small = sample(), large = sample(1600), last = sample(100);
  const auto queue = near->open_send_queue();
  for (const Frame* frame : {&small, &large, &last}) queue->send(frame->view(), {});
  queue->flush();
  EXPECT_EQ(near->counters().tx_errors, 1U);
  EXPECT_EQ(receive(*far), (std::vector{small, last}));
}

TEST_F(SystemTest, DropsAndCountsWhileDown) {
  sh("ip link add v0 type veth peer name peer");
  const auto device = open("v0");
  send(*device, sample());
  EXPECT_EQ(device->counters().tx_packets, 0U);
  EXPECT_EQ(device->counters().tx_dropped, 1U);
}

TEST_F(SystemTest, ReceivesLargeFramesInTheirTurnAfterTheDeviceWasDown) {
  cable("v0");
  sh("ip link set v0 mtu 9000; ip link set v0x mtu 9000");
  const auto near = open("v0"), far = open("v0x");
  sh("ip link set v0x down; ip link set v0x up");
  for (std::uint8_t number = 0; number < 3; ++number) {
    SCOPED_TRACE(int{number});
    Frame large = sample(4000);
    large.octets[20] = number;
    send(*near, large);
    EXPECT_EQ(receive(*far), (std::vector{large}));
  }
}

TEST_F(SystemTest, IsNotReadableForeverAfterItWasDown) {
  cable("v0");
  const auto device = open("v0");
  sh("ip link set v0 down");
  receive_now(*device);
  pollfd waiting{device->poll_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);
}

TEST_F(SystemTest, HearsSlowProtocolsAndBpdusOnSocketsOfTheirOwn) {
  cable("v0");
  const auto near = open("v0");
  const unsigned end = if_nametoindex("v0x");
  auto far = ControlSocket::open(end, ControlSocket::Kind::slow_protocols);
  auto bpdus = ControlSocket::open(end, ControlSocket::Kind::bpdus);
  ASSERT_TRUE(far && bpdus);
  const auto heard = [&](ControlSocket& socket) {
    std::vector<Frame> frames;
    socket.receive(buffers_, [&](const FrameView& frame) {
      frames.push_back({{frame.octets.begin(), frame.octets.end()}, frame.offload});
    });
    return frames;
  };
  Frame slow = sample(124);
  slow.octets[12] = 0x88;
  slow.octets[13] = 0x09;
  const TagEdit tag{0, 1, {VlanTag{0x8100, 10}}};
  const TagEdit two{0, 2, {VlanTag{0x88a8, 20}, VlanTag{0x8100, 10}}};
  send(*near, sample());
  send(*near, sample(), tag);
  send(*near, slow);
  send(*near, slow, tag);
  send(*near, slow, two);
  ASSERT_TRUE(eventually([&] { return near->counters().tx_packets == 5; }));
  EXPECT_EQ(heard(*far), (std::vector{slow, apply(slow.view(), tag), apply(slow.view(), two)}));
  EXPECT_TRUE(heard(*bpdus).empty());

  const auto to = [](std::uint64_t destination) {
    Frame frame = sample();
    const auto octets = MacAddress::from_number(destination).octets();
    std::ranges::copy(octets, frame.octets.begin());
    return frame;
  };
  const Frame bpdu = to(0x0180'c200'0000);
  for (const std::uint64_t other : {0x0180'c200'000eu, 0x0180'c201'0000u, 0x0280'c200'0000u}) {
    send(*near, to(other));
  }
  send(*near, bpdu);
  send(*near, bpdu, tag);
  std::ranges::copy(std::array{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}, slow.octets.begin());
  send(*near, slow);
  send(*near, slow, two);
  ASSERT_TRUE(eventually([&] { return near->counters().tx_packets == 12; }));
  EXPECT_EQ(heard(*bpdus), (std::vector{bpdu, apply(bpdu.view(), tag)}));
  EXPECT_EQ(heard(*far), (std::vector{slow, apply(slow.view(), two)}));

  ASSERT_TRUE(far->send(slow.view()));
  EXPECT_EQ(receive(*near), std::vector{slow});
  EXPECT_TRUE(heard(*far).empty() && heard(*bpdus).empty()) << "own frames must not come back";
  sh("ip link set v0x down");
  EXPECT_EQ(far->send(slow.view()).error().message, "Network is down");
}

TEST_F(SystemTest, SurvivesWhateverHappensToTheDeviceUnderLoad) {
  const Namespace elsewhere;
  const auto add = [] {
    sh("ip link add v0 type veth peer name v0x; ip link set v0x up; ip link set v0 up");
  };
  const std::vector<std::string> events = {"ip link set v0 down",
                                           "ip link set v0 up",
                                           "ip link set v0x down; ip link set v0x up",
                                           "ip link set v0 mtu 900",
                                           "ip link set v0 mtu 9000",
                                           "ip link set v0 address 02:00:00:00:00:09",
                                           "ip link del v0",
                                           "ip link set v0 name w0; ip link del w0",
                                           "ip link del v0x",
                                           "ip link set v0 netns " + elsewhere.path()};
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  std::mt19937 random(4);
  add();
  Links links;
  const auto files = open_files();
  for (int round = 0; round < 10; ++round) {
    auto device = open("v0"), peer = open("v0x");
    std::atomic<bool> stop = false;
    std::thread worker([&] {
      FrameBuffers buffers;
      const auto queue = device->open_send_queue(), back = peer->open_send_queue();
      const Frame frame = sample(800);
      while (!stop) {
        for (int i = 0; i < 40; ++i) queue->send(frame.view(), {});
        queue->flush();
        peer->receive(buffers, [&](const FrameView& each) { back->send(each, {}); });
        back->flush();
        device->receive(buffers, [](const FrameView&) {});
      }
    });
    while (!device->gone()) {
      sh(events[random() % events.size()]);
      for (const LinkEvent& event : links.read()) {
        for (Netdev* each : {device.get(), peer.get()}) each->update(event);
      }
      device->statistics();
    }
    stop = true;
    worker.join();
    device.reset();
    peer.reset();
    EXPECT_EQ(open_files(), files);
    std::system("ip link del v0x 2>/dev/null");
    add();
    links.read();
  }
  const auto device = open("v0"), peer = open("v0x");
  send(*device, sample());
  EXPECT_EQ(receive(*peer).size(), 1U);
}

/// How the first host is connected, and whether a trunk of VLAN 10 is between the hosts' links.
struct Wiring {
  const char* name;
  bool tap, tagged, ipv6;
};

/// Two hosts that know nothing of the switch between them.
class OffloadTest : public SystemTest, public ::testing::WithParamInterface<Wiring> {
 protected:
  void SetUp() override {
    SystemTest::SetUp();
    if (IsSkipped()) return;
    left_ = GetParam().tap ? connect_by_tap() : connect(a_, "west", "westh");
    right_ = connect(b_, "east", "easth");
    if (GetParam().tagged) {
      cable("trunk");
      near_ = open("trunk");
      far_ = open("trunkx");
    }
    give_address(a_, GetParam().tap ? "west" : "westh", 1);
    give_address(b_, "easth", 2);
    worker_ = std::thread([this] { forward(); });
  }
  void TearDown() override {
    stop_ = true;
    if (worker_.joinable()) worker_.join();
    SystemTest::TearDown();
  }

  static std::unique_ptr<Netdev> connect(const Namespace& host, const std::string& near,
                                         const std::string& far) {
    sh(
        fmt::format("ip link add {0} type veth peer name {1}; ip link set {0} up;"
                    "ip link set {1} netns {2}",
                    near, far, host.path()));
    host.sh("ip link set " + far + " up");
    return open(near);
  }
  std::unique_ptr<Netdev> connect_by_tap() {
    auto tap = create_tap("west", {});
    EXPECT_TRUE(tap);
    sh("ip link set west netns " + a_.path());
    a_.sh("ip link set west up");
    return std::move(*tap);
  }
  static void give_address(const Namespace& host, const std::string& device, int number) {
    host.sh(
        fmt::format("sysctl -qw net.ipv6.conf.all.disable_ipv6=0;"
                    "ip addr add 10.0.0.{0}/24 dev {1}; ip addr add fd00::{0}/64 dev {1} nodad",
                    number, device));
  }

  /// Frames that arrive on one device leave by another.
  struct Hop {
    Netdev& from;
    std::unique_ptr<SendQueue> to;
    TagEdit edit;
  };
  std::vector<Hop> hops() {
    std::vector<Hop> hops;
    const auto add = [&](const auto& from, const auto& to, const TagEdit& edit) {
      hops.push_back({*from, to->open_send_queue(), edit});
    };
    const TagEdit push{0, 1, {VlanTag{0x8100, 10}}}, strip{1, 0, {}};
    if (!GetParam().tagged) {
      add(left_, right_, {});
      add(right_, left_, {});
      return hops;
    }
    add(left_, near_, push);
    add(far_, right_, strip);
    add(right_, far_, push);
    add(near_, left_, strip);
    return hops;
  }

  void forward() {
    FrameBuffers buffers;
    const auto hops = this->hops();
    std::vector<pollfd> waiting;
    for (const Hop& hop : hops) waiting.push_back({hop.from.poll_fd(), POLLIN, 0});
    while (!stop_) {
      poll(waiting.data(), waiting.size(), 20);
      for (const Hop& hop : hops) {
        hop.from.receive(buffers, [&](const FrameView& frame) {
          if (frame.octets.size() > 2000) large_ = true;
          const auto headers = parse_headers(frame);
          if (!headers || headers->vlan().number() != 10 * hop.edit.strip) return;
          hop.to->send(frame, hop.edit);
        });
        hop.to->flush();
      }
    }
  }

  /// The second host's address, with or without port.
  sockaddr_storage address(int port) const {
    sockaddr_storage storage{};
    if (GetParam().ipv6) {
      auto& address = reinterpret_cast<sockaddr_in6&>(storage);
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(static_cast<std::uint16_t>(port));
      inet_pton(AF_INET6, "fd00::2", &address.sin6_addr);
    } else {
      auto& address = reinterpret_cast<sockaddr_in&>(storage);
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      inet_pton(AF_INET, "10.0.0.2", &address.sin_addr);
    }
    return storage;
  }

  Namespace a_, b_;
  std::unique_ptr<Netdev> left_, right_, near_, far_;
  std::atomic<bool> stop_ = false, large_ = false;
  std::thread worker_;
};

TEST_P(OffloadTest, PassesTcpOfHostsThatLeaveChecksumsAndSegmentsToTheDevice) {
  constexpr std::size_t kSize = 8'000'000;
  constexpr std::uint16_t kPort = 5001;
  const int family = GetParam().ipv6 ? AF_INET6 : AF_INET;
  const sockaddr_storage to = address(kPort);
  const auto* where = reinterpret_cast<const sockaddr*>(&to);
  UniqueFd listener;
  b_.run([&] {
    listener = UniqueFd(socket(family, SOCK_STREAM, 0));
    ASSERT_EQ(bind(listener.get(), where, sizeof(to)), 0) << std::strerror(errno);
    ASSERT_EQ(listen(listener.get(), 1), 0);
  });
  Octets received, sent(kSize);
  for (std::size_t i = 0; i < kSize; ++i) sent[i] = static_cast<std::uint8_t>(i * 7 + i / 4096);
  std::thread server([&] {
    pollfd waiting{listener.get(), POLLIN, 0};
    if (poll(&waiting, 1, 10'000) != 1) return;
    const UniqueFd peer(accept(listener.get(), nullptr, nullptr));
    Octets buffer(65536);
    for (ssize_t size = 0; (size = recv(peer.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      received.insert(received.end(), buffer.begin(), buffer.begin() + size);
    }
  });
  a_.run([&] {
    const UniqueFd client(socket(family, SOCK_STREAM, 0));
    const timeval patience{5, 0};
    setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ASSERT_EQ(::connect(client.get(), where, sizeof(to)), 0) << std::strerror(errno);
    for (std::size_t at = 0; at < kSize;) {
      const auto size = ::send(client.get(), sent.data() + at, kSize - at, MSG_NOSIGNAL);
      ASSERT_GT(size, 0) << std::strerror(errno);
      at += static_cast<std::size_t>(size);
    }
  });
  server.join();
  EXPECT_TRUE(received == sent) << received.size() << " octets";
  EXPECT_TRUE(large_) << "the test did not see a large segment";
}

constexpr Wiring kWirings[] = {
    {"VethToVeth", false, false, false},   {"VethToVethIpv6", false, false, true},
    {"TapToVeth", true, false, false},     {"TapToVethIpv6", true, false, true},
    {"VethTrunkVeth", false, true, false}, {"TapTrunkVeth", true, true, false},
    {"TapTrunkVethIpv6", true, true, true}};
INSTANTIATE_TEST_SUITE_P(, OffloadTest, ::testing::ValuesIn(kWirings),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace bondway::netdev
