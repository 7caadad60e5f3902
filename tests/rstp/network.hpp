#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "vswitchd/rstp/rapid_tree.hpp"
#include "vswitchd/stp/spanning_tree.hpp"

namespace bondway::rstp {

/// Rapid bridges, older ones, and the wires between them, on a fake clock.  A frame arrives at
/// once.
class Network {
 public:
  struct Bridge {
    std::unique_ptr<RapidTree> rapid;          ///< either this
    std::unique_ptr<stp::SpanningTree> older;  ///< or that
    std::uint8_t ports = 0;
  };
  using End = std::pair<std::size_t, std::uint8_t>;  ///< a bridge and the number of its port
  using Wire = std::pair<End, End>;

  BridgeId id(std::uint16_t priority) const {
    return {priority, MacAddress::from_number(0x0200'0000'0001 + bridges.size())};
  }
  void add_bridge(std::uint16_t priority = 32768) {
    BridgeConfig config;
    config.id = id(priority);
    bridges.push_back({std::make_unique<RapidTree>(config, now), nullptr});
  }
  void add_older_bridge(std::uint16_t priority = 32768) {
    stp::BridgeConfig config;
    config.id = id(priority);
    bridges.push_back({nullptr, std::make_unique<stp::SpanningTree>(config, now)});
  }
  End add_port(std::size_t bridge, std::uint32_t cost = 2000) {
    const End end{bridge, ++bridges[bridge].ports};
    set_port(end, Link::up, cost);
    return end;
  }
  Wire connect(std::size_t a, std::size_t b, std::uint32_t cost = 2000) {
    const End left{a, static_cast<std::uint8_t>(bridges[a].ports + 1)};
    const End right{b, static_cast<std::uint8_t>(bridges[b].ports + 1)};
    wires[left] = right;
    wires[right] = left;
    add_port(a, cost);
    add_port(b, cost);
    run();
    return {left, right};
  }
  void set_link(const Wire& wire, Link link) {
    set_port(wire.first, link);
    set_port(wire.second, link);
    run();
  }

  void advance(Duration span) {
    const TimePoint end = now + span;
    for (int idle = 0;;) {
      std::optional<TimePoint> next;
      for (const Bridge& bridge : bridges) {
        next = earlier(next, bridge.rapid ? bridge.rapid->deadline() : bridge.older->deadline());
      }
      if (!next || *next > end) break;
      idle = *next > now ? 0 : idle + 1;
      ASSERT_LT(idle, 1000) << "a deadline that does not pass";
      now = std::max(now, *next);
      for (std::size_t i = 0; i < bridges.size(); ++i) expire(i);
      run();
    }
    now = end;
  }

  void deliver(const End& end, std::span<const std::uint8_t> frame) {
    const auto [bridge, number] = end;
    if (bridges[bridge].rapid) {
      take(bridge, bridges[bridge].rapid->receive(Handle{number}, frame, now));
    } else {
      take(bridge, bridges[bridge].older->receive(stp::Handle{number}, frame, now));
    }
  }

  const PortVariables& port(const End& end) const {
    return bridges[end.first].rapid->ports().at(Handle{end.second});
  }
  bool forwards(const End& end) const {
    const Bridge& bridge = bridges[end.first];
    if (bridge.rapid) return port(end).forwarding;
    return bridge.older->state(stp::Handle{end.second}) == stp::State::forwarding;
  }
  bool is_tree() const { return groups() == 1 && !has_loop(); }
  bool has_loop() const { return joining_wires() > bridges.size() - groups(); }

  TimePoint now{};
  std::vector<Bridge> bridges;
  std::map<End, End> wires;
  int flushes = 0;

 private:
  std::vector<Wire> forwarding_wires() const {
    std::vector<Wire> found;
    for (const auto& [end, other] : wires) {
      if (end < other && forwards(end) && forwards(other)) found.emplace_back(end, other);
    }
    return found;
  }
  std::size_t joining_wires() const { return forwarding_wires().size(); }
  /// Of bridges that reach one another.
  std::size_t groups() const {
    std::vector<std::size_t> group(bridges.size());
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = i;
    for (const auto& [end, other] : forwarding_wires()) {
      std::ranges::replace(group, std::size_t{group[end.first]}, std::size_t{group[other.first]});
    }
    std::ranges::sort(group);
    return static_cast<std::size_t>(std::unique(group.begin(), group.end()) - group.begin());
  }

  void set_port(const End& end, Link link, std::uint32_t cost = 2000) {
    const auto [bridge, number] = end;
    if (bridges[bridge].rapid) {
      PortConfig config;
      config.id = {static_cast<std::uint16_t>(0x8000 + number)};
      config.path_cost = cost;
      take(bridge, bridges[bridge].rapid->set_port(Handle{number}, config, link, now));
    } else {
      stp::PortConfig config;
      config.number = number;
      config.path_cost = static_cast<std::uint16_t>(cost);
      const auto state = link == Link::up ? stp::Link::up : stp::Link::down;
      take(bridge, bridges[bridge].older->set_port(stp::Handle{number}, config, state, now));
    }
  }
  void expire(std::size_t i) {
    if (bridges[i].rapid) {
      take(i, bridges[i].rapid->expire(now));
    } else {
      take(i, bridges[i].older->expire(now));
    }
  }
  template <typename SomeActions>
  void take(std::size_t bridge, const SomeActions& actions) {
    for (const auto& action : actions) {
      std::visit([&](const auto& what) { perform(bridge, what); }, action);
    }
  }
  template <typename What>
  void perform(std::size_t bridge, const What& what) {
    if constexpr (requires { what.frame; }) {
      const auto wire = wires.find({bridge, static_cast<std::uint8_t>(what.port)});
      if (wire != wires.end()) on_the_way.emplace_back(wire->second, what.frame);
    } else if constexpr (std::is_same_v<What, FlushPort>) {
      ++flushes;
    }
  }
  void run() {
    for (int frames = 0; !on_the_way.empty(); ++frames) {
      ASSERT_LT(frames, 20000) << "bridges talk without end";
      const auto [end, frame] = std::move(on_the_way.front());
      on_the_way.pop_front();
      deliver(end, frame);
    }
  }

  std::deque<std::pair<End, std::vector<std::uint8_t>>> on_the_way;
};

}  // namespace bondway::rstp
