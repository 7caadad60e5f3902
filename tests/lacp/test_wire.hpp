#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "vswitchd/lacp/lag.hpp"

namespace bondway::lacp {

/// Two ends of a bundle of cables, and the clock of both: member i of one end is joined to member i
/// of the other.  Frames arrive in the instant they are sent, unless a fault is asked for.
class TestWire {
 public:
  enum End : std::size_t { kLeft = 0, kRight = 1 };

  /// What happens to frames on their way.  Percentages; a delayed frame overtakes others.
  struct Faults {
    int lost = 0, duplicated = 0, delayed = 0;
    Duration longest_delay{0};
  };

  TestWire(LagConfig left, LagConfig right) : lags_{Lag(std::move(left)), Lag(std::move(right))} {}

  Lag& left() { return lags_[kLeft]; }
  Lag& right() { return lags_[kRight]; }
  Lag& end(std::size_t end) { return lags_[end]; }
  TimePoint now() const { return now_; }

  void add(std::size_t end, MemberId member, MemberConfig config, Link link = Link::up) {
    settle(end, lags_[end].add_member(member, std::move(config), link, now_));
  }

  /// Runs something on one end, and everything that follows from it in the same instant.
  void act(std::size_t end, const std::function<Actions(Lag&, TimePoint)>& what) {
    settle(end, what(lags_[end], now_));
    deliver();
  }

  void set_link(MemberId member, Link link) {
    for (const std::size_t end : {kLeft, kRight}) {
      settle(end, lags_[end].link_changed(member, link, now_));
    }
    deliver();
  }

  /// Lets time pass, stopping at every deadline and arrival, as the daemon's loop would.
  void advance(Duration span) {
    const TimePoint stop = now_ + span;
    for (auto next = next_event(); next && *next <= stop; next = next_event()) {
      now_ = std::max(now_, *next);
      deliver();
      for (const std::size_t end : {kLeft, kRight}) settle(end, lags_[end].expire(now_));
      deliver();
    }
    now_ = stop;
  }

  void set_faults(Faults faults, std::uint32_t seed) {
    faults_ = faults;
    random_.seed(seed);
  }
  void cut(MemberId member) { cut_[member] = true; }  ///< silently: both links stay up
  void mend(MemberId member) { cut_[member] = false; }

  std::size_t sent(std::size_t end) const { return sent_[end]; }

  /// LACPDUs of one port that left within less than a second, at the most.
  std::size_t most_sent_in_a_second() const { return most_sent_in_a_second_; }

  const std::vector<Action>& seen(std::size_t end) const { return seen_[end]; }

 private:
  struct InFlight {
    TimePoint at;
    std::size_t to;
    MemberId member;
    std::vector<std::uint8_t> frame;
  };

  bool chance(int percent) { return percent > 0 && static_cast<int>(random_() % 100) < percent; }

  void settle(std::size_t end, const Actions& actions) {
    for (const Action& action : actions) {
      seen_[end].push_back(action);
      if (const auto* send = std::get_if<SendPdu>(&action)) transmit(end, *send);
    }
  }

  void transmit(std::size_t from, const SendPdu& send) {
    ++sent_[from];
    count_in_a_second(from, send);
    if (cut_[send.member] || chance(faults_.lost)) return;
    const int copies = chance(faults_.duplicated) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      Duration delay{0};
      if (chance(faults_.delayed)) {
        delay =
            Duration(static_cast<std::int64_t>(random_()) % (faults_.longest_delay.count() + 1));
      }
      in_flight_.push_back({now_ + delay, 1 - from, send.member, send.frame});
    }
  }

  void count_in_a_second(std::size_t from, const SendPdu& send) {
    if (is_marker(send.frame)) return;
    auto& times = recently_sent_[{from, send.member}];
    std::erase_if(times, [this](TimePoint time) { return time + 1s <= now_; });
    times.push_back(now_);
    most_sent_in_a_second_ = std::max(most_sent_in_a_second_, times.size());
  }

  void deliver() {
    for (std::size_t i = 0; i < in_flight_.size();) {
      if (in_flight_[i].at > now_) {
        ++i;
        continue;
      }
      const InFlight arrived = in_flight_[i];
      in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(i));
      settle(arrived.to, lags_[arrived.to].receive(arrived.member, arrived.frame, now_));
      i = 0;
    }
  }

  std::optional<TimePoint> next_event() const {
    std::optional<TimePoint> next = earlier(lags_[kLeft].deadline(), lags_[kRight].deadline());
    for (const InFlight& frame : in_flight_) next = earlier(next, frame.at);
    return next;
  }

  Lag lags_[2];
  TimePoint now_{Duration(1h)};
  std::deque<InFlight> in_flight_;
  std::map<MemberId, bool> cut_;
  Faults faults_;
  std::mt19937 random_;
  std::size_t sent_[2] = {0, 0};
  std::map<std::pair<std::size_t, MemberId>, std::vector<TimePoint>> recently_sent_;
  std::size_t most_sent_in_a_second_ = 0;
  std::vector<Action> seen_[2];
};

}  // namespace bondway::lacp
