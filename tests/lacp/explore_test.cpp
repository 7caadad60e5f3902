#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "tests/lacp/samples.hpp"
#include "vswitchd/lacp/lag.hpp"

/// What can happen to two bonds joined by one or two cables is explored breadth first: frames are
/// lost, doubled, late and overtaken, links come and go, time passes.  From every state reached,
/// both ends must agree within a bounded time once the cables are sound.
///
/// States are told apart by everything that a later decision may look at, except for how long each
/// timer still runs: the states of all machines, what each port knows of its partner, and of the
/// frames on their way what their receiver heeds.  What is only shown or echoed (say, a partner's
/// Defaulted flag) tells no states apart; nor does it which cable is which, or which end, where the
/// two are configured alike.
///
/// In each direction of a cable one frame may be on its way; one more loses it or, on a single
/// cable or between plain configurations, overtakes it.  Links fail at both ends.  A single cable
/// has room for two frames, and its links may fail at one end.  BONDWAY_LACP_STATES says how many
/// states to explore for each pair of configurations, 0 being all of them:
///   cmake --preset release-tests && cmake --build --preset release-tests --target lacp_test
///   BONDWAY_LACP_STATES=0 build/release-tests/bin/lacp_test --gtest_filter='JointStateSpace*'
namespace bondway::lacp {
namespace {

constexpr std::array kMembers{MemberId{1}, MemberId{2}};
constexpr std::size_t kLeft = 0, kRight = 1;

struct Pair {
  const char* name;
  LagConfig left, right;
  Duration agrees_within;
};

/// Whether nothing but the address tells the ends apart, and it decides nothing.
bool alike(const Pair& pair) {
  LagConfig left = pair.left;
  left.name = pair.right.name;
  left.system_id = pair.right.system_id;
  return left == pair.right && left.max_bundle == 0;
}

/// Whether neither end has more states than it needs.
bool plain(const Pair& pair) {
  return std::ranges::all_of(std::array{pair.left, pair.right}, [](const LagConfig& config) {
    return config.control == MuxControl::coupled && config.aggregate_wait == 0s &&
           config.max_bundle == 0;
  });
}

using Frame = std::vector<std::uint8_t>;

/// Mixes values into 64 bits: ten million states share a hash once in ten thousand runs.
struct Hash {
  std::uint64_t value = 0x9e3779b97f4a7c15;

  template <typename T>
  Hash& add(T next) {
    value = (value ^ static_cast<std::uint64_t>(next)) * 0xbf58476d1ce4e5b9;
    value ^= value >> 29;
    return *this;
  }
};

/// Two ends, the frames on their way, and the clock.
class Joint {
 public:
  Joint(const Pair& pair, std::size_t cables)
      : ends_{Lag(pair.left), Lag(pair.right)},
        cables_(cables),
        alike_(alike(pair)),
        overtakes_(cables == 1 || plain(pair)) {
    for (const std::size_t end : {kLeft, kRight}) {
      for (std::size_t i = 0; i < cables_; ++i) {
        const auto id = static_cast<std::uint16_t>(10 * end + i + 1);
        const std::string name{static_cast<char>('a' + end), static_cast<char>('0' + i)};
        perform(end,
                ends_[end].add_member(kMembers[i], {.name = name, .mac = kOurSystem, .port_id = id},
                                      Link::up, now_));
      }
    }
  }

  /// The states that may come next.
  std::vector<Joint> successors() const {
    std::vector<Joint> result;
    const auto add = [&](auto&& change) {
      bool crowded = false;
      for (const Crowded crowd : {Crowded::replace, Crowded::overtake}) {
        if (crowd == Crowded::overtake && !(crowded && overtakes_)) break;
        Joint next = *this;
        next.crowd_ = crowd;
        if (!change(next)) break;
        crowded = next.crowded_;
        next.crowded_ = false;
        result.push_back(std::move(next));
      }
    };
    add([](Joint& next) { return next.advance(); });
    for (std::size_t i = 0; i < cables_; ++i) {
      for (const std::size_t end : {kLeft, kRight}) {
        for (std::size_t at = 0; at < in_flight_[end][i].size(); ++at) {
          add([&](Joint& next) { return next.deliver(end, i, at, Keep::no); });
          add([&](Joint& next) { return next.deliver(end, i, at, Keep::yes); });  // a duplicate
          add([&](Joint& next) { return next.lose(end, i, at); });
        }
        if (cables_ == 1) add([&](Joint& next) { return next.flip(end, i); });
      }
      add([&](Joint& next) {  // at both ends at once, before either can say anything
        if (links_[kLeft][i] != links_[kRight][i]) return false;
        return next.flip(kLeft, i) && next.flip(kRight, i);
      });
    }
    return result;
  }

  /// How long the ends need to agree when nothing is lost any more and all links are up.
  std::optional<Duration> time_to_agree(Duration limit) {
    const TimePoint start = now_;
    for (const std::size_t end : {kLeft, kRight}) {
      for (std::size_t i = 0; i < cables_; ++i) {
        if (links_[end][i] == Link::down) flip(end, i);
      }
    }
    deliver_all();
    while (!agreed()) {
      if (!advance() || now_ - start > limit) return {};
      deliver_all();
    }
    return now_ - start;
  }

  /// The abstract state, hashed.  To be asked for after every event, for it notes who knows whom.
  std::uint64_t fingerprint() {
    const std::array views{ends_[kLeft].view(now_), ends_[kRight].view(now_)};
    std::array<std::array<Hash, 2>, 2> prints;
    for (const std::size_t end : {kLeft, kRight}) {
      for (std::size_t i = 0; i < cables_; ++i) {
        prints[end][i] = fingerprint(end, i, views[end].members[i]);
      }
    }
    const bool ordered = views[kLeft].max_bundle + views[kRight].max_bundle > 0;
    const std::uint64_t print = join(prints[kLeft], prints[kRight], ordered);
    return alike_ ? std::min(print, join(prints[kRight], prints[kLeft], ordered)) : print;
  }

  std::string describe() const {
    return to_text(ends_[kLeft].view(now_)) + to_text(ends_[kRight].view(now_));
  }

 private:
  enum class Keep { no, yes };

  /// What becomes of a frame for which there is no room: it takes the place of the oldest, which is
  /// lost, or arrives before it.
  enum class Crowded { replace, overtake };

  /// Both ends of each cable; cables are interchangeable unless a bundle has room for one only.
  static std::uint64_t join(const std::array<Hash, 2>& near, const std::array<Hash, 2>& far,
                            bool ordered) {
    std::array<std::uint64_t, 2> cables{};
    for (std::size_t i = 0; i < 2; ++i)
      cables[i] = Hash().add(near[i].value).add(far[i].value).value;
    if (!ordered) std::ranges::sort(cables);
    return Hash().add(cables[0]).add(cables[1]).value;
  }

  Hash fingerprint(std::size_t end, std::size_t i, const MemberView& view) {
    if (view.rx == RxState::current) knows_[end][i] = true;
    if (view.rx == RxState::defaulted) knows_[end][i] = false;
    Hash hash;
    hash.add(view.rx).add(view.status).add(view.selected).add(view.mux).add(view.periodic);
    hash.add(view.need_to_transmit).add(view.attached).add(view.may_enable).add(knows_[end][i]);
    hash.add(heeded(view.partner.state, end));
    std::uint64_t frames = 0;  // in any order, for any may arrive next
    for (const Frame& frame : in_flight_[end][i]) frames += fingerprint(frame, end).value;
    return hash.add(frames);
  }

  /// Of a LACPDU all identities are those of the configuration, but for a partner not known yet.
  Hash fingerprint(const Frame& frame, std::size_t to) const {
    const Lacpdu pdu = std::get<Lacpdu>(decode(frame).value());
    return Hash()
        .add(heeded(pdu.actor.state, to))
        .add(heeded(pdu.partner.state, to))
        .add(pdu.partner.port_id != 0);
  }

  /// The flags of a port that the one that hears of them looks at, in whatever place.
  unsigned heeded(PortState state, std::size_t end) const {
    for (const Flag flag : {Flag::distributing, Flag::defaulted, Flag::expired}) state.clear(flag);
    if (ends_[end].config().control == MuxControl::coupled) state.clear(Flag::collecting);
    return state.octet();
  }

  /// The next thing that time brings at either end; false if nothing ever.
  bool advance() {
    const auto next = earlier(ends_[kLeft].deadline(), ends_[kRight].deadline());
    if (!next) return false;
    now_ = std::max(now_, *next);
    for (const std::size_t end : {kLeft, kRight}) perform(end, ends_[end].expire(now_));
    return true;
  }

  bool deliver(std::size_t to, std::size_t i, std::size_t at, Keep keep) {
    auto& queue = in_flight_[to][i];
    if (queue.size() <= at) return false;
    const Frame frame = queue[at];
    if (keep == Keep::no) queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(at));
    perform(to, ends_[to].receive(kMembers[i], frame, now_));
    return true;
  }

  bool lose(std::size_t to, std::size_t i, std::size_t at) {
    auto& queue = in_flight_[to][i];
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }

  bool flip(std::size_t end, std::size_t i) {
    Link& link = links_[end][i];
    link = link == Link::up ? Link::down : Link::up;
    perform(end, ends_[end].link_changed(kMembers[i], link, now_));
    return true;
  }

  void deliver_all() {
    bool any = true;
    while (any) {
      any = false;
      for (const std::size_t end : {kLeft, kRight}) {
        for (std::size_t i = 0; i < cables_; ++i) any |= deliver(end, i, 0, Keep::no);
      }
    }
  }

  void perform(std::size_t end, const Actions& actions) {
    for (const Action& action : actions) {
      const auto* send = std::get_if<SendPdu>(&action);
      if (!send) continue;
      const std::size_t to = 1 - end;
      auto& queue = in_flight_[to][send->member == kMembers[0] ? 0 : 1];
      const bool full = queue.size() == (cables_ == 1 ? 2U : 1U);
      crowded_ |= full;
      if (full && crowd_ == Crowded::overtake) {
        perform(to, ends_[to].receive(send->member, send->frame, now_));
        continue;
      }
      if (full) queue.erase(queue.begin());
      queue.push_back(send->frame);
    }
  }

  /// As many members carry traffic as may, the same at both ends, and each knows the other as it
  /// is.
  bool agreed() const {
    const LagView left = ends_[kLeft].view(now_), right = ends_[kRight].view(now_);
    std::size_t carrying = 0;
    for (std::size_t i = 0; i < cables_; ++i) {
      const MemberView &a = left.members[i], &b = right.members[i];
      if (a.may_enable != b.may_enable || a.need_to_transmit || b.need_to_transmit) return false;
      if (a.partner.system_id != b.actor.system_id || b.partner.system_id != a.actor.system_id) {
        return false;
      }
      if (a.may_enable) ++carrying;
    }
    return carrying == (left.max_bundle + right.max_bundle > 0 ? 1 : cables_);
  }

  std::array<Lag, 2> ends_;
  std::size_t cables_;
  TimePoint now_ = kStart;
  Crowded crowd_ = Crowded::replace;
  bool crowded_ = false;    // there was no room for a frame
  bool alike_ = false;      // the ends may change places
  bool overtakes_ = false;  // frames for which there is no room may
  std::array<std::array<std::vector<Frame>, 2>, 2> in_flight_;  // [receiver][cable]
  std::array<std::array<bool, 2>, 2> knows_{};  // the partner, even while the link is down
  std::array<std::array<Link, 2>, 2> links_{{{Link::up, Link::up}, {Link::up, Link::up}}};
};

std::vector<Pair> pairs() {
  const LagConfig left{.name = "left",
                       .activity = Activity::active,
                       .time = LacpTime::fast,
                       .system_id = kOurSystem,
                       .aggregation = Aggregation::aggregatable};
  LagConfig right = left;
  right.name = "right";
  right.system_id = kTheirSystem;
  // The worst that may happen is that both ends have given each other up, and speak once in half a
  // minute.
  std::vector<Pair> result{{"both fast", left, right, 31s}};
  const auto add = [&](const char* name, Duration agrees_within, auto&& change) {
    result.push_back({name, left, right, agrees_within});
    change(result.back().left, result.back().right);
  };
  add("both slow", 121s, [](LagConfig& a, LagConfig& b) { a.time = b.time = LacpTime::slow; });
  add("fast and slow", 31s, [](LagConfig&, LagConfig& b) { b.time = LacpTime::slow; });
  add("one passive", 31s, [](LagConfig&, LagConfig& b) { b.activity = Activity::passive; });
  add("waiting for others", 33s, [](LagConfig& a, LagConfig&) { a.aggregate_wait = 2s; });
  add("independent control", 31s,
      [](LagConfig& a, LagConfig& b) { a.control = b.control = MuxControl::independent; });
  add("independent and coupled", 31s,
      [](LagConfig& a, LagConfig&) { a.control = MuxControl::independent; });
  add("bundle of one", 31s, [](LagConfig& a, LagConfig&) { a.max_bundle = 1; });
  add("bundle of one at both ends", 31s,
      [](LagConfig& a, LagConfig& b) { a.max_bundle = b.max_bundle = 1; });
  return result;
}

/// Explores up to `wanted` states; answers how many there were.
std::size_t explore(const Pair& pair, std::size_t cables, std::size_t wanted) {
  std::deque<Joint> frontier{Joint(pair, cables)};
  std::unordered_set<std::uint64_t> seen{frontier.front().fingerprint()};
  while (!frontier.empty() && seen.size() < wanted) {
    const Joint state = std::move(frontier.front());
    frontier.pop_front();
    Joint trial = state;
    const bool agrees = trial.time_to_agree(pair.agrees_within).has_value();
    EXPECT_TRUE(agrees) << pair.name << "\n"
                        << state.describe() << "leads to\n"
                        << trial.describe();
    if (!agrees) break;
    for (Joint& next : state.successors()) {
      if (seen.insert(next.fingerprint()).second) frontier.push_back(std::move(next));
    }
  }
  return seen.size();
}

/// The same for all pairs, on all processors; the numbers of states.
std::vector<std::size_t> explore_all(std::size_t cables, std::size_t wanted) {
  const std::vector<Pair> all = pairs();
  std::vector<std::size_t> states(all.size());
  std::atomic<std::size_t> taken = 0;
  const auto work = [&] {
    for (std::size_t i = taken++; i < all.size(); i = taken++) {
      states[i] = explore(all[i], cables, wanted);
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned i = std::thread::hardware_concurrency(); i > 1; --i) workers.emplace_back(work);
    work();
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    ::testing::Test::RecordProperty(all[i].name, std::to_string(states[i]));
    if (wanted == SIZE_MAX) fmt::print("{}: {} states\n", all[i].name, states[i]);
  }
  return states;
}

/// How many states to explore at most.
std::size_t wanted() {
  const char* text = std::getenv("BONDWAY_LACP_STATES");
  const std::size_t number = text ? std::strtoull(text, nullptr, 10) : 300;
  return number == 0 ? SIZE_MAX : number;
}

TEST(JointStateSpace, OfOneCableLeadsToAgreementFromEveryState) {
  for (const std::size_t states : explore_all(1, wanted())) EXPECT_GE(states, 300U);
}

TEST(JointStateSpace, OfTwoCablesLeadsToAgreementFromEveryState) {
  for (const std::size_t states : explore_all(2, wanted())) EXPECT_GE(states, 300U);
}

}  // namespace
}  // namespace bondway::lacp
