#include "vswitchd/stp/spanning_tree.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/stp/network.hpp"

namespace bondway::stp {
namespace {

// Clauses are those of IEEE 802.1D-1998.

class SpanningTreeTest : public testing::Test {
 protected:
  Network network;
};

TEST_F(SpanningTreeTest, ALoneBridgeIsTheRootAndForwardsAfterTwoForwardDelays) {  // 8.4
  const auto bridge = network.add_bridge();
  const Handle port = network.add_port(bridge);
  EXPECT_TRUE(network.bridges[0]->is_root());
  EXPECT_EQ(network.state(bridge, port), State::listening);
  EXPECT_EQ(network.role(bridge, port), Role::designated);
  network.advance(15s - 1ms);
  EXPECT_EQ(network.state(bridge, port), State::listening);
  network.advance(1ms);
  EXPECT_EQ(network.state(bridge, port), State::learning);
  network.advance(15s);
  EXPECT_EQ(network.state(bridge, port), State::forwarding);
}

TEST_F(SpanningTreeTest, TheLowestIdentifierBecomesTheRoot) {  // 8.3.2
  network.add_bridge();
  network.add_bridge();
  network.add_bridge(4096);
  network.connect(0, 1);
  network.connect(1, 2);
  network.advance(4s);
  EXPECT_TRUE(network.bridges[2]->is_root());
  EXPECT_FALSE(network.bridges[0]->is_root());
  EXPECT_EQ(network.bridges[0]->root_path_cost(), 4u);
}

TEST_F(SpanningTreeTest, ARingOfThreeBlocksOnePort) {  // 8.3
  for (int i = 0; i < 3; ++i) network.add_bridge();
  network.connect(0, 1);
  const auto [left, right] = network.connect(1, 2);
  network.connect(2, 0);
  network.advance(31s);
  EXPECT_TRUE(network.is_tree());
  EXPECT_EQ(network.state(2, right), State::blocking);
  EXPECT_EQ(network.role(2, right), Role::alternate);
  EXPECT_EQ(network.role(1, left), Role::designated) << "the better bridge at equal cost";
}

TEST_F(SpanningTreeTest, TheCheaperPathBecomesTheRootPort) {  // 8.6.8
  for (int i = 0; i < 3; ++i) network.add_bridge();
  const auto direct = network.connect(0, 2, 100).second;
  network.connect(0, 1, 19);
  const auto around = network.connect(1, 2, 19).second;
  network.advance(31s);
  EXPECT_EQ(network.role(2, around), Role::root);
  EXPECT_EQ(network.role(2, direct), Role::alternate);
}

TEST_F(SpanningTreeTest, OfParallelWiresTheLowerPortForwards) {  // 8.6.8
  network.add_bridge();
  network.add_bridge();
  const auto first = network.connect(0, 1), second = network.connect(0, 1);
  network.advance(31s);
  EXPECT_EQ(network.state(1, first.second), State::forwarding);
  EXPECT_EQ(network.state(1, second.second), State::blocking);
  EXPECT_EQ(network.state(0, second.first), State::forwarding);
}

TEST_F(SpanningTreeTest, AWireThatGoesDownIsReplaced) {  // 8.8.3
  for (int i = 0; i < 3; ++i) network.add_bridge();
  const auto wire = network.connect(0, 1);
  network.connect(1, 2);
  network.connect(2, 0);
  network.advance(40s);
  network.set_link(0, wire.first, Link::down);
  network.set_link(1, wire.second, Link::down);
  EXPECT_EQ(network.role(1, wire.second), Role::designated);
  network.advance(60s);
  EXPECT_TRUE(network.is_tree());
  EXPECT_EQ(network.bridges[1]->root_path_cost(), 4u);
}

TEST_F(SpanningTreeTest, ASilentRootIsForgottenAfterMaxAge) {  // 8.7.4
  network.add_bridge();
  network.add_bridge();
  const auto wire = network.connect(0, 1);
  network.advance(31s);
  network.lose(0, wire.first);
  network.advance(18s - 1ms);  // the last one came at most two seconds ago
  EXPECT_FALSE(network.bridges[1]->is_root());
  network.advance(3s);
  EXPECT_TRUE(network.bridges[1]->is_root());
}

TEST_F(SpanningTreeTest, AChangeOfTopologyMakesEveryBridgeForget) {  // 8.6.14, 8.7.2
  for (int i = 0; i < 4; ++i) network.add_bridge();
  network.connect(0, 1);
  network.connect(1, 2);
  network.connect(2, 3);
  const Handle host = network.add_port(3);
  network.advance(100s);
  network.flushes.clear();
  network.set_link(3, host, Link::down);
  network.set_link(3, host, Link::up);
  network.advance(30s);
  ASSERT_EQ(network.state(3, host), State::forwarding);
  network.advance(3s);
  for (std::size_t bridge = 0; bridge < 4; ++bridge) {
    EXPECT_GE(network.flushes[bridge], 1) << "bridge " << bridge;
  }
  network.advance(35s);  // in which the root speaks of it
  network.flushes.clear();
  network.advance(100s);
  EXPECT_EQ(network.flushes.size(), 0u) << "it was acknowledged and is over";
}

/// As the reference does.
TEST_F(SpanningTreeTest, ForgetsWheneverAPortBeginsOrCeasesToLearnOrToForward) {
  network.add_bridge();
  const auto forgets = [&] { return std::exchange(network.flushes, {}).contains(0); };
  const Handle port = network.add_port(0);
  network.advance(14s);
  EXPECT_FALSE(forgets()) << "listening";
  network.advance(2s);
  EXPECT_TRUE(forgets()) << "learning";
  network.set_link(0, port, Link::down);
  EXPECT_TRUE(forgets()) << "no longer learning";
  network.set_link(0, port, Link::up);
  network.advance(1s);
  network.set_link(0, port, Link::down);
  EXPECT_FALSE(forgets()) << "no longer listening";
  network.set_link(0, port, Link::up);
  network.advance(29s);
  EXPECT_TRUE(forgets()) << "learning";
  network.advance(2s);
  EXPECT_TRUE(forgets()) << "forwarding";
  network.remove_port(0, port);
  EXPECT_TRUE(forgets()) << "gone";
}

/// As the reference does, where the standard has a short ageing time meanwhile.
TEST_F(SpanningTreeTest, ForgetsAtEachWordOfAChangeFromTheRoot) {
  network.add_bridge();
  const Handle port = network.add_port(0);
  network.advance(31s);
  ConfigBpdu bpdu;
  bpdu.root = bpdu.bridge = {0, MacAddress::from_number(0x0200'0000'0009)};
  const auto forgets_after = [&](bool change) {
    network.flushes.clear();
    bpdu.topology_change = change;
    network.receive(0, port, encode(Bpdu(bpdu), MacAddress()));
    return network.flushes.contains(0);
  };
  forgets_after(false);  // another port state, maybe
  EXPECT_FALSE(forgets_after(false));
  EXPECT_TRUE(forgets_after(true));
  EXPECT_TRUE(forgets_after(true));
  EXPECT_FALSE(forgets_after(false));
}

TEST_F(SpanningTreeTest, SendsNoMoreThanOneConfigurationASecond) {  // 8.6.1, 8.10.2 hold time
  network.add_bridge();
  network.add_bridge();
  const auto wire = network.connect(0, 1);
  network.advance(10s);
  const auto before = network.bridges[0]->ports().at(wire.first).counts.sent;
  ConfigBpdu inferior;
  inferior.root = inferior.bridge = {65535, MacAddress::from_number(0x0200'0000'00ff)};
  const auto frame = encode(inferior, MacAddress());
  for (int i = 0; i < 100; ++i) network.bridges[0]->receive(wire.first, frame, network.now);
  network.advance(1s);
  EXPECT_LE(network.bridges[0]->ports().at(wire.first).counts.sent - before, 2u);
}

TEST_F(SpanningTreeTest, TheRootsTimesAreInForce) {  // 8.6.3
  BridgeConfig config;
  config.id = {100, MacAddress::from_number(0x0200'0000'0000)};
  config.max_age = 10s;
  config.hello_time = 1s;
  config.forward_delay = 7s;
  network.bridges.push_back(std::make_unique<SpanningTree>(config, network.now));
  network.add_bridge();
  network.connect(0, 1);
  network.advance(2s);
  EXPECT_EQ(network.bridges[1]->max_age(), 10s);
  EXPECT_EQ(network.bridges[1]->hello_time(), 1s);
  EXPECT_EQ(network.bridges[1]->forward_delay(), 7s);
}

TEST_F(SpanningTreeTest, IgnoresItsOwnAndOldMessages) {  // 9.3.4
  network.add_bridge();
  const Handle port = network.add_port(0);
  ConfigBpdu bpdu;
  bpdu.root = bpdu.bridge = {0, MacAddress::from_number(0x0200'0000'00aa)};
  bpdu.message_age = bpdu.max_age;
  network.bridges[0]->receive(port, encode(bpdu, MacAddress()), network.now);
  EXPECT_TRUE(network.bridges[0]->is_root()) << "as old as it may not become";
  bpdu.message_age = {};
  bpdu.bridge = network.bridges[0]->config().id;
  bpdu.port = network.bridges[0]->ports().at(port).config.id();
  network.bridges[0]->receive(port, encode(bpdu, MacAddress()), network.now);
  EXPECT_TRUE(network.bridges[0]->is_root()) << "our own, come back";
}

TEST_F(SpanningTreeTest, CountsWhatIsNoBpdu) {
  network.add_bridge();
  const Handle port = network.add_port(0);
  network.bridges[0]->receive(port, std::vector<std::uint8_t>(60), network.now);
  EXPECT_EQ(network.bridges[0]->ports().at(port).counts.errors, 1u);
  EXPECT_EQ(network.bridges[0]->ports().at(port).counts.received, 0u);
}

TEST(RandomSpanningTrees, ConvergeAndNeverLoop) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    Network network;
    const std::size_t bridges = 2 + below(6);
    for (std::size_t i = 0; i < bridges; ++i) {
      network.add_bridge(static_cast<std::uint16_t>(4096 * below(4)));
      if (i > 0) network.connect(below(i), i, static_cast<std::uint16_t>(1 + below(20)));
    }
    for (std::size_t extra = below(6); extra > 0; --extra) {
      const std::size_t a = below(bridges), b = below(bridges);
      if (a != b) network.connect(a, b, static_cast<std::uint16_t>(1 + below(20)));
    }
    for (int second = 0; second < 70; ++second) {
      network.advance(1s);
      ASSERT_FALSE(network.has_loop()) << "after " << second << " s";
    }
    EXPECT_TRUE(network.is_tree());
  }
}

}  // namespace
}  // namespace bondway::stp
