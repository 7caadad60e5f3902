#include "vswitchd/datapath/datapath.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>

#include "tests/bridge/plan_builder.hpp"
#include "tests/datapath/ethernet.hpp"
#include "vswitchd/netdev/dummy.hpp"

namespace bondway::datapath {
namespace {

using bridge::InterfaceId;
constexpr std::uint64_t kA = 0x0200'0000'000a, kB = 0x0200'0000'000b;

/// One bridge of dummy devices.
class DatapathTest : public testing::Test {
 protected:
  struct Port {
    InterfaceId id{};
    std::unique_ptr<netdev::Dummy> device;
    std::atomic<std::size_t> sent = 0;
  };

  ~DatapathTest() override {
    for (const auto& port : ports) datapath.detach(port->id);
  }

  Port& add_port(bridge::PortPlan plan = {}) { return add(builder.add_port(br0, std::move(plan))); }

  Port& add(InterfaceId id) {
    auto port = std::make_unique<Port>();
    port->id = id;
    const auto number = 0x0200'0000'1000 + static_cast<std::uint64_t>(id);
    port->device = std::make_unique<netdev::Dummy>("d", MacAddress::from_number(number));
    port->device->observe([&sent = port->sent](const FrameView&) { ++sent; });
    datapath.attach(id, *port->device);
    ports.push_back(std::move(port));
    return *ports.back();
  }

  void publish() {
    auto plan = std::make_shared<bridge::Plan>(builder.build());
    plan->generation = ++generation;
    datapath.publish(plan);
  }

  /// A frame arrives, and is dealt with when this returns.
  void arrive(Port& port, const Frame& frame) {
    port.device->inject(frame.view());
    datapath.poll(port.id);
  }

  fdb::Table& macs() { return *builder.bridge(br0).macs; }

  std::atomic<Duration::rep> now = 0;
  bridge::PlanBuilder builder;
  bridge::BridgeId br0 = builder.add_bridge();
  std::uint64_t generation = 0;
  Datapath datapath{[this] { return TimePoint(Duration(now.load())); }};
  std::vector<std::unique_ptr<Port>> ports;
};

TEST_F(DatapathTest, TakesTheKnownWayFromTheSecondFrameOn) {
  Port& a = add_port();
  Port& b = add_port();
  publish();
  arrive(a, ethernet(kA, kB));
  arrive(b, ethernet(kB, kA));
  EXPECT_EQ(datapath.frames().cached, 0u);
  for (int i = 0; i < 10; ++i) arrive(a, ethernet(kA, kB));
  EXPECT_EQ(datapath.frames().decided, 3u) << "both taught the bridge something";
  EXPECT_EQ(datapath.frames().cached, 9u);
  EXPECT_EQ(b.sent, 11u);
  ASSERT_EQ(datapath.view().size(), 1u);
  ASSERT_EQ(datapath.view()[0].flows.size(), 1u);
  EXPECT_EQ(datapath.view()[0].flows[0].packets, 10u);
  EXPECT_EQ(datapath.view()[0].flows[0].octets, 600u);
}

TEST_F(DatapathTest, KeepsAddressesInUseFromAgeing) {
  Port& a = add_port();
  Port& b = add_port();
  publish();
  arrive(b, ethernet(kB, kA));
  for (int i = 0; i < 10; ++i) {
    now += Duration(100s).count();
    arrive(a, ethernet(kA, kB));
    datapath.exclusively([&] { macs().expire(TimePoint(Duration(now.load()))); });
  }
  EXPECT_GT(datapath.frames().cached, 0u);
  datapath.exclusively([&] {
    EXPECT_TRUE(macs().lookup(MacAddress::from_number(kA), VlanId(), TimePoint()));
    EXPECT_FALSE(macs().lookup(MacAddress::from_number(kB), VlanId(), TimePoint())) << "silent";
  });
}

TEST_F(DatapathTest, FollowsAStationThatMoves) {
  Port& a = add_port();
  Port& b = add_port();
  Port& c = add_port();
  publish();
  arrive(b, ethernet(kB, kA));
  for (int i = 0; i < 5; ++i) arrive(a, ethernet(kA, kB));
  const std::size_t at_c = c.sent;
  arrive(c, ethernet(kB, kA));
  for (int i = 0; i < 5; ++i) arrive(a, ethernet(kA, kB));
  EXPECT_EQ(c.sent, at_c + 5);
}

TEST_F(DatapathTest, ForgetsKnownWaysWithThePlan) {
  Port& a = add_port();
  Port& b = add_port();
  publish();
  arrive(b, ethernet(kB, kA));
  for (int i = 0; i < 5; ++i) arrive(a, ethernet(kA, kB));
  const std::size_t before = b.sent;
  builder.bridge(br0).secure = true;
  publish();
  for (int i = 0; i < 5; ++i) arrive(a, ethernet(kA, kB));
  EXPECT_EQ(b.sent, before);
  EXPECT_TRUE(datapath.view()[0].flows.empty() || datapath.view()[0].flows[0].journey.sent.empty());
}

TEST_F(DatapathTest, CountsABondsBucketsForEveryFrame) {
  Port& a = add_port();
  bond::OutputTable table;
  table.mode = bond::Mode::balance_slb;
  table.spread = bond::OutputTable::Spread::slb_buckets;
  table.active = bond::MemberIndex{0};
  table.members = {{bond::MemberId{0}, true, true}, {bond::MemberId{1}, true, true}};
  table.buckets.fill(bond::MemberIndex{1});
  const auto members = builder.add_bond(br0, table);
  add(members[0]);
  Port& second = add(members[1]);
  publish();
  for (int i = 0; i < 10; ++i) arrive(a, ethernet(kA, kB));
  EXPECT_EQ(second.sent, 10u);
  std::uint64_t octets = 0;
  datapath.exclusively([&] {
    const auto& port = builder.bridge(br0).ports.back();
    for (const std::uint64_t bucket : port->load->octets) octets += bucket;
  });
  EXPECT_EQ(octets, 600u) << "of known ways, too";
}

TEST_F(DatapathTest, LooksAtPortsBehindABalanceTcpBond) {
  Port& a = add_port();
  bond::OutputTable table;
  table.mode = bond::Mode::balance_tcp;
  table.spread = bond::OutputTable::Spread::tcp_buckets;
  table.lacp_status = bond::LacpStatus::negotiated;
  table.members = {{bond::MemberId{0}, true, true}, {bond::MemberId{1}, true, true}};
  for (std::size_t i = 0; i < table.buckets.size(); ++i) {
    table.buckets[i] = bond::MemberIndex{static_cast<std::uint16_t>(i % 2)};
  }
  const auto members = builder.add_bond(br0, table);
  Port& first = add(members[0]);
  Port& second = add(members[1]);
  publish();
  Frame udp = ethernet(kA, kB);
  udp.octets[12] = 0x08;
  udp.octets[13] = 0x00;
  udp.octets[14] = 0x45;
  udp.octets[17] = 46;
  udp.octets[23] = 17;
  for (int round = 0; round < 3; ++round) {
    for (std::uint8_t port = 0; port < 64; ++port) {
      udp.octets[35] = port;
      arrive(a, udp);
    }
  }
  EXPECT_EQ(first.sent + second.sent, 192u);
  EXPECT_GT(first.sent, 48u);
  EXPECT_GT(second.sent, 48u);
  EXPECT_EQ(first.sent % 3, 0u) << "each flow stays with its member";
  EXPECT_GE(datapath.frames().cached, 120u);
}

/// A device without a carrier, of which nobody has told us yet.
class Refusing final : public netdev::Netdev {
 public:
  int poll_fd() const override { return event_.get(); }
  std::size_t receive(netdev::FrameBuffers&, netdev::FrameSink) override { return 0; }
  std::unique_ptr<netdev::SendQueue> open_send_queue() override {
    class Queue final : public netdev::SendQueue {
     public:
      explicit Queue(netdev::Counters& counters) : counters_(counters) {}
      void send(const FrameView&, const TagEdit&) override { ++counters_.tx_dropped; }
      void flush() override {}

     private:
      netdev::Counters& counters_;
    };
    return std::make_unique<Queue>(counters_);
  }
  bool update(const netdev::LinkEvent&) override { return false; }
  netdev::Statistics statistics() const override { return {}; }
  Result<void> set_mac(const MacAddress&) override { return {}; }
  Result<void> set_mtu(int) override { return {}; }

 private:
  netdev::UniqueFd event_{::eventfd(0, EFD_CLOEXEC)};
};

TEST_F(DatapathTest, ReportsADeviceThatDoesNotSendButNotWithEveryFrame) {
  Port& a = add_port();
  Refusing device;
  const InterfaceId refusing = builder.add_port(br0);
  datapath.attach(refusing, device);
  publish();
  for (int i = 0; i < 10; ++i) arrive(a, ethernet(kA, kB));
  pollfd waiting{datapath.control_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 1);
  EXPECT_EQ(datapath.take_news().refused, std::set{refusing});
  arrive(a, ethernet(kA, kB));
  EXPECT_TRUE(datapath.take_news().refused.empty()) << "no time has passed";
  now += Duration(50ms).count();
  arrive(a, ethernet(kA, kB));
  EXPECT_EQ(datapath.take_news().refused, std::set{refusing});
  datapath.detach(refusing);
}

TEST_F(DatapathTest, GoesOnWithTheWorkersThatThereAreDescriptorsFor) {
  Port& a = add_port();
  Port& b = add_port();
  publish();
  ASSERT_TRUE(datapath.set_workers(2));
  arrive(b, ethernet(kB, kA));
  const std::uint64_t carried = datapath.forwarded();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  try {  // a sanitizer looks at the types of an error once, and needs descriptors for that
    throw std::system_error(EMFILE, std::generic_category());
  } catch (const std::exception& error) {
    ASSERT_FALSE(fmt::format("{}", error.what()).empty());
  }
  const int free = dup(0);
  close(free);
  const rlimit tight{static_cast<rlim_t>(free) + 3, limit.rlim_max};  // a worker has two
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  const auto set = datapath.set_workers(30);
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_FALSE(set);
  EXPECT_EQ(datapath.view().size(), 3u) << set.error().message;
  EXPECT_EQ(datapath.forwarded(), carried);
  arrive(a, ethernet(kA, kB));
  EXPECT_EQ(b.sent, 1u);
  EXPECT_TRUE(datapath.set_workers(1));
  arrive(a, ethernet(kA, kB));
  EXPECT_EQ(b.sent, 2u);
  EXPECT_EQ(datapath.forwarded(), carried + 2);
}

/// Frames, plans, questions and the number of workers change all at once.  For ThreadSanitizer.
TEST_F(DatapathTest, CarriesEveryFrameWhateverTheControlThreadDoes) {
  constexpr int kPorts = 4, kFrames = 4000;
  for (int i = 0; i < kPorts; ++i) add_port();
  publish();
  ASSERT_TRUE(datapath.set_workers(3));
  for (int i = 0; i < kPorts; ++i) {  // everybody is known
    arrive(*ports[static_cast<std::size_t>(i)], ethernet(kA + static_cast<unsigned>(i), kB + 100));
  }
  std::atomic<int> left = kPorts;
  std::vector<std::thread> senders;
  for (int i = 0; i < kPorts; ++i) {
    senders.emplace_back([&, i] {
      netdev::Dummy& device = *ports[static_cast<std::size_t>(i)]->device;
      for (int sent = 0; sent < kFrames; ++sent) {
        const auto to = kA + static_cast<unsigned>((i + 1 + sent % (kPorts - 1)) % kPorts);
        device.inject(ethernet(kA + static_cast<unsigned>(i), to).view());
        if (sent % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      --left;
    });
  }
  for (std::size_t round = 0; left > 0; ++round) {
    if (round % 7 == 0) publish();
    if (round % 50 == 0) {
      EXPECT_TRUE(datapath.set_workers(1 + round / 50 % 4));
    }
    datapath.exclusively([&] { macs().expire(TimePoint()); });
    datapath.poll(ports[round % kPorts]->id);
    (void)datapath.view();
    (void)datapath.frames();
  }
  for (std::thread& sender : senders) sender.join();
  for (const auto& port : ports) {
    for (int i = 0; i < kFrames / 16; ++i) datapath.poll(port->id);  // what may still wait
  }
  std::size_t dropped = 0, delivered = 0;
  for (const auto& port : ports) {
    dropped += port->device->counters().rx_dropped;
    delivered += port->sent;
  }
  EXPECT_EQ(delivered + dropped, std::size_t{kPorts} * (kFrames + kPorts - 1)) << dropped;
  const auto frames = datapath.frames();
  EXPECT_EQ(frames.cached + frames.decided + dropped, std::size_t{kPorts} * (kFrames + 1));
}

}  // namespace
}  // namespace bondway::datapath
