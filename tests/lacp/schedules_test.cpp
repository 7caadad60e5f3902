#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/lacp/samples.hpp"
#include "tests/lacp/test_wire.hpp"

/// Random schedules of faults, link changes and new settings, after each of which two bonds must
/// agree within a bounded time, and before which neither may ever break a limit of the standard.
/// BONDWAY_LACP_SCHEDULES is their number; seed N is the same schedule everywhere.  A million, in the
/// release-tests preset:
///   BONDWAY_LACP_SCHEDULES=1000000 build/release-tests/bin/lacp_test --gtest_filter='RandomSch*'
namespace bondway::lacp {
namespace {

constexpr std::size_t kLeft = TestWire::kLeft, kRight = TestWire::kRight;
constexpr std::array kMembers{MemberId{1}, MemberId{2}};
constexpr Duration kAgreesWithin = 125s;  // slow timeout, then a slow period, and some to spare

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed)
      : random_(seed),
        configs_{random_config(kOurSystem), random_config(kTheirSystem)},
        wire_(configs_[kLeft], configs_[kRight]) {
    for (const std::size_t end : {kLeft, kRight}) {
      for (std::size_t i = 0; i < kMembers.size(); ++i) wire_.add(end, kMembers[i], port(end, i));
    }
  }

  /// Mischief for a while; then a minute or two of peace.
  void run() {
    for (auto steps = 1 + random_() % 12; steps > 0; --steps) step();
    wire_.set_faults({}, 0);
    // Two passive ends would never speak.
    if (configs_[kRight].activity == Activity::passive) configs_[kLeft].activity = Activity::active;
    for (const std::size_t end : {kLeft, kRight}) configure(end);
    for (const MemberId member : kMembers) {
      wire_.mend(member);
      wire_.set_link(member, Link::up);
    }
    const TimePoint end = wire_.now() + kAgreesWithin;
    while (!agreed() && wire_.now() < end) wire_.advance(1s);
  }

  bool agreed() {
    const LagView left = wire_.left().view(wire_.now()), right = wire_.right().view(wire_.now());
    std::size_t carrying = 0;
    for (std::size_t i = 0; i < kMembers.size(); ++i) {
      const MemberView &a = left.members[i], &b = right.members[i];
      if (a.may_enable != b.may_enable || !knows(a, b) || !knows(b, a)) return false;
      if (a.may_enable) ++carrying;
    }
    const bool one_only = left.max_bundle == 1 || right.max_bundle == 1;
    return carrying == (one_only ? 1U : 2U);
  }

  /// No port sent more than three LACPDUs in any second.
  bool kept_the_limit() const { return wire_.most_sent_in_a_second() <= 3; }

  std::string describe() {
    return to_text(wire_.left().view(wire_.now())) + to_text(wire_.right().view(wire_.now()));
  }

 private:
  bool one_in(std::uint32_t n) { return random_() % n == 0; }

  LagConfig random_config(MacAddress system) {
    LagConfig config{.name = "bond",
                     .activity = one_in(4) ? Activity::passive : Activity::active,
                     .time = one_in(2) ? LacpTime::slow : LacpTime::fast,
                     .system_id = system,
                     .control = one_in(3) ? MuxControl::independent : MuxControl::coupled,
                     .aggregation = Aggregation::aggregatable};
    if (one_in(4)) config.aggregate_wait = 2s;
    if (one_in(6)) config.max_bundle = 1;
    return config;
  }

  MemberConfig port(std::size_t end, std::size_t i) {
    return {.name = std::string{static_cast<char>('a' + end), static_cast<char>('0' + i)},
            .mac = configs_[end].system_id,
            .port_id = static_cast<std::uint16_t>(10 * end + i + 1),
            .port_priority = static_cast<std::uint16_t>(random_() % 3)};
  }

  void configure(std::size_t end) {
    wire_.act(end, [&](Lag& lag, TimePoint now) { return lag.configure(configs_[end], now); });
  }

  void step() {
    const std::size_t end = random_() % 2;
    const std::size_t i = random_() % 2;
    switch (random_() % 8) {
      case 0:
        wire_.cut(kMembers[i]);
        break;
      case 1:
        wire_.mend(kMembers[i]);
        break;
      case 2:
      case 3: {
        const Link link = one_in(2) ? Link::up : Link::down;
        wire_.act(
            end, [&](Lag& lag, TimePoint now) { return lag.link_changed(kMembers[i], link, now); });
        break;
      }
      case 4:
        configs_[end] = random_config(configs_[end].system_id);
        configure(end);
        break;
      case 5:
        wire_.act(end, [&](Lag& lag, TimePoint now) {
          return lag.configure_member(kMembers[i], port(end, i), now);
        });
        break;
      default:
        wire_.set_faults({.lost = static_cast<int>(random_() % 80),
                          .duplicated = static_cast<int>(random_() % 50),
                          .delayed = static_cast<int>(random_() % 80),
                          .longest_delay = 2s},
                         static_cast<std::uint32_t>(random_()));
        break;
    }
    wire_.advance(Duration(1ms) * (random_() % 8000));
  }

  static bool knows(const MemberView& from, const MemberView& to) {
    return from.partner.system_id == to.actor.system_id && from.partner.key == to.actor.key &&
           from.partner.port_id == to.actor.port_id &&
           from.partner.port_priority == to.actor.port_priority;
  }

  std::mt19937 random_;
  std::array<LagConfig, 2> configs_;
  TestWire wire_;
};

TEST(RandomSchedules, AlwaysEndInAgreement) {
  const char* text = std::getenv("BONDWAY_LACP_SCHEDULES");
  const std::uint32_t wanted =
      text ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10)) : 500;
  std::atomic<std::uint32_t> next = 0;
  const auto work = [&] {
    for (std::uint32_t seed = next++; seed < wanted; seed = next++) {
      Schedule schedule(seed);
      schedule.run();
      ASSERT_TRUE(schedule.agreed()) << "seed " << seed << "\n" << schedule.describe();
      ASSERT_TRUE(schedule.kept_the_limit()) << "seed " << seed;
    }
  };
  std::vector<std::jthread> workers;
  for (unsigned i = std::thread::hardware_concurrency(); i > 1; --i) workers.emplace_back(work);
  work();
}

}  // namespace
}  // namespace bondway::lacp
