#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "vswitchd/bond/bond.hpp"

// Properties that hold whatever happens to a bond: thousands of random events, from fixed seeds.

namespace bondway::bond {
namespace {

class RandomBond {
 public:
  explicit RandomBond(unsigned seed) : random_(seed), bond_(config(), {}, now_) {}

  void step() {
    switch (pick(12)) {
      case 0:
        return bond_.add_member({member(), name(), MacAddress::from_number(pick(8))}, flip());
      case 1:
        return pick(4) == 0 ? bond_.remove_member(member(), now_) : void();
      case 2:
      case 3:
        return bond_.set_carrier(member(), flip());
      case 4:
        return bond_.set_may_enable(member(), flip());
      case 5:
        return bond_.set_lacp_status(static_cast<LacpStatus>(pick(3)));
      case 6:
        return pick(4) == 0 ? bond_.configure(config(), now_) : void();
      case 7:
        return bond_.account(static_cast<Bucket>(pick(256)), pick(1'000'000));
      case 8:
        return (void)bond_.migrate(std::to_string(pick(256)), name());
      case 9:
        return (void)bond_.set_active_member(name());
      case 10:
        return (void)(flip() ? bond_.enable_member(name()) : bond_.disable_member(name()));
      default:
        now_ += std::chrono::milliseconds(pick(3000));
    }
  }

  void check() {
    hear(bond_.update(now_));
    check_output(bond_.output());
    hear(bond_.rebalance(now_));
    check_output(bond_.output());
    ASSERT_TRUE(bond_.update(now_).empty()) << "a pass must settle";
    if (bond_.deadline()) {
      ASSERT_GT(*bond_.deadline(), now_);
    }
    if (bond_.rebalance_deadline()) {
      ASSERT_GT(*bond_.rebalance_deadline(), now_);
    }
  }

 private:
  void hear(const Actions& actions) {
    for (const Action& action : actions) {
      if (std::holds_alternative<OutputChanged>(action)) published_ = bond_.output();
      if (const auto* active = std::get_if<ActiveMemberChanged>(&action)) mac_ = active->mac;
    }
    ASSERT_EQ(published_, bond_.output()) << "forwarding was not told";
    ASSERT_EQ(mac_, bond_.active_mac()) << "the database was not told";
  }

  void check_output(const OutputTable& table) {
    const bool any_enabled = std::any_of(table.members.begin(), table.members.end(),
                                         [](const auto& member) { return member.enabled; });
    const OutputTable::Member* const active = table.find(table.active);
    ASSERT_EQ(active != nullptr, any_enabled) << "an active member exactly if one can be";
    if (active != nullptr) {
      ASSERT_TRUE(active->enabled);
    }
    if (!any_enabled || table.mode == Mode::active_backup) return;
    for (const MemberIndex index : table.buckets) {
      ASSERT_NE(table.find(index), nullptr);
      ASSERT_TRUE(table.find(index)->enabled) << "a bucket leads nowhere";
    }
  }

  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  bool flip() { return pick(2) == 0; }
  MemberId member() { return static_cast<MemberId>(pick(5)); }
  std::string name() { return fmt::format("e{}", pick(5)); }
  BondConfig config() {
    BondConfig config;
    config.name = "bond0";
    config.mode = static_cast<Mode>(pick(3));
    config.rebalance_interval = std::chrono::seconds(pick(3));
    config.updelay = std::chrono::milliseconds(pick(2) * pick(2000));
    config.downdelay = std::chrono::milliseconds(pick(2) * pick(2000));
    config.lacp_fallback_ab = flip();
    if (flip()) config.primary = name();
    config.min_links = static_cast<std::uint32_t>(pick(3));
    return config;
  }

  std::mt19937 random_;
  TimePoint now_{1000s};
  Bond bond_;
  OutputTable published_;
  MacAddress mac_;
};

TEST(RandomBondTest, KeepsItsPromisesWhateverHappens) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBond bond(seed);
    for (int i = 0; i < 300; ++i) {
      bond.step();
      bond.check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace bondway::bond
