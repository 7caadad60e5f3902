#include "vswitchd/lacp/selection.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

using ::testing::ElementsAre;

constexpr Selected kUnselected = Selected::unselected, kStandby = Selected::standby,
                   kSelected = Selected::selected;

Candidate candidate(std::uint16_t our_id, const PortInfo& partner,
                    Standing standing = Standing::current) {
  return {.standing = standing, .actor = our_port(our_id), .partner = partner};
}

PortInfo other_port(std::uint16_t port_id = 21) {
  PortInfo port = their_port(port_id);
  port.system_id = kOtherSystem;
  return port;
}

PortInfo individual(PortInfo port) {
  port.state.clear(Flag::aggregation);
  return port;
}

/// IEEE 802.1AX-2014, 6.4.14.
std::vector<Selected> run(const std::vector<Candidate>& candidates, std::size_t max_bundle = 0) {
  return select(candidates, max_bundle, {}).selected;
}

TEST(Selection, OfNobodyIsNobody) { EXPECT_TRUE(run({}).empty()); }

TEST(Selection, TakesAllPortsOfOneGroup) {  // 6.4.14.1 a
  EXPECT_THAT(run({candidate(1, their_port(11)), candidate(2, their_port(12))}),
              ElementsAre(kSelected, kSelected));
}

TEST(Selection, TakesOnePartnerOnly) {  // 6.4.14.1: one LAG ID to an aggregator
  EXPECT_THAT(run({candidate(1, other_port()), candidate(2, their_port())}),
              ElementsAre(kUnselected, kSelected));
}

TEST(Selection, TakesOneKeyOnly) {
  PortInfo other_key = their_port(12);
  other_key.key = 8;
  EXPECT_THAT(run({candidate(1, their_port(11)), candidate(2, other_key)}),
              ElementsAre(kSelected, kUnselected));
}

TEST(Selection, TakesOneSystemPriorityOnly) {  // 6.3.2: part of the System Identifier
  PortInfo other_priority = their_port(12);
  other_priority.system_priority = 1;
  EXPECT_THAT(run({candidate(1, their_port(11)), candidate(2, other_priority)}),
              ElementsAre(kUnselected, kSelected));
}

TEST(Selection, NeverAggregatesIndividualLinks) {  // 6.3.6: individual links
  EXPECT_THAT(
      run({candidate(1, individual(their_port(11))), candidate(2, individual(their_port(12)))}),
      ElementsAre(kSelected, kUnselected));
  EXPECT_THAT(run({candidate(1, their_port(11)), candidate(2, individual(their_port(12)))}),
              ElementsAre(kSelected, kUnselected));
  Candidate ours = candidate(1, their_port(11));
  ours.actor.state.clear(Flag::aggregation);
  EXPECT_THAT(run({ours, candidate(2, their_port(12))}), ElementsAre(kSelected, kUnselected));
}

TEST(Selection, NeverTakesALoopedLink) {  // 6.4.14.1: ports of one system
  EXPECT_THAT(run({candidate(1, our_port(2)), candidate(2, our_port(1))}),
              ElementsAre(kUnselected, kUnselected));
  EXPECT_THAT(run({candidate(1, our_port(2)), candidate(3, their_port())}),
              ElementsAre(kUnselected, kSelected));
}

/// The same while the aggregator leads to `holder`.
std::vector<Selected> run_held(const PortInfo& holder, const std::vector<Candidate>& candidates) {
  return select(candidates, 0, GroupId::of(our_port(), holder).partner).selected;
}

TEST(Selection, LeavesTheAggregatorToThePartnerThatHoldsIt) {
  const PortInfo better = their_port(), worse = other_port();
  EXPECT_THAT(run_held(worse, {candidate(1, worse), candidate(2, better)}),
              ElementsAre(kSelected, kUnselected));
  EXPECT_THAT(run_held(worse, {candidate(1, worse, Standing::expired),
                               candidate(2, better, Standing::expired)}),
              ElementsAre(kSelected, kUnselected));
  PortInfo renumbered = worse;
  renumbered.port_priority = 65000;
  EXPECT_THAT(run_held(worse, {candidate(1, renumbered), candidate(2, better)}),
              ElementsAre(kSelected, kUnselected))
      << "whatever becomes of its ports";
}

TEST(Selection, GivesASilentPartnersPlaceToOneThatIsHeard) {
  const PortInfo silent = their_port(), heard = other_port();
  for (const Standing standing : {Standing::expired, Standing::assumed, Standing::disabled}) {
    EXPECT_THAT(run_held(silent, {candidate(1, silent, standing), candidate(2, heard)}),
                ElementsAre(kUnselected, kSelected));
  }
}

TEST(Selection, SaysWhomTheAggregatorLeadsTo) {
  const std::vector<Candidate> ports{candidate(1, their_port())};
  EXPECT_EQ(select(ports, 0, {}).partner, GroupId::of(our_port(), their_port()).partner);
  const std::vector<Candidate> alone{candidate(1, {}, Standing::fallback)};
  EXPECT_EQ(select(alone, 0, {}).partner, std::nullopt);
}

TEST(Selection, PrefersAPartnerThatIsHeard) {
  EXPECT_THAT(run({candidate(1, their_port(), Standing::expired), candidate(2, other_port())}),
              ElementsAre(kUnselected, kSelected));
  EXPECT_THAT(run({candidate(1, their_port(), Standing::assumed),
                   candidate(2, other_port(), Standing::expired)}),
              ElementsAre(kUnselected, kSelected));
  EXPECT_THAT(run({candidate(1, their_port(), Standing::disabled),
                   candidate(2, other_port(), Standing::assumed)}),
              ElementsAre(kUnselected, kSelected));
}

TEST(Selection, KeepsSilentPortsOfTheGroup) {
  EXPECT_THAT(
      run({candidate(1, their_port(11), Standing::current),
           candidate(2, their_port(12), Standing::expired),
           candidate(3, their_port(13), Standing::disabled), candidate(4, {}, Standing::none)}),
      ElementsAre(kSelected, kSelected, kSelected, kUnselected));
}

TEST(Selection, HasNoUseForPortsWithoutPartner) {
  EXPECT_THAT(run({candidate(1, {}, Standing::none)}), ElementsAre(kUnselected));
}

TEST(Selection, LetsABondFallBackWhileNoPartnerIsKnown) {
  EXPECT_THAT(run({candidate(1, {}, Standing::fallback), candidate(2, {}, Standing::fallback),
                   candidate(3, {}, Standing::none)}),
              ElementsAre(kSelected, kSelected, kUnselected));
  EXPECT_THAT(run({candidate(1, {}, Standing::fallback), candidate(2, their_port())}),
              ElementsAre(kUnselected, kSelected));
}

TEST(Selection, PutsPortsBeyondTheBundleOnStandby) {  // 6.4.14.1 d and h
  EXPECT_THAT(run({candidate(1, their_port(13)), candidate(2, their_port(12)),
                   candidate(3, their_port(11))},
                  2),
              ElementsAre(kStandby, kSelected, kSelected))
      << "their system has the lower address, so their port numbers count";
}

TEST(Selection, OrdersTheBundleByTheBetterSystem) {  // 6.4.14.1 h
  std::vector<Candidate> ports = {candidate(1, their_port(13)), candidate(2, their_port(12))};
  for (Candidate& port : ports) port.actor.system_priority = 1;
  EXPECT_THAT(run(ports, 1), ElementsAre(kSelected, kStandby)) << "now ours count";
  ports[1].actor.port_priority = 1;
  EXPECT_THAT(run(ports, 1), ElementsAre(kStandby, kSelected)) << "and priority before number";
}

TEST(Selection, ReplacesASilentPortOfTheBundle) {
  EXPECT_THAT(run({candidate(1, their_port(11), Standing::expired),
                   candidate(2, their_port(12), Standing::current)},
                  1),
              ElementsAre(kStandby, kSelected));
}

TEST(GroupId, IsThatOfTheTwoSystemsAndKeys) {  // 6.3.6
  EXPECT_EQ(GroupId::of(our_port(1), their_port(11)), GroupId::of(our_port(2), their_port(12)));
  EXPECT_NE(GroupId::of(our_port(1), individual(their_port(11))),
            GroupId::of(our_port(2), individual(their_port(12))));
}

}  // namespace
}  // namespace bondway::lacp
