#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/lacp/samples.hpp"
#include "vswitchd/lacp/lag.hpp"

/// What can happen to two bonds joined by one or two cables is explored breadth first: frames are
/// lost, doubled and late, links come and go at either end, time passes.  From every state reached,
/// both ends must agree within a bounded time once the cables are sound.
///
/// States are told apart by the states of all machines and the frames in flight, not by how long
/// each timer still runs.  One cable is explored completely.  Two have a few hundred thousand
/// states for each pair of configurations, of which BONDWAY_LACP_STATES says how many to explore
/// (0: all).
namespace bondway::lacp {
namespace {

constexpr std::array kMembers{MemberId{1}, MemberId{2}};
constexpr std::size_t kQueueLength = 1;
constexpr std::size_t kLeft = 0, kRight = 1;

struct Pair {
  const char* name;
  LagConfig left, right;
  Duration agrees_within;
};

/// Two ends, the frames on their way, and the clock.
class Joint {
 public:
  Joint(const Pair& pair, std::size_t cables)
      : ends_{Lag(pair.left), Lag(pair.right)}, cables_(cables) {
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
      Joint next = *this;
      if (change(next)) result.push_back(std::move(next));
    };
    add([](Joint& next) { return next.advance(); });
    for (std::size_t i = 0; i < cables_; ++i) {
      for (const std::size_t end : {kLeft, kRight}) {
        add([&](Joint& next) { return next.deliver(end, i, Keep::no); });
        add([&](Joint& next) { return next.lose(end, i); });
        if (cables_ > 1) continue;
        add([&](Joint& next) { return next.deliver(end, i, Keep::yes); });  // a duplicate
        add([&](Joint& next) { return next.flip(end, i); });
      }
      add([&](Joint& next) {
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

  /// The abstract state: everything but the time that is left.  Of a frame in flight it matters
  /// whether its sender was in sync, and knew its partner.  Cables are interchangeable, unless the
  /// bundle has room for one only.
  std::string fingerprint() const {
    const std::array views{ends_[kLeft].view(now_), ends_[kRight].view(now_)};
    std::vector<std::string> cables(cables_);
    for (std::size_t i = 0; i < cables_; ++i) {
      for (const std::size_t end : {kLeft, kRight}) {
        cables[i] += fingerprint(views[end].members[i]) + fingerprint(in_flight_[end][i]);
      }
    }
    if (views[kLeft].max_bundle + views[kRight].max_bundle == 0) std::ranges::sort(cables);
    return fmt::format("{}", fmt::join(cables, "|"));
  }

  std::string describe() const {
    return to_text(ends_[kLeft].view(now_)) + to_text(ends_[kRight].view(now_));
  }

 private:
  enum class Keep { no, yes };

  static std::string fingerprint(const MemberView& view) {
    std::string print;
    const auto put = [&print](auto value) { print += static_cast<char>(value); };
    put(view.rx), put(view.status), put(view.selected), put(view.mux), put(view.periodic);
    put(view.need_to_transmit), put(view.may_enable);
    put(view.actor.state.octet()), put(view.partner.state.octet());
    return print;
  }

  static std::string fingerprint(const std::vector<std::vector<std::uint8_t>>& queue) {
    std::string print;
    for (const auto& frame : queue) {
      const Lacpdu pdu = std::get<Lacpdu>(decode(frame).value());
      print += pdu.actor.state.has(Flag::synchronization) ? 'S' : 's';
      print += pdu.partner.port_id != 0 ? 'P' : 'p';
    }
    return print;
  }

  /// The next thing that time brings at either end; false if nothing ever.
  bool advance() {
    const auto next = earlier(ends_[kLeft].deadline(), ends_[kRight].deadline());
    if (!next) return false;
    now_ = std::max(now_, *next);
    for (const std::size_t end : {kLeft, kRight}) perform(end, ends_[end].expire(now_));
    return true;
  }

  bool deliver(std::size_t to, std::size_t i, Keep keep) {
    auto& queue = in_flight_[to][i];
    if (queue.empty()) return false;
    const auto frame = queue.front();
    if (keep == Keep::no) queue.erase(queue.begin());
    perform(to, ends_[to].receive(kMembers[i], frame, now_));
    return true;
  }

  bool lose(std::size_t to, std::size_t i) {
    if (in_flight_[to][i].empty()) return false;
    in_flight_[to][i].erase(in_flight_[to][i].begin());
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
        for (std::size_t i = 0; i < cables_; ++i) any |= deliver(end, i, Keep::no);
      }
    }
  }

  void perform(std::size_t end, const Actions& actions) {
    for (const Action& action : actions) {
      const auto* send = std::get_if<SendPdu>(&action);
      if (!send) continue;
      auto& queue = in_flight_[1 - end][send->member == kMembers[0] ? 0 : 1];
      if (queue.size() == kQueueLength) queue.erase(queue.begin());
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
  std::array<std::array<std::vector<std::vector<std::uint8_t>>, 2>, 2> in_flight_;
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
  std::unordered_set<std::string> seen{frontier.front().fingerprint()};
  while (!frontier.empty() && seen.size() < wanted) {
    const Joint state = std::move(frontier.front());
    frontier.pop_front();
    Joint trial = state;
    const bool agrees = trial.time_to_agree(pair.agrees_within).has_value();
    EXPECT_TRUE(agrees) << state.describe() << "leads to\n" << trial.describe();
    if (!agrees) break;
    for (Joint& next : state.successors()) {
      if (seen.insert(next.fingerprint()).second) frontier.push_back(std::move(next));
    }
  }
  return seen.size();
}

TEST(JointStateSpace, OfOneCableLeadsToAgreementFromEveryState) {
  for (const Pair& pair : pairs()) {
    SCOPED_TRACE(pair.name);
    const std::size_t states = explore(pair, 1, SIZE_MAX);
    EXPECT_GT(states, 500U);
    RecordProperty(pair.name, std::to_string(states));
  }
}

TEST(JointStateSpace, OfTwoCablesLeadsToAgreementFromEveryState) {
  const char* text = std::getenv("BONDWAY_LACP_STATES");
  const std::size_t number = text ? std::strtoull(text, nullptr, 10) : 500;
  for (const Pair& pair : pairs()) {
    SCOPED_TRACE(pair.name);
    const std::size_t states = explore(pair, 2, number == 0 ? SIZE_MAX : number);
    EXPECT_GE(states, 500U);
    if (text) std::cout << pair.name << ": " << states << " states\n" << std::flush;
  }
}

}  // namespace
}  // namespace bondway::lacp
