#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "vswitchd/stp/spanning_tree.hpp"

namespace bondway::stp {

/// Bridges and the wires between them, on a fake clock.  A frame arrives at once.
class Network {
 public:
  /// Bridge number n has the address 02:..:n, so that number 0 becomes the root by default.
  std::size_t add_bridge(std::uint16_t priority = 32768) {
    BridgeConfig config;
    config.id = {priority, MacAddress::from_number(0x0200'0000'0000 + bridges.size())};
    bridges.push_back(std::make_unique<SpanningTree>(config, now));
    return bridges.size() - 1;
  }

  /// A port that is up; its number is the next of the bridge.
  Handle add_port(std::size_t bridge, std::uint16_t cost = 2) {
    const auto number = static_cast<std::uint8_t>(bridges[bridge]->ports().size() + 1);
    PortConfig config;
    config.name = "p" + std::to_string(number);
    config.number = number;
    config.path_cost = cost;
    const Handle handle{number};
    take(bridge, bridges[bridge]->set_port(handle, config, Link::up, now));
    return handle;
  }
  void set_link(std::size_t bridge, Handle port, Link link) {
    const PortConfig config = bridges[bridge]->ports().at(port).config;
    take(bridge, bridges[bridge]->set_port(port, config, link, now));
    run();
  }

  void remove_port(std::size_t bridge, Handle port) {
    take(bridge, bridges[bridge]->remove_port(port, now));
  }
  /// A frame from nobody of this network.
  void receive(std::size_t bridge, Handle port, const std::vector<std::uint8_t>& frame) {
    take(bridge, bridges[bridge]->receive(port, frame, now));
    run();
  }

  /// A wire between two new ports.
  std::pair<Handle, Handle> connect(std::size_t a, std::size_t b, std::uint16_t cost = 2) {
    const Handle left = add_port(a, cost), right = add_port(b, cost);
    wires[{a, left}] = {b, right};
    wires[{b, right}] = {a, left};
    run();
    return {left, right};
  }
  /// What is sent on the wire is lost from now on, which nobody notices.
  void lose(std::size_t bridge, Handle port) {
    const auto other = wires.at({bridge, port});
    wires.erase({bridge, port});
    wires.erase(other);
  }

  void advance(Duration span) {
    const TimePoint end = now + span;
    for (;;) {
      std::optional<TimePoint> next;
      for (const auto& bridge : bridges) next = earlier(next, bridge->deadline());
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (std::size_t i = 0; i < bridges.size(); ++i) take(i, bridges[i]->expire(now));
      run();
    }
    now = end;
  }

  State state(std::size_t bridge, Handle port) const { return bridges[bridge]->state(port); }
  Role role(std::size_t bridge, Handle port) const { return bridges[bridge]->role(port); }

  /// Whether the wires that forward at both ends join all bridges without a loop.
  bool is_tree() const {
    std::set<std::size_t> reached{0};
    std::deque<std::size_t> frontier{0};
    std::size_t used = 0;
    for (const auto& [end, other] : wires) {
      if (forwards(end) && forwards(other)) ++used;
    }
    while (!frontier.empty()) {
      const std::size_t bridge = frontier.front();
      frontier.pop_front();
      for (const auto& [end, other] : wires) {
        if (end.first != bridge || !forwards(end) || !forwards(other)) continue;
        if (reached.insert(other.first).second) frontier.push_back(other.first);
      }
    }
    return reached.size() == bridges.size() && used / 2 == bridges.size() - 1;
  }
  /// Whether frames can circulate: more wires forward than a tree has.
  bool has_loop() const {
    std::vector<std::size_t> group(bridges.size());
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = i;
    const auto root = [&](std::size_t i) {
      while (group[i] != i) i = group[i];
      return i;
    };
    for (const auto& [end, other] : wires) {
      if (!(end < other) || !forwards(end) || !forwards(other)) continue;
      const std::size_t a = root(end.first), b = root(other.first);
      if (a == b) return true;
      group[a] = b;
    }
    return false;
  }

  TimePoint now{};
  std::vector<std::unique_ptr<SpanningTree>> bridges;
  std::map<std::size_t, int> flushes;

 private:
  using End = std::pair<std::size_t, Handle>;

  bool forwards(const End& end) const {
    return bridges[end.first]->state(end.second) == State::forwarding;
  }
  void take(std::size_t bridge, const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* send = std::get_if<SendBpdu>(&action)) {
        const auto wire = wires.find({bridge, send->port});
        if (wire != wires.end()) on_the_way.emplace_back(wire->second, send->frame);
      }
      if (std::holds_alternative<FlushAddresses>(action)) ++flushes[bridge];
    }
  }
  void run() {
    for (int frames = 0; !on_the_way.empty(); ++frames) {
      ASSERT_LT(frames, 10000) << "bridges talk without end";
      const auto [end, frame] = std::move(on_the_way.front());
      on_the_way.pop_front();
      take(end.first, bridges[end.first]->receive(end.second, frame, now));
    }
  }

  std::map<End, End> wires;
  std::deque<std::pair<End, std::vector<std::uint8_t>>> on_the_way;
};

}  // namespace bondway::stp
