#include "vswitchd/netdev/tap.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/netdev/lab.hpp"

namespace bondway::netdev {
namespace {

class TapTest : public LabTest {
 protected:
  std::unique_ptr<Netdev> make(const std::string& name,
                               const std::optional<MacAddress>& mac = std::nullopt) {
    auto tap = create_tap(name, mac);
    EXPECT_TRUE(tap) << tap.error().message;
    return std::move(*tap);
  }

  /// Frames of the sample's EtherType: hosts talk of other things by themselves.
  std::vector<Frame> samples(Netdev& device) {
    auto frames = receive(device);
    std::erase_if(frames, [](const Frame& frame) {
      const auto headers = parse_headers(frame.view());
      return !headers || headers->type != EtherType{0x88b5};
    });
    return frames;
  }
};

TEST_F(TapTest, IsBornDownWithALocalAddress) {
  const auto tap = make("int0");
  EXPECT_EQ(tap->state().name, "int0");
  EXPECT_EQ(tap->state().mtu, 1500);
  EXPECT_FALSE(tap->state().admin_up);
  EXPECT_FALSE(tap->state().link_up());
  EXPECT_TRUE(tap->state().mac.is_local());
  EXPECT_FALSE(tap->state().mac.is_multicast());
  EXPECT_GT(tap->state().ifindex, 0U);
  EXPECT_EQ(tap->state().driver_name, "tun");
  EXPECT_EQ(tap->state().driver_version, "1.6");
}

TEST_F(TapTest, VanishesWhenClosed) {
  make("int0").reset();
  EXPECT_EQ(Links().find("int0"), nullptr);
}

TEST_F(TapTest, ManyVanishTogether) {
  TapRemover remover;
  constexpr int kTaps = 70;
  {
    std::vector<std::unique_ptr<Netdev>> taps;
    for (int i = 0; i < kTaps; ++i) {
      auto tap = create_tap(fmt::format("int{}", i), std::nullopt, &remover);
      ASSERT_TRUE(tap) << tap.error().message;
      taps.push_back(std::move(*tap));
    }
  }
  const auto stays = make("stays");
  const Links before;
  EXPECT_NE(before.find("int0"), nullptr) << "it waits for the others";
  EXPECT_TRUE(remover.holds("int0"));
  int rounds = 0;
  while (remover.remove_some()) ++rounds;
  EXPECT_EQ(rounds, 3);
  const Links after;
  for (int i = 0; i < kTaps; ++i) EXPECT_EQ(after.find(fmt::format("int{}", i)), nullptr) << i;
  EXPECT_NE(after.find("stays"), nullptr);
  EXPECT_FALSE(remover.holds("int0"));
}

TEST_F(TapTest, WhatHasTakenTheNumberOrNameOfARemovedOneStays) {
  TapRemover remover;
  const Namespace elsewhere;
  std::string index;
  {
    const auto moved = create_tap("moved", std::nullopt, &remover);
    const auto renamed = create_tap("renamed", std::nullopt, &remover);
    const auto third = create_tap("third", std::nullopt, &remover);
    ASSERT_TRUE(moved && renamed && third);
    index = std::to_string((*moved)->state().ifindex);
    sh("ip link set moved netns " + elsewhere.path());
    sh("ip link set renamed name other");
  }
  sh("ip link add moved type bridge; ip link add renamed index " + index + " type bridge");
  remover.remove_all();
  Links links;
  EXPECT_NE(links.find("moved"), nullptr);
  EXPECT_NE(links.find("renamed"), nullptr);
  for (const char* gone : {"third", "other"}) EXPECT_EQ(links.find(gone), nullptr) << gone;
  elsewhere.sh("! ip link show moved 2>/dev/null");
}

TEST_F(TapTest, TakesAddressAndMtu) {
  const auto mac = MacAddress::from_number(0x020000000042);
  const auto tap = make("int0", mac);
  EXPECT_EQ(tap->state().mac, mac);
  const auto other = MacAddress::from_number(0x020000000043);
  ASSERT_TRUE(tap->set_mac(other));
  ASSERT_TRUE(tap->set_mtu(9000));
  EXPECT_EQ(tap->state().mtu, 9000);
  const Links links;
  EXPECT_EQ(links.find("int0")->mac, other);
  EXPECT_EQ(links.find("int0")->mtu, 9000);
  EXPECT_EQ(tap->set_mtu(0).error().message, "Invalid argument");
  EXPECT_FALSE(tap->set_mtu(1'000'000));
  EXPECT_EQ(tap->state().mtu, 9000);
  EXPECT_FALSE(tap->set_mac(kBroadcastMac));
}

TEST_F(TapTest, RefusesANameThatIsTakenOrImpossible) {
  const auto tap = make("int0");
  EXPECT_EQ(create_tap("int0", {}).error().message, "File exists");
  EXPECT_EQ(create_tap("lo", {}).error().message, "File exists");
  for (const char* name : {"", "a/b", "a b", ".", "..", "sixteen-letters-", "tap%d", "a:b"}) {
    const auto refused = create_tap(name, {});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().message, "Invalid argument") << name;
  }
}

TEST_F(TapTest, CarriesFramesBothWays) {
  const auto tap = make("int0");
  Links links;
  sh("ip addr add 10.0.0.1/24 dev int0; ip link set int0 up");
  ASSERT_TRUE(eventually([&] {
    update(links, *tap);
    return tap->state().link_up();
  }));
  // The host asks for its neighbour, and so shows that its frames arrive here...
  std::system("ping -c1 -W1 10.0.0.2 >/dev/null &");
  const auto asked = receive(*tap);
  ASSERT_FALSE(asked.empty());
  const auto headers = parse_headers(asked.front().view());
  EXPECT_EQ(headers->type, kArpType);
  EXPECT_EQ(headers->source, tap->state().mac);
  EXPECT_EQ(tap->counters().rx_packets, asked.size());
  EXPECT_EQ(tap->counters().rx_octets, 42U);
  // ... and a frame sent here arrives there.
  send(*tap, sample());
  EXPECT_EQ(tap->counters().tx_packets, 1U);
  EXPECT_EQ(tap->counters().tx_octets, 60U);
  EXPECT_EQ(tap->statistics().at("tx_packets"), 1U);
  EXPECT_EQ(tap->statistics().at("tx_bytes"), 60U);
  EXPECT_EQ(tap->statistics().at("rx_packets"), asked.size());
}

TEST_F(TapTest, DropsAndCountsWhileDown) {
  const auto tap = make("int0");
  send(*tap, sample());
  EXPECT_EQ(tap->counters().tx_packets, 0U);
  EXPECT_EQ(tap->counters().tx_dropped, 1U);
}

TEST_F(TapTest, GoesOnWorkingInAnotherNamespace) {
  const Namespace host;
  const auto tap = make("int0");
  Links links;
  sh("ip link set int0 netns " + host.path());
  host.sh("ip addr add 10.0.0.1/24 dev int0; ip link set int0 up");
  EXPECT_TRUE(eventually([&] {
    update(links, *tap);
    return tap->state().link_up();
  }));
  send(*tap, sample());
  EXPECT_EQ(tap->counters().tx_packets, 1U);
  EXPECT_EQ(tap->statistics().at("tx_packets"), 1U);
  ASSERT_TRUE(tap->set_mtu(1400));
  host.sh("ip link show int0 | grep -q 'mtu 1400'");
  EXPECT_FALSE(tap->gone());

  host.sh(fmt::format("ip link set int0 netns {}", getpid()));
  EXPECT_TRUE(eventually([&] {
    update(links, *tap);
    const Link* home = links.find("int0");
    return home != nullptr && tap->state().ifindex == home->ifindex && !tap->state().admin_up;
  }));
}

TEST_F(TapTest, IsGoneWhenSomebodyDeletesIt) {
  const auto tap = make("int0");
  Links links;
  sh("ip link del int0");
  EXPECT_TRUE(receive_now(*tap).empty());
  EXPECT_TRUE(tap->gone());
  update(links, *tap);
  send(*tap, sample());
  EXPECT_EQ(tap->counters().tx_dropped, 1U);
  EXPECT_TRUE(tap->statistics().empty());
}

TEST_F(TapTest, EditsTagsOnTheWayOut) {
  const Namespace host;
  const auto tap = make("int0"), other = make("int1");
  sh("ip link add bridge0 type bridge forward_delay 0; ip link set int0 master bridge0;"
     "ip link set int1 master bridge0; ip link set bridge0 up; ip link set int0 up; ip link set "
     "int1 up");
  ASSERT_TRUE(eventually(
      [] { return std::system("bridge link show dev int1 | grep -q forwarding") == 0; }));
  const Frame plain = sample();
  send(*tap, plain, TagEdit{0, 1, {VlanTag{0x8100, 0x200a}}});
  auto frames = samples(*other);
  EXPECT_EQ(frames, std::vector{apply(plain.view(), TagEdit{0, 1, {VlanTag{0x8100, 0x200a}}})});
  send(*tap, apply(plain.view(), TagEdit{0, 1, {VlanTag{0x8100, 7}}}), TagEdit{1, 0, {}});
  frames = samples(*other);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames.front(), plain);
}

}  // namespace
}  // namespace bondway::netdev
