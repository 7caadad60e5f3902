#include "vswitchd/stp/spanning_tree.hpp"

#include <tuple>
#include <utility>

namespace bondway::stp {
namespace {

constexpr Duration kHoldTime = 1s;             // 8.10.2, Table 8-3
constexpr Duration kMessageAgeIncrement = 1s;  // 8.10.2, Table 8-2

/// A timer that has run out is stopped by asking.
bool ran_out(std::optional<TimePoint>& timer, TimePoint now) {
  if (!timer || *timer > now) return false;
  timer.reset();
  return true;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::disabled:
      return "disabled";
    case State::blocking:
      return "blocking";
    case State::listening:
      return "listening";
    case State::learning:
      return "learning";
    case State::forwarding:
      return "forwarding";
  }
  return "";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::alternate:
      return "alternate";
    case Role::designated:
      return "designated";
    case Role::root:
      return "root";
  }
  return "";
}

SpanningTree::SpanningTree(const BridgeConfig& config, TimePoint now)
    : config_(config), designated_root_(config.id), hello_timer_(now + config.hello_time) {
  keep_own_times();
}

Actions SpanningTree::configure(const BridgeConfig& config, TimePoint now) {  // 8.8.4
  if (config == config_) return {};
  const bool was_root = is_root();
  const BridgeId old = std::exchange(config_, config).id;
  for (auto& [handle, port] : ports_) {
    if (port.designated_bridge == old) port.designated_bridge = config_.id;
    if (port.designated_root == old) port.designated_root = config_.id;
  }
  if (was_root) designated_root_ = config_.id;
  update_configuration();
  select_port_states(now);
  if (is_root()) keep_own_times();
  become_root_if_so(was_root, now);
  return finish();
}

Actions SpanningTree::set_port(Handle handle, const PortConfig& config, Link link, TimePoint now) {
  const auto [it, is_new] = ports_.try_emplace(handle);
  Port& port = it->second;
  const bool link_changed = (port.state != State::disabled) != (link == Link::up);
  if (!is_new && !link_changed && port.config == config) return {};
  const bool was_root = is_root();
  const bool was_designated = is_new || is_designated(port);
  port.config = config;
  if (was_designated) become_designated(port);
  if (is_new) actions_.push_back(StateChanged{handle});
  if (link_changed) set_link(handle, link, now);
  update_configuration();
  select_port_states(now);
  become_root_if_so(was_root, now);
  // Not to wait for the next hello is ours, and the reference's.
  if (link_changed && link == Link::up && is_designated(port)) transmit_config(handle, now);
  return finish();
}

Actions SpanningTree::remove_port(Handle handle, TimePoint now) {
  const auto it = ports_.find(handle);
  if (it == ports_.end()) return {};
  const bool was_root = is_root();
  if (learns(it->second.state)) actions_.push_back(FlushAddresses{});
  ports_.erase(it);
  actions_.push_back(StateChanged{handle});
  update_configuration();
  select_port_states(now);
  become_root_if_so(was_root, now);
  return finish();
}

Actions SpanningTree::receive(Handle handle, std::span<const std::uint8_t> frame, TimePoint now) {
  const auto it = ports_.find(handle);
  if (it == ports_.end() || it->second.state == State::disabled) return {};
  const auto bpdu = decode(frame);
  if (!bpdu) {
    ++it->second.counts.errors;
    return {};
  }
  ++it->second.counts.received;
  if (const auto* config = std::get_if<ConfigBpdu>(&*bpdu)) {
    receive_config(handle, *config, now);
  } else {
    receive_tcn(handle, now);
  }
  return finish();
}

Actions SpanningTree::note_topology_change(TimePoint now) {
  detect_topology_change(now);
  return finish();
}

Actions SpanningTree::expire(TimePoint now) {
  if (ran_out(hello_timer_, now)) {  // 8.7.3
    generate_config_bpdus(now);
    hello_timer_ = now + hello_time_;
  }
  if (ran_out(tcn_timer_, now)) {  // 8.7.6
    transmit_tcn(now);
    tcn_timer_ = now + config_.hello_time;
  }
  if (ran_out(topology_change_timer_, now)) {  // 8.7.7
    topology_change_detected_ = false;
    topology_change_ = false;
  }
  std::vector<Handle> handles;
  for (const auto& [handle, port] : ports_) handles.push_back(handle);
  for (const Handle handle : handles) expire_port(handle, now);
  return finish();
}

void SpanningTree::expire_port(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (ran_out(port.message_age_timer, now)) message_age_expired(handle, now);
  if (ran_out(port.forward_delay_timer, now)) forward_delay_expired(handle, now);
  if (ran_out(port.hold_timer, now) && port.config_pending) transmit_config(handle, now);  // 8.7.8
}

std::optional<TimePoint> SpanningTree::deadline() const {
  std::optional<TimePoint> deadline =
      earlier(hello_timer_, earlier(tcn_timer_, topology_change_timer_));
  for (const auto& [handle, port] : ports_) {
    deadline = earlier(deadline, earlier(port.message_age_timer, port.forward_delay_timer));
    if (port.config_pending) deadline = earlier(deadline, port.hold_timer);
  }
  return deadline;
}

State SpanningTree::state(Handle handle) const {
  const auto it = ports_.find(handle);
  return it == ports_.end() ? State::disabled : it->second.state;
}

Role SpanningTree::role(Handle handle) const {
  const auto it = ports_.find(handle);
  if (it == ports_.end()) return Role::designated;
  if (root_port_ == handle) return Role::root;
  return is_designated(it->second) ? Role::designated : Role::alternate;
}

// ---- what the procedures share

bool SpanningTree::is_designated(const Port& port) const {
  return port.designated_bridge == config_.id && port.designated_port == port.config.id();
}

bool SpanningTree::is_designated_for_some_port() const {
  for (const auto& [handle, port] : ports_) {
    if (port.designated_bridge == config_.id && port.state != State::disabled) return true;
  }
  return false;
}

void SpanningTree::set_state(Handle handle, State state, TimePoint now) {
  Port& port = ports_.at(handle);
  if (port.state == state) return;
  if (learns(port.state) || learns(state)) actions_.push_back(FlushAddresses{});
  port.state = state;
  port.state_since = now;
  actions_.push_back(StateChanged{handle});
}

void SpanningTree::keep_own_times() {
  max_age_ = config_.max_age;
  hello_time_ = config_.hello_time;
  forward_delay_ = config_.forward_delay;
}

/// The second half of 8.7.4, 8.8.3, 8.8.4 and 8.8.6.
void SpanningTree::become_root_if_so(bool was_root, TimePoint now) {
  if (!is_root() || was_root) return;
  keep_own_times();
  detect_topology_change(now);
  tcn_timer_.reset();
  generate_config_bpdus(now);
  hello_timer_ = now + hello_time_;
}

Actions SpanningTree::finish() {
  const auto changed = std::tuple(designated_root_, root_path_cost_, root_port_);
  if (std::exchange(told_, changed) != changed) actions_.push_back(TreeChanged{});
  return std::exchange(actions_, {});
}

// ---- 8.6: elements of procedure

void SpanningTree::transmit_config(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (port.hold_timer && *port.hold_timer > now) {
    port.config_pending = true;
    return;
  }
  ConfigBpdu bpdu;
  bpdu.root = designated_root_;
  bpdu.root_path_cost = root_path_cost_;
  bpdu.bridge = config_.id;
  bpdu.port = port.config.id();
  if (root_port_) {
    const auto& timer = ports_.at(*root_port_).message_age_timer;
    const Duration left = timer ? *timer - now : Duration{};
    bpdu.message_age = max_age_ - left + kMessageAgeIncrement;
  }
  bpdu.max_age = max_age_;
  bpdu.hello_time = hello_time_;
  bpdu.forward_delay = forward_delay_;
  bpdu.topology_change_ack = std::exchange(port.topology_change_ack, false);
  bpdu.topology_change = topology_change_;
  port.config_pending = false;
  if (bpdu.message_age >= max_age_) return;
  ++port.counts.sent;
  port.hold_timer = now + kHoldTime;
  actions_.push_back(SendBpdu{handle, encode(bpdu, port.config.mac)});
}

bool SpanningTree::supersedes(const Port& port, const ConfigBpdu& bpdu) const {
  const auto offered = std::tie(bpdu.root, bpdu.root_path_cost, bpdu.bridge);
  const auto known = std::tie(port.designated_root, port.designated_cost, port.designated_bridge);
  if (offered != known) return offered < known;
  return bpdu.bridge != config_.id || bpdu.port <= port.designated_port;
}

void SpanningTree::record_config_information(Port& port, const ConfigBpdu& bpdu, TimePoint now) {
  port.designated_root = bpdu.root;
  port.designated_cost = bpdu.root_path_cost;
  port.designated_bridge = bpdu.bridge;
  port.designated_port = bpdu.port;
  port.message_age_timer = now + (bpdu.max_age - bpdu.message_age);
}

void SpanningTree::record_config_timeout_values(const ConfigBpdu& bpdu) {
  max_age_ = bpdu.max_age;
  hello_time_ = bpdu.hello_time;
  forward_delay_ = bpdu.forward_delay;
  if (bpdu.topology_change) actions_.push_back(FlushAddresses{});
  topology_change_ = bpdu.topology_change;
}

void SpanningTree::generate_config_bpdus(TimePoint now) {
  for (const auto& [handle, port] : ports_) {
    if (is_designated(port) && port.state != State::disabled) transmit_config(handle, now);
  }
}

void SpanningTree::transmit_tcn(TimePoint) {
  if (!root_port_) return;
  Port& port = ports_.at(*root_port_);
  ++port.counts.sent;
  actions_.push_back(SendBpdu{*root_port_, encode(TopologyChangeBpdu(), port.config.mac)});
}

void SpanningTree::update_configuration() {
  select_root();
  select_designated_ports();
}

void SpanningTree::select_root() {
  root_port_.reset();
  const auto path = [](const Port& port) {
    return std::tuple(port.designated_root, port.designated_cost + port.config.path_cost,
                      port.designated_bridge, port.designated_port, port.config.id());
  };
  for (const auto& [handle, port] : ports_) {
    if (is_designated(port) || port.state == State::disabled) continue;
    if (!(port.designated_root < config_.id)) continue;
    if (!root_port_ || path(port) < path(ports_.at(*root_port_))) root_port_ = handle;
  }
  if (!root_port_) {
    designated_root_ = config_.id;
    root_path_cost_ = 0;
    return;
  }
  const Port& port = ports_.at(*root_port_);
  designated_root_ = port.designated_root;
  root_path_cost_ = port.designated_cost + port.config.path_cost;
}

void SpanningTree::select_designated_ports() {
  for (auto& [handle, port] : ports_) {
    const auto ours = std::tuple(root_path_cost_, config_.id, port.config.id());
    const auto theirs =
        std::tuple(port.designated_cost, port.designated_bridge, port.designated_port);
    if (is_designated(port) || port.designated_root != designated_root_ || ours < theirs) {
      become_designated(port);
    }
  }
}

void SpanningTree::become_designated(Port& port) {
  port.designated_root = designated_root_;
  port.designated_cost = root_path_cost_;
  port.designated_bridge = config_.id;
  port.designated_port = port.config.id();
}

void SpanningTree::select_port_states(TimePoint now) {
  for (auto& [handle, port] : ports_) {
    if (root_port_ == handle) {
      port.config_pending = port.topology_change_ack = false;
      make_forwarding(handle, now);
    } else if (is_designated(port)) {
      port.message_age_timer.reset();
      make_forwarding(handle, now);
    } else {
      port.config_pending = port.topology_change_ack = false;
      make_blocking(handle, now);
    }
  }
}

void SpanningTree::make_forwarding(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (port.state != State::blocking) return;
  set_state(handle, State::listening, now);
  port.forward_delay_timer = now + forward_delay_;
}

void SpanningTree::make_blocking(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (port.state == State::disabled || port.state == State::blocking) return;
  if (learns(port.state)) detect_topology_change(now);
  set_state(handle, State::blocking, now);
  port.forward_delay_timer.reset();
}

void SpanningTree::detect_topology_change(TimePoint now) {
  if (is_root()) {
    topology_change_ = true;
    topology_change_timer_ = now + config_.max_age + config_.forward_delay;  // 8.5.3.13
  } else if (!topology_change_detected_) {
    transmit_tcn(now);
    tcn_timer_ = now + config_.hello_time;
  }
  topology_change_detected_ = true;
  actions_.push_back(FlushAddresses{});
}

void SpanningTree::acknowledge_topology_change(Port& port, Handle handle, TimePoint now) {
  port.topology_change_ack = true;
  transmit_config(handle, now);
}

void SpanningTree::set_link(Handle handle, Link link, TimePoint now) {
  Port& port = ports_.at(handle);
  become_designated(port);
  port.topology_change_ack = port.config_pending = false;
  port.message_age_timer.reset();
  port.forward_delay_timer.reset();
  port.hold_timer.reset();
  set_state(handle, link == Link::up ? State::blocking : State::disabled, now);
}

// ---- 8.7: operation

void SpanningTree::receive_config(Handle handle, const ConfigBpdu& bpdu, TimePoint now) {
  Port& port = ports_.at(handle);
  if (bpdu.message_age >= bpdu.max_age) return;                            // 9.3.4
  if (bpdu.bridge == config_.id && bpdu.port == port.config.id()) return;  // our own: 9.3.4
  if (!supersedes(port, bpdu)) {
    if (is_designated(port)) transmit_config(handle, now);  // 8.6.5
    return;
  }
  const bool was_root = is_root();
  record_config_information(port, bpdu, now);
  update_configuration();
  select_port_states(now);
  if (was_root && !is_root()) {
    hello_timer_.reset();
    if (topology_change_detected_) {
      topology_change_timer_.reset();
      transmit_tcn(now);
      tcn_timer_ = now + config_.hello_time;
    }
  }
  if (root_port_ != handle) return;
  record_config_timeout_values(bpdu);
  generate_config_bpdus(now);
  if (bpdu.topology_change_ack) {  // 8.6.15
    topology_change_detected_ = false;
    tcn_timer_.reset();
  }
}

void SpanningTree::receive_tcn(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (!is_designated(port)) return;
  detect_topology_change(now);
  acknowledge_topology_change(port, handle, now);
}

void SpanningTree::message_age_expired(Handle handle, TimePoint now) {
  const bool was_root = is_root();
  become_designated(ports_.at(handle));
  update_configuration();
  select_port_states(now);
  become_root_if_so(was_root, now);
}

void SpanningTree::forward_delay_expired(Handle handle, TimePoint now) {
  Port& port = ports_.at(handle);
  if (port.state == State::listening) {
    set_state(handle, State::learning, now);
    port.forward_delay_timer = now + forward_delay_;
  } else if (port.state == State::learning) {
    set_state(handle, State::forwarding, now);
    if (is_designated_for_some_port()) detect_topology_change(now);
  }
}

}  // namespace bondway::stp
