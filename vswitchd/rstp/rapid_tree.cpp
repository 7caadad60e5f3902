#include "vswitchd/rstp/rapid_tree.hpp"

#include <utility>

namespace bondway::rstp {

std::string_view to_string(Role role) {
  constexpr std::string_view kWords[] = {"Disabled", "Root", "Designated", "Alternate", "Backup"};
  return kWords[static_cast<std::size_t>(role)];
}

std::string_view to_string(State state) {
  constexpr std::string_view kWords[] = {"Discarding", "Learning", "Forwarding"};
  return kWords[static_cast<std::size_t>(state)];
}

RapidTree::RapidTree(const BridgeConfig& config, TimePoint now) : config_(config), now_(now) {
  select_root();
}

Actions RapidTree::configure(const BridgeConfig& config, TimePoint now) {
  if (config == config_) return {};
  config_ = config;
  now_ = now;
  for (auto& [handle, port] : ports_) begin(handle, port);
  return run(now);
}

Actions RapidTree::set_port(Handle handle, const PortConfig& config, Link link, TimePoint now) {
  now_ = now;
  const auto [it, is_new] = ports_.try_emplace(handle);
  Port& port = it->second;
  const bool enabled = link == Link::up;
  if (!is_new && port.config == config && port.port_enabled == enabled) return {};
  const bool other_id = is_new || port.config.id != config.id;
  port.config = config;
  port.port_enabled = enabled;
  if (other_id) begin(handle, port);
  port.reselect = true;
  port.selected = false;
  return run(now);
}

Actions RapidTree::remove_port(Handle handle, TimePoint now) {
  if (ports_.erase(handle) == 0) return {};
  actions_.push_back(FlushPort{handle});
  actions_.push_back(StateChanged{handle});
  for (auto& [other, port] : ports_) {
    port.reselect = true;
    port.selected = false;
  }
  if (ports_.empty()) select_root();
  return run(now);
}

Actions RapidTree::receive(Handle handle, std::span<const std::uint8_t> frame, TimePoint now) {
  const auto it = ports_.find(handle);
  if (it == ports_.end() || !it->second.port_enabled) return {};
  now_ = now;
  const auto message = stp::decode_any(frame);
  if (!message) {
    ++it->second.errors;
    return {};
  }
  ++it->second.received;
  Actions before = run(now);  // what was due when it came
  receive_message(handle, it->second, *message);
  Actions after = run(now);
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

Actions RapidTree::check_migration(Handle handle, TimePoint now) {
  if (const auto it = ports_.find(handle); it != ports_.end()) it->second.mcheck = config_.rapid;
  return run(now);
}

Actions RapidTree::note_topology_change(TimePoint now) {
  for (auto& [handle, port] : ports_) port.tc_prop = true;
  return run(now);
}

Actions RapidTree::expire(TimePoint now) { return run(now); }

Actions RapidTree::run(TimePoint now) {
  now_ = now;
  bool changed = true;
  while (changed) {
    changed = false;
    for (auto& [handle, port] : ports_) {
      changed |= port_protocol_migration(port);
      changed |= bridge_detection(port);
      changed |= port_information(port);
    }
    changed |= port_role_selection();
    for (auto& [handle, port] : ports_) {
      changed |= port_role_transitions(handle, port);
      changed |= port_state_transition(handle, port);
      changed |= topology_change(handle, port);
    }
    if (changed) continue;
    for (auto& [handle, port] : ports_) changed |= port_transmit(handle, port);
  }
  return std::exchange(actions_, {});
}

std::optional<TimePoint> RapidTree::deadline() const {
  std::optional<TimePoint> deadline;
  for (const auto& [handle, port] : ports_) {
    for (const auto& timer :
         {port.edge_delay_while, port.fd_while, port.hello_when, port.mdelay_while, port.rb_while,
          port.rcvd_info_while, port.rr_while, port.tc_while, port.tx_count_falls}) {
      if (port.port_enabled && runs(timer)) deadline = earlier(deadline, timer);
    }
  }
  return deadline;
}

}  // namespace bondway::rstp
