// The bridge's part in a spanning tree.

#include <algorithm>

#include "vswitchd/bridge/bridge.hpp"

namespace bondway::bridge {
namespace {

stp::Handle handle_of(fdb::PortId id) { return stp::Handle{static_cast<std::uint32_t>(id)}; }
fdb::PortId port_of(stp::Handle handle) { return fdb::PortId{static_cast<std::uint32_t>(handle)}; }

/// By the speed of the link, in bits per second; as the reference has it, after IEEE 802.1D-1998,
/// 8.10.2, Table 8-5.
std::uint16_t path_cost(std::uint64_t speed) {
  constexpr std::uint64_t kMega = 1'000'000;
  if (speed == 0 || speed >= 10'000 * kMega) return 2;
  if (speed >= 1'000 * kMega) return 4;
  if (speed >= 100 * kMega) return 19;
  return 100;
}

/// After IEEE 802.1D-2004, 17.14, Table 17-3.
std::uint32_t rapid_path_cost(std::uint64_t speed) {
  constexpr std::uint64_t kMega = 1'000'000;
  if (speed == 0 || speed >= 10'000 * kMega) return 2'000;
  if (speed >= 1'000 * kMega) return 20'000;
  if (speed >= 100 * kMega) return 200'000;
  return 2'000'000;
}

rstp::Handle rapid_handle_of(fdb::PortId id) {
  return rstp::Handle{static_cast<std::uint32_t>(id)};
}

rstp::BridgeConfig tree_config(const RstpSettings& settings, const MacAddress& mac) {
  rstp::BridgeConfig config;
  config.id = {settings.priority, settings.address.value_or(mac)};
  config.max_age = settings.max_age;
  config.forward_delay = settings.forward_delay;
  config.rapid = settings.rapid;
  config.transmit_hold_count = settings.transmit_hold_count;
  return config;
}

stp::BridgeConfig tree_config(const StpSettings& settings, const MacAddress& mac) {
  stp::BridgeConfig config;
  config.id = {settings.priority, settings.system_id.value_or(mac)};
  config.hello_time = settings.hello_time;
  config.max_age = settings.max_age;
  config.forward_delay = settings.forward_delay;
  return config;
}

}  // namespace

void Bridge::configure_tree(TimePoint now, PortActions& actions) {
  const bool was_on = has_tree(), was_rapid = rapid_tree_ != nullptr;
  configure_rapid_tree(now, actions);
  if (!settings_.stp) {
    tree_.reset();
  } else if (!tree_) {
    tree_ = std::make_unique<stp::SpanningTree>(tree_config(*settings_.stp, mac_), now);
  } else {
    take(tree_->configure(tree_config(*settings_.stp, mac_), now), actions);
  }
  if (!was_on && !has_tree()) return;
  actions.push_back({{}, TreeStatusChanged{}});
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (!slots_[place].port) continue;
    const fdb::PortId id{static_cast<std::uint32_t>(place)};
    update_tree_port(id, now, actions);
    if (was_on == has_tree() && was_rapid == (rapid_tree_ != nullptr)) continue;
    update_plan(id);
    actions.push_back({id, PlanChanged{}});
    actions.push_back({id, StatusChanged{}});
  }
}

void Bridge::configure_rapid_tree(TimePoint now, PortActions& actions) {
  if (!settings_.rstp) {
    rapid_tree_.reset();
  } else if (!rapid_tree_) {
    rapid_tree_ = std::make_unique<rstp::RapidTree>(tree_config(*settings_.rstp, mac_), now);
  } else {
    take(rapid_tree_->configure(tree_config(*settings_.rstp, mac_), now), actions);
  }
}

/// Bonds, internal ports and mirror outputs never take part.
bool Bridge::can_take_part(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const PortSettings& settings = port.settings();
  const bool gives_to_mirror =
      std::ranges::find(settings_.mirrors, settings.name, &MirrorSettings::output_port) !=
      settings_.mirrors.end();
  return settings.interfaces.size() == 1 && !port.members().empty() &&
         settings.interfaces.front().type != "internal" && settings.name != settings_.name &&
         !gives_to_mirror;
}

std::optional<rstp::PortConfig> Bridge::rapid_tree_port(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const RstpPortSettings& settings = port.settings().rstp;
  if (!settings.enabled || !can_take_part(id)) return std::nullopt;
  const auto number = rapid_tree_number(id);
  if (!number) return std::nullopt;
  const Member& member = port.members().front();
  rstp::PortConfig config;
  config.name = port.settings().name;
  config.mac = member.mac;
  config.id = {static_cast<std::uint16_t>(settings.priority << 8 | *number)};
  config.path_cost = settings.path_cost.value_or(rapid_path_cost(member.speed));
  config.admin_edge = settings.admin_edge;
  config.auto_edge = settings.auto_edge;
  config.point_to_point = settings.point_to_point;
  return config;
}

/// The configured number, the one it has, or the next free one.
std::optional<std::uint16_t> Bridge::rapid_tree_number(fdb::PortId id) const {
  const auto& wanted = slots_[index(id)].port->settings().rstp.number;
  if (wanted) return wanted;
  constexpr std::uint16_t kMost = 4095;
  const auto& ports = rapid_tree_->ports();
  if (const auto known = ports.find(rapid_handle_of(id)); known != ports.end()) {
    return static_cast<std::uint16_t>(known->second.config.id.number & kMost);
  }
  for (std::uint16_t number = 1; number <= kMost; ++number) {
    const bool taken = std::ranges::any_of(ports, [number](const auto& port) {
      return (port.second.config.id.number & kMost) == number;
    });
    if (!taken) return number;
  }
  return std::nullopt;
}

std::optional<stp::PortConfig> Bridge::tree_port(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const PortSettings& settings = port.settings();
  if (!settings.stp.enabled || !can_take_part(id)) return std::nullopt;
  const Member& member = port.members().front();
  const auto number = tree_number(id);
  if (!number) return std::nullopt;
  stp::PortConfig config;
  config.name = settings.name;
  config.mac = member.mac;
  config.number = *number;
  config.priority = settings.stp.priority;
  config.path_cost = settings.stp.path_cost.value_or(path_cost(member.speed));
  return config;
}

/// The configured number, the one it has, or the next free one.
std::optional<std::uint8_t> Bridge::tree_number(fdb::PortId id) const {
  const auto& wanted = slots_[index(id)].port->settings().stp.number;
  const auto& ports = tree_->ports();
  if (wanted) return wanted;
  if (const auto known = ports.find(handle_of(id)); known != ports.end()) {
    return known->second.config.number;
  }
  for (int number = 1; number <= 255; ++number) {
    const bool taken = std::ranges::any_of(
        ports, [number](const auto& port) { return port.second.config.number == number; });
    if (!taken) return static_cast<std::uint8_t>(number);
  }
  return std::nullopt;
}

void Bridge::update_tree_port(fdb::PortId id, TimePoint now, PortActions& actions) {
  if (rapid_tree_) {
    const auto rapid = rapid_tree_port(id);
    const bool up = rapid && slots_[index(id)].port->members().front().link_up;
    const auto link = up ? rstp::Link::up : rstp::Link::down;
    take(rapid ? rapid_tree_->set_port(rapid_handle_of(id), *rapid, link, now)
               : rapid_tree_->remove_port(rapid_handle_of(id), now),
         actions);
  }
  if (!tree_) return;
  const auto config = tree_port(id);
  if (!config) {
    take(tree_->remove_port(handle_of(id), now), actions);
  } else {
    const bool up = slots_[index(id)].port->members().front().link_up;
    take(tree_->set_port(handle_of(id), *config, up ? stp::Link::up : stp::Link::down, now),
         actions);
  }
}

PortActions Bridge::receive_bpdu(fdb::PortId id, std::span<const std::uint8_t> frame,
                                 TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->receive(handle_of(id), frame, now), actions);
  if (rapid_tree_) take(rapid_tree_->receive(rapid_handle_of(id), frame, now), actions);
  return actions;
}

PortActions Bridge::note_topology_change(TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->note_topology_change(now), actions);
  if (rapid_tree_) take(rapid_tree_->note_topology_change(now), actions);
  return actions;
}

PortActions Bridge::expire_tree(TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->expire(now), actions);
  if (rapid_tree_) take(rapid_tree_->expire(now), actions);
  return actions;
}

/// What the tree decided, in the bridge's words.
void Bridge::take(const stp::Actions& decided, PortActions& actions) {
  for (const stp::Action& action : decided) {
    if (const auto* send = std::get_if<stp::SendBpdu>(&action)) {
      const fdb::PortId id = port_of(send->port);
      actions.push_back({id, SendFrame{slots_[index(id)].port->members().front().id, send->frame}});
    } else if (const auto* changed = std::get_if<stp::StateChanged>(&action)) {
      const fdb::PortId id = port_of(changed->port);
      if (!find(id)) continue;
      update_plan(id);
      actions.push_back({id, PlanChanged{}});
      actions.push_back({id, StatusChanged{}});
    } else if (std::holds_alternative<stp::FlushAddresses>(action)) {
      actions.push_back({{}, ForgetAllAddresses{}});
    } else {
      actions.push_back({{}, TreeStatusChanged{}});
    }
  }
}

void Bridge::take(const rstp::Actions& decided, PortActions& actions) {
  for (const rstp::Action& action : decided) {
    const auto id = std::visit(
        [](const auto& what) { return fdb::PortId{static_cast<std::uint32_t>(what.port)}; },
        action);
    if (!find(id)) continue;
    if (const auto* send = std::get_if<rstp::SendBpdu>(&action)) {
      const auto& members = find(id)->members();
      if (!members.empty()) {
        actions.push_back({id, SendFrame{members.front().id, send->frame}});
      }
    } else if (std::holds_alternative<rstp::FlushPort>(action)) {
      actions.push_back({id, ForgetAddresses{}});
    } else {
      update_plan(id);
      actions.push_back({id, PlanChanged{}});
      actions.push_back({id, StatusChanged{}});
      actions.push_back({{}, TreeStatusChanged{}});
    }
  }
}

}  // namespace bondway::bridge
