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
  const bool was_on = tree_ != nullptr;
  if (!settings_.stp) {
    tree_.reset();
  } else if (!tree_) {
    tree_ = std::make_unique<stp::SpanningTree>(tree_config(*settings_.stp, mac_), now);
  } else {
    take(tree_->configure(tree_config(*settings_.stp, mac_), now), actions);
  }
  if (!was_on && !tree_) return;
  actions.push_back({{}, TreeStatusChanged{}});
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (!slots_[place].port) continue;
    const fdb::PortId id{static_cast<std::uint32_t>(place)};
    update_tree_port(id, now, actions);
    if (was_on == (tree_ != nullptr)) continue;
    update_plan(id);
    actions.push_back({id, PlanChanged{}});
    actions.push_back({id, StatusChanged{}});
  }
}

/// Bonds, internal ports and mirror outputs never take part.
std::optional<stp::PortConfig> Bridge::tree_port(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const PortSettings& settings = port.settings();
  const bool gives_to_mirror =
      std::ranges::find(settings_.mirrors, settings.name, &MirrorSettings::output_port) !=
      settings_.mirrors.end();
  if (!settings.stp.enabled || settings.interfaces.size() != 1 || port.members().empty() ||
      settings.interfaces.front().type == "internal" || settings.name == settings_.name ||
      gives_to_mirror) {
    return std::nullopt;
  }
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
  return actions;
}

PortActions Bridge::note_topology_change(TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->note_topology_change(now), actions);
  return actions;
}

PortActions Bridge::expire_tree(TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->expire(now), actions);
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

}  // namespace bondway::bridge
