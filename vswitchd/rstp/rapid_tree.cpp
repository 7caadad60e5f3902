#include "vswitchd/rstp/rapid_tree.hpp"

#include <utility>

namespace bondway::rstp {
namespace {

constexpr Duration kTick = 1s;
/// After a long sleep, as many ticks are made up for: no timer of a sane neighbour runs longer.
constexpr Duration kMostMissed = 64s;

std::uint16_t number_of(const PortConfig& config) { return config.id.number & 0xfff; }

void count_down(std::uint32_t& timer) {
  if (timer != 0) --timer;
}

}  // namespace

RapidTree::RapidTree(const BridgeConfig& config, TimePoint now) : next_tick_(now + kTick) {
  bridge_.config = config;
  selection_.begin(bridge_);
}

Actions RapidTree::configure(const BridgeConfig& config, TimePoint now) {
  if (config == bridge_.config) return {};
  catch_up(now);
  const bool is_other_version = config.rapid != bridge_.config.rapid;
  bridge_.config = config;
  selection_.begin(bridge_);
  for (auto& [handle, port] : bridge_.ports) {
    if (is_other_version) begin(port);
  }
  select_again();
  run();
  return finish();
}

Actions RapidTree::set_port(Handle handle, const PortConfig& config, Link link, TimePoint now) {
  const bool enabled = link == Link::up;
  const auto known = bridge_.ports.find(handle);
  const bool is_new = known == bridge_.ports.end();
  if (!is_new && known->second.config == config && known->second.port_enabled == enabled) return {};
  catch_up(now);
  PortVariables& port = bridge_.ports[handle];
  if (is_new || number_of(port.config) != number_of(config)) {
    if (!is_new) order_.remove(number_of(port.config));
    order_.add(number_of(config));
  }
  port.handle = handle;
  port.config = config;
  port.port_enabled = enabled;
  if (is_new) {
    port.since = now;
    begin(port);
  }
  select_again();
  run();
  return finish();
}

Actions RapidTree::remove_port(Handle handle, TimePoint now) {
  const auto it = bridge_.ports.find(handle);
  if (it == bridge_.ports.end()) return {};
  catch_up(now);
  order_.remove(number_of(it->second.config));
  bridge_.ports.erase(it);
  machines_.erase(handle);
  told_.erase(handle);
  actions_.push_back(FlushPort{handle});
  actions_.push_back(StateChanged{handle});
  selection_.begin(bridge_);
  select_again();
  run();
  return finish();
}

Actions RapidTree::receive(Handle handle, std::span<const std::uint8_t> frame, TimePoint now) {
  const auto it = bridge_.ports.find(handle);
  if (it == bridge_.ports.end() || !it->second.port_enabled) return {};
  catch_up(now);
  PortVariables& port = it->second;
  auto message = stp::decode_any(frame);
  if (!message) {
    ++port.errors;
    return finish();
  }
  ++port.received;
  port.message = std::move(*message);
  port.rcvd_bpdu = true;
  run();
  return finish();
}

Actions RapidTree::check_migration(Handle handle, TimePoint now) {
  const auto it = bridge_.ports.find(handle);
  if (it == bridge_.ports.end()) return {};
  catch_up(now);
  it->second.mcheck = bridge_.config.rapid;
  run();
  return finish();
}

Actions RapidTree::note_topology_change(TimePoint now) {
  catch_up(now);
  for (auto& [handle, port] : bridge_.ports) port.tc_prop = true;
  run();
  return finish();
}

Actions RapidTree::expire(TimePoint now) {
  catch_up(now);
  return finish();
}

std::optional<TimePoint> RapidTree::deadline() const {
  if (bridge_.ports.empty()) return std::nullopt;
  return next_tick_;
}

std::vector<Handle> RapidTree::ports_in_order() const {
  std::map<std::uint16_t, Handle> by_number;
  for (const auto& [handle, port] : bridge_.ports) by_number[number_of(port.config)] = handle;
  std::vector<Handle> handles;
  for (const std::uint16_t number : order_.numbers()) handles.push_back(by_number.at(number));
  return handles;
}

// ---- the machines

/// BEGIN, for one port.
void RapidTree::begin(PortVariables& port) {
  port.designated_times = bridge_.root_times;
  Machines& machines = machines_[port.handle] = Machines();
  machines.receive.begin(port);
  machines.migration.begin(bridge_, port);
  machines.detection.begin(port);
  machines.information.begin(port);
  machines.roles.begin(port);
  machines.state.begin(port);
  machines.topology.begin(port);
  machines.transmit.begin(port);
}

void RapidTree::select_again() {
  for (auto& [handle, port] : bridge_.ports) {
    port.reselect = true;
    port.selected = false;
  }
}

void RapidTree::catch_up(TimePoint now) {
  if (now - next_tick_ > kMostMissed)
    next_tick_ += (now - next_tick_ - kMostMissed) / kTick * kTick;
  for (; next_tick_ <= now; next_tick_ += kTick) {
    tick();
    run();
  }
}

/// The Port Timers machine.
void RapidTree::tick() {
  for (auto& [handle, port] : bridge_.ports) {
    for (std::uint32_t* timer :
         {&port.hello_when, &port.tc_while, &port.fd_while, &port.rcvd_info_while, &port.rr_while,
          &port.rb_while, &port.mdelay_while, &port.edge_delay_while, &port.tx_count}) {
      count_down(*timer);
    }
  }
}

/// What is said is what is so when all else has come to rest.
void RapidTree::run() {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [handle, port] : bridge_.ports) moved |= listen(handle, port);
    moved |= selection_.step(bridge_);
    for (auto& [handle, port] : bridge_.ports) moved |= step(handle, port);
    moved |= forget_addresses();
    if (moved) continue;
    for (auto& [handle, port] : bridge_.ports) {
      moved |= machines_.at(handle).transmit.step(bridge_, port);
    }
  }
  for (SendBpdu& send : std::exchange(bridge_.sent, {})) actions_.push_back(std::move(send));
}

bool RapidTree::listen(Handle handle, PortVariables& port) {
  Machines& machines = machines_.at(handle);
  bool moved = machines.receive.step(port);
  moved |= machines.migration.step(bridge_, port);
  moved |= machines.detection.step(port);
  moved |= machines.information.step(port);
  return moved;
}

bool RapidTree::step(Handle handle, PortVariables& port) {
  Machines& machines = machines_.at(handle);
  bool moved = machines.roles.step(bridge_, port);
  moved |= machines.state.step(port);
  moved |= machines.topology.step(bridge_, port);
  return moved;
}

bool RapidTree::forget_addresses() {
  bool any = false;
  for (auto& [handle, port] : bridge_.ports) {
    if (!std::exchange(port.fdb_flush, false)) continue;
    actions_.push_back(FlushPort{handle});
    any = true;
  }
  return any;
}

Actions RapidTree::finish() {
  for (const auto& [handle, port] : bridge_.ports) {
    const Told now{port.role, port.state(), port.port_priority};
    const auto [it, is_new] = told_.try_emplace(handle, now);
    if (!is_new && it->second == now) continue;
    it->second = now;
    actions_.push_back(StateChanged{handle});
  }
  return std::exchange(actions_, {});
}

}  // namespace bondway::rstp
