#include "vswitchd/rstp/rapid_tree.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/rstp/network.hpp"

namespace bondway::rstp {
namespace {

// Clauses are those of IEEE 802.1D-2004.

class RapidTreeTest : public testing::Test {
 protected:
  Network network;
};

TEST_F(RapidTreeTest, AWireForwardsAtOnceAfterProposalAndAgreement) {  // 17.29.2, 17.29.3
  network.add_bridge();
  network.add_bridge();
  const auto [left, right] = network.connect(0, 1);
  network.advance(10ms);
  EXPECT_EQ(network.port(left).role, Role::designated);
  EXPECT_EQ(network.port(right).role, Role::root);
  EXPECT_TRUE(network.is_tree());
  EXPECT_TRUE(network.bridges[0].rapid->is_root());
  EXPECT_EQ(network.bridges[1].rapid->root_priority().cost, 2000u);
}

TEST_F(RapidTreeTest, APortWithoutNeighbourTurnsOutToBeAnEdge) {  // 17.25
  network.add_bridge();
  const auto port = network.add_port(0);
  network.advance(3s - 1ms);
  EXPECT_FALSE(network.forwards(port));
  network.advance(2ms);
  EXPECT_TRUE(network.port(port).oper_edge);
  EXPECT_TRUE(network.forwards(port));
}

TEST_F(RapidTreeTest, ARingBlocksOnePortAndReplacesALostWireAtOnce) {  // 17.29.2 REROOT
  for (int i = 0; i < 3; ++i) network.add_bridge();
  const auto first = network.connect(0, 1);
  const auto [left, right] = network.connect(1, 2);
  network.connect(2, 0);
  network.advance(10s);
  EXPECT_TRUE(network.is_tree());
  EXPECT_EQ(network.port(right).role, Role::alternate);
  EXPECT_EQ(network.port(left).role, Role::designated);
  network.set_link(first, Link::down);
  network.advance(500ms);
  EXPECT_EQ(network.port(first.second).role, Role::disabled);
  EXPECT_TRUE(network.is_tree());
}

TEST_F(RapidTreeTest, APortThatHearsItsOwnBridgeIsABackup) {  // 17.28
  network.add_bridge();
  const auto first = network.add_port(0), second = network.add_port(0);
  network.wires = {{first, second}, {second, first}};
  network.advance(30s);
  EXPECT_EQ(network.port(first).role, Role::designated);
  EXPECT_EQ(network.port(second).role, Role::backup);
  EXPECT_FALSE(network.forwards(second));
}

TEST_F(RapidTreeTest, ASilentRootIsForgottenAfterThreeHellos) {  // 17.27 AGED
  network.add_bridge();
  network.add_bridge();
  network.connect(0, 1);
  network.advance(10s);
  network.wires.clear();
  network.advance(3900ms);
  EXPECT_FALSE(network.bridges[1].rapid->is_root());
  network.advance(2200ms);
  EXPECT_TRUE(network.bridges[1].rapid->is_root());
}

TEST_F(RapidTreeTest, AChangeOfTopologyFlushesAndIsOver) {  // 17.31
  for (int i = 0; i < 3; ++i) network.add_bridge();
  const auto first = network.connect(0, 1);
  network.connect(1, 2);
  network.connect(2, 0);
  network.advance(30s);
  network.flushes = 0;
  network.advance(60s);
  EXPECT_EQ(network.flushes, 0);
  network.set_link(first, Link::down);
  network.advance(10s);
  EXPECT_GT(network.flushes, 0);
}

TEST_F(RapidTreeTest, SendsNoMoreThanTheHoldCountAtOnce) {  // 17.26
  network.add_bridge();
  const auto port = network.add_port(0);
  network.advance(10s);
  const auto before = network.port(port).sent;
  stp::ConfigBpdu inferior;
  inferior.root = inferior.bridge = {65535, MacAddress::from_number(0x0200'0000'00ff)};
  const auto frame = stp::encode(stp::Bpdu(inferior), MacAddress());
  for (int i = 0; i < 100; ++i) network.deliver(port, frame);
  EXPECT_GT(network.port(port).sent, before);
  EXPECT_LE(network.port(port).sent - before, 6u);
}

TEST_F(RapidTreeTest, FallsBackForAnOlderBridge) {  // 17.24
  network.add_bridge();
  network.add_older_bridge();
  network.add_bridge();
  const auto [left, right] = network.connect(0, 1);
  network.connect(1, 2);
  network.connect(2, 0);
  for (int second = 0; second < 80; ++second) {
    network.advance(1s);
    ASSERT_FALSE(network.has_loop()) << "after " << second << " s";
  }
  EXPECT_FALSE(network.port(left).send_rstp);
  EXPECT_FALSE(network.bridges[1].older->is_root());
  EXPECT_TRUE(network.is_tree());
}

TEST_F(RapidTreeTest, SurvivesAnyOctets) {
  std::mt19937 random(1);
  network.add_bridge();
  network.add_bridge();
  network.connect(0, 1);
  const auto port = network.add_port(0);
  stp::RapidBpdu sample;
  sample.role = stp::RapidRole::designated;
  for (int i = 0; i < 10000; ++i) {
    auto frame = stp::encode(sample, MacAddress());
    for (auto at = 1 + random() % 20; at > 0; --at) {
      frame[17 + random() % 40] = static_cast<std::uint8_t>(random());
    }
    frame.resize(random() % 4 == 0 ? random() % 60 : 60);
    network.deliver(port, frame);
    if (i % 50 == 0) network.advance(std::chrono::milliseconds(random() % 500));
  }
  network.wires.clear();
  network.advance(1000s);  // three hellos of what was said last
  EXPECT_TRUE(network.bridges[0].rapid->is_root());
}

TEST(RandomRapidTrees, ConvergeAndConvergeAgainAfterChanges) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    const auto cost = [&] { return static_cast<std::uint32_t>(2000 + below(20)); };
    Network network;
    const std::size_t bridges = 2 + below(6);
    std::vector<Network::Wire> extra;
    for (std::size_t i = 0; i < bridges; ++i) {
      network.add_bridge(static_cast<std::uint16_t>(4096 * below(4)));
      if (i > 0) network.connect(below(i), i, cost());
    }
    for (std::size_t more = below(6); more > 0; --more) {
      const std::size_t a = below(bridges), b = below(bridges);
      if (a != b) extra.push_back(network.connect(a, b, cost()));
    }
    network.advance(10s);
    EXPECT_TRUE(network.is_tree());
    for (const auto& wire : extra) {
      for (const Link link : {Link::down, Link::up}) {
        network.set_link(wire, link);
        network.advance(10s);
        EXPECT_TRUE(network.is_tree());
      }
    }
    network.advance(60s);
    EXPECT_TRUE(network.is_tree());
  }
}

}  // namespace
}  // namespace bondway::rstp
