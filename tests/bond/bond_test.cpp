#include "vswitchd/bond/bond.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

namespace bondway::bond {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr MemberId kE0{100}, kE1{101}, kE2{102};

MacAddress mac_of(MemberId member) {
  return MacAddress::from_number(0xaa55aa550000 + static_cast<std::uint64_t>(member));
}

/// A bond named bond0 with members e0, e1, ... and a clock, driven as the daemon drives it.
class BondTest : public testing::Test {
 protected:
  void create(BondConfig config = {}, MacAddress remembered = {}) {
    config.name = "bond0";
    bond = std::make_unique<Bond>(config, remembered, now);
  }
  void create_with_two_members(BondConfig config = {}) {
    create(config);
    add(kE0);
    add(kE1);
    pass();
    forget_what_happened();
  }
  void add(MemberId member, bool carrier = true) {
    const auto name = fmt::format("e{}", static_cast<unsigned>(member) - 100);
    bond->add_member({member, name, mac_of(member)}, carrier);
  }
  void configure(auto change) {
    BondConfig config = bond->config();
    change(config);
    bond->configure(config, now);
    pass();
  }
  void set_carrier(MemberId member, bool up) {
    bond->set_carrier(member, up);
    pass();
  }
  void pass() { note(bond->update(now)); }
  void advance(Duration span) {
    const TimePoint end = now + span;
    while (bond->deadline() && *bond->deadline() <= end) {
      now = std::max(now, *bond->deadline());
      pass();
    }
    now = end;
    pass();
  }
  void note(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* log = std::get_if<Log>(&action)) {
        if (log->level == LogLevel::info) logs.push_back(log->text);
        if (log->limited) limited_logs.push_back(log->text);
      } else if (const auto* active = std::get_if<ActiveMemberChanged>(&action)) {
        active_macs.push_back(active->mac);
      } else if (std::holds_alternative<OutputChanged>(action)) {
        published = bond->output();
      } else {
        ++learning;
      }
    }
    EXPECT_EQ(published, bond->output()) << "changed without a word";
  }
  void forget_what_happened() {
    logs.clear();
    active_macs.clear();
    learning = 0;
  }
  std::map<MemberId, int> buckets_by_member() const {
    std::map<MemberId, int> counts;
    const OutputTable table = bond->output();
    for (const MemberIndex index : table.buckets) {
      const auto* member = table.find(index);
      ++counts[member != nullptr ? member->id : MemberId{0}];
    }
    return counts;
  }
  MemberId member_of(Bucket bucket) const {
    const OutputTable table = bond->output();
    return table.find(table.buckets[bucket])->id;
  }
  static std::string text(const Result<std::string>& result) {
    return result ? *result : "error: " + result.error().message;
  }

  TimePoint now{1000s};
  std::unique_ptr<Bond> bond;
  OutputTable published;
  std::vector<std::string> limited_logs;
  std::vector<std::string> logs;
  std::vector<MacAddress> active_macs;
  int learning = 0;
};

BondConfig with_delays(Duration updelay, Duration downdelay) {
  BondConfig config;
  config.updelay = updelay;
  config.downdelay = downdelay;
  return config;
}
BondConfig with_mode(Mode mode) {
  BondConfig config;
  config.mode = mode;
  return config;
}
BondConfig with_primary(std::string name) {
  BondConfig config;
  config.primary = std::move(name);
  return config;
}

// ---- the link rule

TEST_F(BondTest, EnablesANewMemberFromItsCarrierAloneWithoutUpdelay) {
  create(with_delays(1s, 1s));
  add(kE0);
  add(kE1, false);
  pass();
  EXPECT_THAT(logs, ElementsAre("member e0: enabled", "bond bond0: active member is now e0"));
  EXPECT_TRUE(bond->is_enabled(kE0));
  EXPECT_FALSE(bond->is_enabled(kE1));
}

TEST_F(BondTest, WhatAFlappingLinkRepeatsIsMarkedForALimit) {
  create_with_two_members(with_delays(0s, 1s));
  set_carrier(kE1, false);
  set_carrier(kE1, true);
  EXPECT_THAT(limited_logs,
              ElementsAre("member e1: link state down",
                          "member e1: will be disabled if it stays down for 1000 ms",
                          "member e1: link state up", "member e1: will not be disabled"));
}

TEST_F(BondTest, FollowsTheLinkInTheSamePassWithoutDelays) {
  create_with_two_members();
  set_carrier(kE1, false);
  set_carrier(kE1, true);
  EXPECT_THAT(logs, ElementsAre("member e1: link state down", "member e1: disabled",
                                "member e1: link state up", "member e1: enabled"));
}

TEST_F(BondTest, DisablesAMemberWhenItsDowndelayIsOver) {
  create_with_two_members(with_delays(0s, 2s));
  set_carrier(kE1, false);
  EXPECT_THAT(logs, ElementsAre("member e1: link state down",
                                "member e1: will be disabled if it stays down for 2000 ms"));
  EXPECT_EQ(bond->deadline(), now + 2s);
  forget_what_happened();
  advance(1999ms);
  EXPECT_THAT(logs, IsEmpty());
  EXPECT_TRUE(bond->is_enabled(kE1));
  advance(1ms);
  EXPECT_THAT(logs, ElementsAre("member e1: disabled"));
  EXPECT_EQ(bond->deadline(), std::nullopt);
}

TEST_F(BondTest, EnablesAMemberWhenItsUpdelayIsOver) {
  create_with_two_members(with_delays(1s, 0s));
  set_carrier(kE1, false);
  forget_what_happened();
  set_carrier(kE1, true);
  EXPECT_THAT(logs, ElementsAre("member e1: link state up",
                                "member e1: will be enabled if it stays up for 1000 ms"));
  advance(1s);
  EXPECT_EQ(logs.back(), "member e1: enabled");
}

TEST_F(BondTest, ForgetsADelayWhenTheLinkThinksBetterOfIt) {
  create_with_two_members(with_delays(1s, 2s));
  set_carrier(kE1, false);
  forget_what_happened();
  set_carrier(kE1, true);
  EXPECT_THAT(logs, ElementsAre("member e1: link state up", "member e1: will not be disabled"));
  EXPECT_EQ(bond->deadline(), std::nullopt);

  set_carrier(kE1, false);
  advance(2s);
  set_carrier(kE1, true);
  forget_what_happened();
  set_carrier(kE1, false);
  EXPECT_THAT(logs, ElementsAre("member e1: link state down", "member e1: will not be enabled"));
}

TEST_F(BondTest, KeepsARunningDelayWhenTheDelaysChange) {
  create_with_two_members(with_delays(0s, 2s));
  set_carrier(kE1, false);
  const TimePoint deadline = now + 2s;
  configure([](BondConfig& config) { config.downdelay = 9s; });
  EXPECT_EQ(bond->deadline(), deadline);
}

TEST_F(BondTest, TakesLacpsOpinionLikeALossOfLink) {
  create();
  add(kE0);
  bond->set_lacp_status(LacpStatus::configured);
  bond->set_may_enable(kE0, false);
  pass();
  EXPECT_THAT(
      logs, ElementsAre("member e0: enabled", "member e0: link state down", "member e0: disabled"));
  EXPECT_THAT(active_macs, ElementsAre(MacAddress()));
}

TEST_F(BondTest, DisablesAnEnabledMemberThatIsRemoved) {
  create_with_two_members();
  bond->remove_member(kE0, now);
  pass();
  EXPECT_THAT(logs, ElementsAre("member e0: disabled", "bond bond0: active member is now e1"));
  EXPECT_EQ(learning, 1);
}

TEST_F(BondTest, SaysSoWhenTheMemberThatIsRemovedWasTheLastEnabledOne) {
  create_with_two_members();
  set_carrier(kE1, false);
  forget_what_happened();
  bond->remove_member(kE0, now);
  pass();
  EXPECT_THAT(logs, ElementsAre("member e0: disabled", "bond bond0: all members disabled"));
  EXPECT_THAT(active_macs, ElementsAre(MacAddress()));
}

// ---- the active member

TEST_F(BondTest, AnnouncesTheActiveMembersMac) {
  create();
  pass();
  add(kE0);
  pass();
  set_carrier(kE0, false);
  EXPECT_THAT(active_macs, ElementsAre(MacAddress(), mac_of(kE0), MacAddress()));
  EXPECT_EQ(logs.back(), "bond bond0: all members disabled");
}

TEST_F(BondTest, FailsOverAndDoesNotFailBack) {
  create_with_two_members();
  set_carrier(kE0, false);
  EXPECT_EQ(bond->active(), kE1);
  EXPECT_EQ(logs.back(), "bond bond0: active member is now e1");
  set_carrier(kE0, true);
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, ReturnsAtOnceToThePrimary) {
  create_with_two_members(with_primary("e1"));
  EXPECT_EQ(bond->active(), kE1);
  set_carrier(kE1, false);
  EXPECT_EQ(bond->active(), kE0);
  set_carrier(kE1, true);
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, PreemptsForThePrimaryAlsoAgainstTheOperator) {
  create_with_two_members(with_primary("e1"));
  EXPECT_EQ(text(bond->set_active_member("e0")), "done");
  pass();
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, KeepsTheActiveMemberWhenThePrimaryIsTakenAway) {
  create_with_two_members(with_primary("e1"));
  configure([](BondConfig& config) { config.primary.clear(); });
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, HasNoPrimaryInABalanceModeWithoutFallback) {
  BondConfig config = with_primary("e1");
  config.mode = Mode::balance_slb;
  create_with_two_members(config);
  EXPECT_EQ(bond->active(), kE0);
  EXPECT_EQ(bond->view(now).primary, std::nullopt);
}

TEST_F(BondTest, PrefersTheMemberThatWasActiveBeforeARestart) {
  create({}, mac_of(kE1));
  add(kE0);
  add(kE1);
  pass();
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, StillPrefersItWhenNoMemberCouldBeActiveAtFirst) {
  create({}, mac_of(kE1));
  for (const MemberId member : {kE0, kE1}) add(member, false);
  pass();
  for (const MemberId member : {kE0, kE1}) bond->set_carrier(member, true);
  pass();
  EXPECT_EQ(bond->active(), kE1);
}

TEST_F(BondTest, SkipsTheRestOfTheUpdelayWhenNoMemberIsEnabled) {
  create(with_delays(1s, 0s));
  add(kE0, false);
  add(kE1, false);
  pass();
  bond->set_carrier(kE1, true);
  pass();
  EXPECT_THAT(logs, ElementsAre("member e1: link state up",
                                "member e1: will be enabled if it stays up for 1000 ms",
                                "bond bond0: active member is now e1, skipping remaining 1000 ms "
                                "updelay (since no member was enabled)",
                                "member e1: enabled"));
}

TEST_F(BondTest, SkipsTheShortestUpdelay) {
  create_with_two_members(with_delays(1s, 0s));
  add(kE2);
  pass();
  set_carrier(kE1, false);
  set_carrier(kE2, false);
  set_carrier(kE2, true);
  advance(100ms);
  set_carrier(kE1, true);
  advance(100ms);
  forget_what_happened();
  set_carrier(kE0, false);
  EXPECT_THAT(logs, ElementsAre("member e0: link state down", "member e0: disabled",
                                "bond bond0: active member is now e2, skipping remaining 800 ms "
                                "updelay (since no member was enabled)",
                                "member e2: enabled"));
}

// ---- learning packets

TEST_F(BondTest, AnnouncesTheStationsWhenAnyMemberIsDisabledNotWhenOneIsEnabled) {
  create_with_two_members();
  set_carrier(kE1, false);
  EXPECT_EQ(learning, 1);
  set_carrier(kE1, true);
  EXPECT_EQ(learning, 1);
}

TEST_F(BondTest, AnnouncesTheStationsOnlyWhereTheOtherSideLearnsByItself) {
  struct Row {
    Mode mode;
    LacpStatus lacp;
    bool fallback;
    int learning;
  };
  constexpr Row kRows[] = {
      {Mode::active_backup, LacpStatus::off, false, 1},
      {Mode::balance_slb, LacpStatus::off, false, 1},
      {Mode::balance_tcp, LacpStatus::off, false, 0},
      {Mode::active_backup, LacpStatus::configured, false, 0},
      {Mode::balance_tcp, LacpStatus::configured, true, 1},
      {Mode::balance_slb, LacpStatus::negotiated, true, 0},
      {Mode::active_backup, LacpStatus::negotiated, false, 0},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message() << to_string(row.mode) << " " << to_string(row.lacp));
    BondConfig config = with_mode(row.mode);
    config.lacp_fallback_ab = row.fallback;
    create_with_two_members(config);
    bond->set_lacp_status(row.lacp);
    pass();
    forget_what_happened();
    set_carrier(kE0, false);
    EXPECT_EQ(learning, row.learning);
  }
}

TEST_F(BondTest, AnnouncesNothingWithoutAnActiveMember) {
  create_with_two_members();
  bond->set_carrier(kE0, false);
  set_carrier(kE1, false);
  EXPECT_EQ(learning, 0);
}

// ---- modes

TEST_F(BondTest, CarriesTrafficAsModeAndLacpSay) {
  using Spread = OutputTable::Spread;
  struct Row {
    LacpStatus lacp;
    bool fallback;
    Spread active_backup, slb, tcp;
  };
  constexpr Row kRows[] = {
      {LacpStatus::off, false, Spread::active_member, Spread::slb_buckets, Spread::drop},
      {LacpStatus::off, true, Spread::active_member, Spread::slb_buckets, Spread::drop},
      {LacpStatus::configured, false, Spread::drop, Spread::drop, Spread::drop},
      {LacpStatus::configured, true, Spread::active_member, Spread::active_member,
       Spread::active_member},
      {LacpStatus::negotiated, false, Spread::active_member, Spread::slb_buckets,
       Spread::tcp_buckets},
      {LacpStatus::negotiated, true, Spread::active_member, Spread::slb_buckets,
       Spread::tcp_buckets},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message() << to_string(row.lacp) << " fallback " << row.fallback);
    const auto spread = [&](Mode mode) {
      BondConfig config = with_mode(mode);
      config.lacp_fallback_ab = row.fallback;
      create_with_two_members(config);
      bond->set_lacp_status(row.lacp);
      pass();
      return published.spread;
    };
    EXPECT_EQ(spread(Mode::active_backup), row.active_backup);
    EXPECT_EQ(spread(Mode::balance_slb), row.slb);
    EXPECT_EQ(spread(Mode::balance_tcp), row.tcp);
  }
}

TEST_F(BondTest, CarriesNothingBelowItsMinimumOfLinks) {
  BondConfig config;
  config.min_links = 2;
  create_with_two_members(config);
  EXPECT_EQ(published.spread, OutputTable::Spread::active_member);
  set_carrier(kE1, false);
  EXPECT_EQ(published.spread, OutputTable::Spread::drop);
  set_carrier(kE1, true);
  EXPECT_EQ(published.spread, OutputTable::Spread::active_member);
}

TEST_F(BondTest, AcceptsBroadcastOnAllMembersOnlyInSlb) {
  for (const Mode mode : {Mode::active_backup, Mode::balance_slb, Mode::balance_tcp}) {
    BondConfig config = with_mode(mode);
    config.all_members_active = true;
    create_with_two_members(config);
    EXPECT_EQ(published.all_members_active, mode == Mode::balance_slb);
  }
}

// ---- buckets

TEST_F(BondTest, DealsTheBucketsToItsMembersInRotation) {
  for (const Mode mode : {Mode::balance_slb, Mode::balance_tcp}) {
    create_with_two_members(with_mode(mode));
    EXPECT_THAT(buckets_by_member(), ElementsAre(std::pair{kE0, 128}, std::pair{kE1, 128}));
    EXPECT_NE(member_of(0), member_of(1));
  }
}

TEST_F(BondTest, DealsUnusedBucketsAnewWhenALinkComesUpLate) {
  create(with_mode(Mode::balance_slb));
  add(kE0);
  add(kE1, false);
  pass();
  EXPECT_THAT(buckets_by_member(), ElementsAre(std::pair{kE0, 256}));
  bond->account(7, 1);
  bond->account(8, 1);
  set_carrier(kE1, true);
  EXPECT_EQ(member_of(7), kE0);
  EXPECT_EQ(member_of(8), kE0);
  EXPECT_EQ(buckets_by_member()[kE1], 127);
}

TEST_F(BondTest, MovesNoMoreBucketsThanItHasTo) {
  create(with_mode(Mode::balance_slb));
  for (const MemberId member : {kE0, kE1, kE2}) add(member);
  pass();
  const Buckets three = bond->output().buckets;
  set_carrier(kE2, false);
  const Buckets two = bond->output().buckets;
  set_carrier(kE2, true);
  const Buckets again = bond->output().buckets;
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    if (three[i] != MemberIndex{2}) {
      EXPECT_EQ(two[i], three[i]);
    }
    if (again[i] != MemberIndex{2}) {
      EXPECT_EQ(again[i], two[i]);
    }
  }
  for (const auto& [member, count] : buckets_by_member()) EXPECT_NEAR(count, 85.5, 0.5);
}

TEST_F(BondTest, MovesTheBucketsOfADisabledMemberAndDoesNotMoveThemBack) {
  create_with_two_members(with_mode(Mode::balance_slb));
  for (std::size_t i = 0; i < kBucketCount; ++i) bond->account(static_cast<Bucket>(i), 1);
  set_carrier(kE0, false);
  EXPECT_THAT(buckets_by_member(), ElementsAre(std::pair{kE1, 256}));
  set_carrier(kE0, true);
  EXPECT_THAT(buckets_by_member(), ElementsAre(std::pair{kE1, 256}));
}

TEST_F(BondTest, KeepsBucketsWithTheirMembersWhenAnotherMemberIsRemoved) {
  create(with_mode(Mode::balance_slb));
  for (const MemberId member : {kE0, kE1, kE2}) add(member);
  pass();
  std::map<Bucket, MemberId> before;
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    bond->account(static_cast<Bucket>(i), 1);
    before[static_cast<Bucket>(i)] = member_of(static_cast<Bucket>(i));
  }
  bond->remove_member(kE0, now);
  pass();
  for (const auto& [bucket, member] : before) {
    if (member != kE0) {
      EXPECT_EQ(member_of(bucket), member);
    }
  }
  EXPECT_EQ(buckets_by_member().size(), 2U);
}

TEST_F(BondTest, ForgetsItsBucketsWhenTheyMeanSomethingElse) {
  const std::pair<const char*, void (*)(BondConfig&)> changes[] = {
      {"mode", [](BondConfig& c) { c.mode = Mode::balance_tcp; }},
      {"basis", [](BondConfig& c) { c.hash_basis = 7; }},
      {"fallback", [](BondConfig& c) { c.lacp_fallback_ab = true; }},
      {"interval", [](BondConfig& c) { c.rebalance_interval = 20s; }},
  };
  for (const auto& [what, change] : changes) {
    SCOPED_TRACE(what);
    create_with_two_members(with_mode(Mode::balance_slb));
    bond->account(5, 5000);
    now += 4s;
    configure(change);
    EXPECT_EQ(bond->rebalance_deadline(), now + bond->config().rebalance_interval);
    for (const MemberView& member : bond->view(now).members) EXPECT_THAT(member.loads, IsEmpty());
  }
}

TEST_F(BondTest, KeepsItsBucketsWhenOtherThingsChange) {
  create_with_two_members(with_mode(Mode::balance_slb));
  const auto deadline = bond->rebalance_deadline();
  now += 4s;
  configure([](BondConfig& config) { config.updelay = 1s; });
  configure([](BondConfig& config) { config.primary = "e1"; });  // without effect in balance-slb
  EXPECT_EQ(bond->rebalance_deadline(), deadline);
}

TEST_F(BondTest, ForgetsItsBucketsForAPrimaryInEffect) {
  BondConfig config = with_mode(Mode::balance_slb);
  config.lacp_fallback_ab = true;
  create_with_two_members(config);
  now += 4s;
  configure([](BondConfig& changed) { changed.primary = "e1"; });
  EXPECT_EQ(bond->rebalance_deadline(), now + 10s);
}

TEST_F(BondTest, ForgetsItsBucketsForLbOutputInEffect) {
  create_with_two_members(with_mode(Mode::balance_slb));
  const auto deadline = bond->rebalance_deadline();
  now += 4s;
  configure([](BondConfig& config) { config.lb_output = true; });
  EXPECT_EQ(bond->rebalance_deadline(), deadline);
  create_with_two_members(with_mode(Mode::balance_tcp));
  now += 4s;
  configure([](BondConfig& config) { config.lb_output = true; });
  EXPECT_EQ(bond->rebalance_deadline(), now + 10s);
}

TEST_F(BondTest, DealsItsBucketsAnewWhenAPartnerEndsTheFallback) {
  BondConfig config = with_mode(Mode::balance_slb);
  config.lacp_fallback_ab = true;
  create_with_two_members(config);
  bond->set_lacp_status(LacpStatus::configured);
  bond->update(now);
  bond->set_lacp_status(LacpStatus::negotiated);
  bond->update(now += 4s);
  EXPECT_EQ(bond->rebalance_deadline(), now + 10s);
}

TEST_F(BondTest, AnnouncesTheStationsWhenAStandbyMemberIsRemoved) {
  create_with_two_members(with_mode(Mode::active_backup));
  const bool e0_is_active = bond->view(now).members.front().active;
  bond->update(now);
  bond->remove_member(e0_is_active ? kE1 : kE0, now);
  EXPECT_THAT(bond->update(now), testing::Contains(Action{SendLearningPackets{}}));
}

TEST_F(BondTest, WaitsAWholeIntervalAfterAMemberLeft) {
  create_with_two_members(with_mode(Mode::balance_slb));
  now += 4s;
  bond->remove_member(kE0, now);
  EXPECT_EQ(bond->rebalance_deadline(), now + 10s);
}

// ---- rebalancing

TEST_F(BondTest, RebalancesWhenItsIntervalIsOver) {
  create_with_two_members(with_mode(Mode::balance_slb));
  for (const Bucket bucket : {Bucket{0}, Bucket{2}, Bucket{4}}) {
    ASSERT_EQ(text(bond->migrate(std::to_string(bucket), "e0")), "migrated");
    bond->account(bucket, 300 * 1024);
  }
  pass();
  EXPECT_THAT(bond->rebalance(now + 9999ms), IsEmpty());
  now += 10s;
  note(bond->rebalance(now));
  EXPECT_THAT(logs, ElementsAre("bond bond0: shift 300kB of load (with hash 0) from e0 to e1 (now "
                                "carrying 600kB and 300kB load, respectively)"));
  EXPECT_EQ(member_of(0), kE1);
  EXPECT_EQ(bond->rebalance_deadline(), now + 10s);
  EXPECT_EQ(learning, 0);
}

TEST_F(BondTest, SaysAtLevelDebugWhatItFound) {
  create_with_two_members(with_mode(Mode::balance_slb));
  for (const int bucket : {60, 218, 46}) (void)bond->migrate(std::to_string(bucket), "e1");
  bond->account(60, 136 * 1024);
  bond->account(218, 136 * 1024 + 5);
  bond->account(46, 54 * 1024);
  const Actions actions = bond->rebalance(now + 10s);
  ASSERT_FALSE(actions.empty());
  EXPECT_EQ(actions[0],
            Action(Log{LogLevel::debug,
                       "bond bond0: e1 326kB (h218: 136kB + h60: 136kB + h46: 54kB), e0 0kB"}));
}

TEST_F(BondTest, HalvesWhatItRemembersWithEachRebalance) {
  create_with_two_members(with_mode(Mode::balance_slb));
  bond->account(3, 5001);
  note(bond->rebalance(now += 10s));
  const auto loads = [&] {
    std::vector<MemberView::Load> all;
    for (const auto& member : bond->view(now).members) {
      all.insert(all.end(), member.loads.begin(), member.loads.end());
    }
    return all;
  };
  EXPECT_THAT(loads(), ElementsAre(MemberView::Load{3, 2500}));
  note(bond->rebalance(now += 10s));
  EXPECT_THAT(loads(), ElementsAre(MemberView::Load{3, 1250}));
}

TEST_F(BondTest, NeverRebalancesWithIntervalZeroInFallbackOrAsActiveBackup) {
  create_with_two_members(with_mode(Mode::active_backup));
  EXPECT_EQ(bond->rebalance_deadline(), std::nullopt);
  BondConfig config = with_mode(Mode::balance_slb);
  config.rebalance_interval = 0s;
  create_with_two_members(config);
  EXPECT_EQ(bond->rebalance_deadline(), std::nullopt);
  EXPECT_EQ(bond->view(now).next_rebalance, std::nullopt);
  config.rebalance_interval = 10s;
  config.lacp_fallback_ab = true;
  create_with_two_members(config);
  bond->set_lacp_status(LacpStatus::configured);
  EXPECT_EQ(bond->rebalance_deadline(), std::nullopt);
  bond->set_lacp_status(LacpStatus::negotiated);
  EXPECT_NE(bond->rebalance_deadline(), std::nullopt);
}

// ---- commands

TEST_F(BondTest, MigratesABucket) {
  create_with_two_members(with_mode(Mode::balance_slb));
  set_carrier(kE1, false);
  add(kE2);
  pass();
  const std::pair<std::pair<const char*, const char*>, const char*> rows[] = {
      {{"zz", "e0"}, "error: bad hash"}, {{"-1", "e0"}, "error: bad hash"},
      {{"1 ", "e0"}, "error: bad hash"}, {{"5", "e9"}, "error: no such member"},
      {{"zz", "e9"}, "error: bad hash"}, {{"5", "e1"}, "error: cannot migrate to disabled member"},
      {{"5", "e2"}, "migrated"},         {{"5", "e0"}, "migrated"},
      {{"261", "e2"}, "migrated"},       {{"", "e2"}, "migrated"},
  };
  for (const auto& [arguments, answer] : rows) {
    SCOPED_TRACE(testing::Message() << arguments.first << " " << arguments.second);
    EXPECT_EQ(text(bond->migrate(arguments.first, arguments.second)), answer);
    pass();
  }
  EXPECT_EQ(member_of(5), kE2);
  EXPECT_EQ(member_of(0), kE2);
  configure([](BondConfig& config) { config.mode = Mode::balance_tcp; });
  EXPECT_EQ(text(bond->migrate("zz", "e9")), "error: not an SLB bond");
}

TEST_F(BondTest, LeavesAMigratedBucketWhereTheOperatorPutIt) {
  create_with_two_members(with_mode(Mode::balance_slb));
  ASSERT_EQ(text(bond->migrate("5", "e0")), "migrated");
  ASSERT_EQ(text(bond->migrate("6", "e0")), "migrated");
  set_carrier(kE1, false);
  set_carrier(kE1, true);
  EXPECT_EQ(member_of(5), kE0);
  EXPECT_EQ(member_of(6), kE0);
}

TEST_F(BondTest, MakesAMemberActiveOnCommand) {
  create_with_two_members();
  EXPECT_EQ(text(bond->set_active_member("e1")), "done");
  pass();
  EXPECT_THAT(logs, ElementsAre("bond bond0: active member is now e1"));
  EXPECT_THAT(active_macs, ElementsAre(mac_of(kE1)));
  EXPECT_EQ(learning, 1);
  EXPECT_EQ(text(bond->set_active_member("e1")), "no change");
  EXPECT_EQ(text(bond->set_active_member("e9")), "error: no such member");
  set_carrier(kE0, false);
  EXPECT_EQ(text(bond->set_active_member("e0")), "error: cannot make disabled member active");
}

TEST_F(BondTest, UndoesADisablingInTheNextPassWithoutDelay) {
  create_with_two_members();
  EXPECT_EQ(text(bond->disable_member("e1")), "disabled");
  pass();
  EXPECT_THAT(logs,
              ElementsAre("member e1: disabled", "member e1: link state up", "member e1: enabled"));
}

TEST_F(BondTest, KeepsADisabledMemberDisabledForTheUpdelay) {
  create_with_two_members(with_delays(1s, 0s));
  EXPECT_EQ(text(bond->disable_member("e1")), "disabled");
  pass();
  EXPECT_FALSE(bond->is_enabled(kE1));
  advance(500ms);
  EXPECT_EQ(text(bond->disable_member("e1")), "disabled");  // the delay starts anew
  pass();
  advance(999ms);
  EXPECT_FALSE(bond->is_enabled(kE1));
  advance(1ms);
  EXPECT_TRUE(bond->is_enabled(kE1));
}

TEST_F(BondTest, EnablesAMemberOnCommandUntilItsDowndelayHasRun) {
  create_with_two_members(with_delays(0s, 3s));
  set_carrier(kE1, false);
  advance(3s);
  forget_what_happened();
  EXPECT_EQ(text(bond->enable_member("e1")), "enabled");
  pass();
  EXPECT_THAT(logs, ElementsAre("member e1: enabled", "member e1: link state down",
                                "member e1: will be disabled if it stays down for 3000 ms"));
  EXPECT_EQ(text(bond->enable_member("e9")), "error: no such member");
  EXPECT_EQ(text(bond->disable_member("")), "error: no such member");
}

TEST_F(BondTest, StartsAPendingDelayAnewOnCommand) {  // as the reference does, log included
  create_with_two_members(with_delays(3s, 3s));
  set_carrier(kE0, false);
  advance(1s);
  EXPECT_EQ(text(bond->enable_member("e0")), "enabled");
  pass();
  EXPECT_EQ(bond->deadline(), now + 3s);
  EXPECT_EQ(logs.size(), 4U);
}

TEST_F(BondTest, ReenablesTheOnlyEnabledMemberAtOnce) {
  create(with_delays(3s, 0s));
  add(kE0);
  pass();
  forget_what_happened();
  EXPECT_EQ(text(bond->disable_member("e0")), "disabled");
  pass();
  EXPECT_THAT(logs, ElementsAre("member e0: disabled", "member e0: link state up",
                                "member e0: will be enabled if it stays up for 3000 ms",
                                "bond bond0: active member is now e0, skipping remaining 3000 ms "
                                "updelay (since no member was enabled)",
                                "member e0: enabled"));
}

// ---- economy

TEST_F(BondTest, DecidesNothingWhenNothingHappened) {
  create_with_two_members(with_mode(Mode::balance_tcp));
  EXPECT_THAT(bond->update(now + 1h), IsEmpty());
  bond->configure(bond->config(), now);
  bond->set_carrier(kE0, true);
  bond->set_carrier(MemberId{999}, true);
  bond->remove_member(MemberId{999}, now);
  EXPECT_THAT(bond->update(now + 1h), IsEmpty());
}

TEST_F(BondTest, TakesANewMacOfAMember) {
  create_with_two_members();
  bond->add_member({kE0, "e0", mac_of(kE2)}, true);
  pass();
  EXPECT_THAT(active_macs, ElementsAre(mac_of(kE2)));
  EXPECT_EQ(bond->member_count(), 2U);
}

}  // namespace
}  // namespace bondway::bond
