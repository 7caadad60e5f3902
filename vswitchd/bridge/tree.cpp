// The bridge's part in a spanning tree.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vswitchd/bridge/bridge.hpp"

namespace bondway::bridge {
namespace {

stp::Handle handle_of(fdb::PortId id) { return stp::Handle{static_cast<std::uint32_t>(id)}; }
fdb::PortId port_of(stp::Handle handle) { return fdb::PortId{static_cast<std::uint32_t>(handle)}; }

/// What a link costs in a tree, by its speed.
struct Costs {
  std::uint32_t gigabits_10, gigabit, megabits_100, less;
};
/// As the reference has it, after IEEE 802.1D-1998, Table 8-5.
constexpr Costs kCosts{2, 4, 19, 100};
/// IEEE 802.1D-2004, Table 17-3.
constexpr Costs kRapidCosts{2'000, 20'000, 200'000, 2'000'000};

/// Speed in bits per second, 0 when unknown.
std::uint32_t path_cost(const Costs& costs, std::uint64_t speed) {
  constexpr std::uint64_t kMega = 1'000'000;
  if (speed == 0 || speed >= 10'000 * kMega) return costs.gigabits_10;
  if (speed >= 1'000 * kMega) return costs.gigabit;
  if (speed >= 100 * kMega) return costs.megabits_100;
  return costs.less;
}

/// The wanted number if no other port has it, else the one that the port has, else the first that
/// no other has.
template <typename Ports, typename NumberOf>
std::optional<std::uint16_t> choose_number(const Ports& ports, stp::Handle handle,
                                           std::optional<std::uint16_t> wanted, std::uint16_t most,
                                           NumberOf number_of) {
  const auto is_free = [&](std::uint16_t number) {
    return std::ranges::none_of(ports, [&](const auto& port) {
      return port.first != handle && number_of(port.second.config) == number;
    });
  };
  if (wanted && is_free(*wanted)) return wanted;
  if (const auto known = ports.find(handle); known != ports.end()) {
    return number_of(known->second.config);
  }
  for (std::uint16_t number = 1; number <= most; ++number) {
    if (is_free(number)) return number;
  }
  return std::nullopt;
}

/// IEEE 802.1D-2004, 17.14.
bool fit(Duration max_age, Duration forward_delay) { return 2 * (forward_delay - 1s) >= max_age; }

template <typename... Parts>
Log error(fmt::format_string<const Parts&...> format, const Parts&... parts) {
  Log log;
  log.level = Log::Level::error;
  log.text = fmt::format(format, parts...);
  return log;
}

/// Times that do not fit those in effect are not taken, as in the reference.
rstp::BridgeConfig tree_config(const RstpSettings& settings, const MacAddress& mac,
                               const rstp::BridgeConfig& in_effect) {
  rstp::BridgeConfig config = in_effect;
  config.id = {settings.priority, settings.address.value_or(mac)};
  for (int look = 0; look < 2; ++look) {  // the greatest age may fit the new delay only
    if (settings.max_age && fit(*settings.max_age, config.forward_delay)) {
      config.max_age = *settings.max_age;
    }
    if (settings.forward_delay && fit(config.max_age, *settings.forward_delay)) {
      config.forward_delay = *settings.forward_delay;
    }
  }
  config.rapid = settings.rapid;
  config.transmit_hold_count = settings.transmit_hold_count;
  return config;
}

stp::BridgeConfig tree_config(const StpSettings& settings, const MacAddress& mac,
                              const stp::BridgeConfig& /*in_effect*/) {
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
  const auto keep = [&]<typename Tree>(std::unique_ptr<Tree>& tree, const auto& settings) {
    if (!settings) {
      tree.reset();
    } else if (!tree) {
      tree = std::make_unique<Tree>(tree_config(*settings, mac_, {}), now);
    } else {
      take(tree->configure(tree_config(*settings, mac_, tree->config()), now), actions);
    }
  };
  keep(rapid_tree_, settings_.rstp);
  if (settings_.rstp && settings_.rstp->has_bad_address) {
    actions.push_back({{},
                       error("bridge {}: invalid rstp-address, defaulting to {}", settings_.name,
                             to_string(mac_))});
  }
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    Slot& slot = slots_[place];
    slot.is_duplicate = false;
    slot.tree_number = settings_.stp && slot.port
                           ? tree_number(fdb::PortId{static_cast<std::uint32_t>(place)})
                           : TreeNumber::none;
  }
  keep(tree_, tree_numbers_agree() ? settings_.stp : std::nullopt);
  tree_numbers_due_.reset();
  if (settings_.stp && !tree_) tree_numbers_due_ = now;
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

Bridge::TreeNumber Bridge::tree_number(fdb::PortId id) const {
  const StpPortSettings& settings = slots_[index(id)].port->settings().stp;
  if (!settings.enabled || settings.number == 0 || !can_take_part(id)) return TreeNumber::none;
  return settings.number ? TreeNumber::manual : TreeNumber::automatic;
}

/// Either all ports of a spanning tree have a configured number, or none has.
bool Bridge::tree_numbers_agree() const {
  const auto has = [&](TreeNumber number) {
    return std::ranges::find(slots_, number, &Slot::tree_number) != slots_.end();
  };
  return !has(TreeNumber::manual) || !has(TreeNumber::automatic);
}

PortActions Bridge::settle_tree_numbers(TimePoint now) {
  PortActions actions;
  if (!tree_numbers_due_) return actions;
  configure_tree(now, actions);
  tree_numbers_due_.reset();
  if (!tree_) {
    actions.push_back(
        {{},
         error("bridge {}: must manually configure all STP port IDs or none, disabling",
               settings_.name)});
  }
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (!slots_[place].is_duplicate) continue;
    const PortSettings& port = slots_[place].port->settings();
    actions.push_back({fdb::PortId{static_cast<std::uint32_t>(place)},
                       error("port {}: duplicate stp-port-num {}, disabling", port.name,
                             port.stp.number.value_or(0))});
  }
  return actions;
}

/// Bonds, internal ports and mirror outputs never take part.
bool Bridge::can_take_part(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const PortSettings& settings = port.settings();
  return settings.interfaces.size() == 1 && !port.members().empty() &&
         settings.interfaces.front().type != "internal" && settings.name != settings_.name &&
         !is_mirror_output(settings.name);
}

std::optional<rstp::PortConfig> Bridge::rapid_tree_port(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const RstpPortSettings& settings = port.settings().rstp;
  constexpr std::uint16_t kMostNumber = 4095;
  if (!settings.enabled || settings.number == 0 || !can_take_part(id)) return std::nullopt;
  const auto number = choose_number(
      rapid_tree_->ports(), handle_of(id), settings.number, kMostNumber,
      [](const auto& config) -> std::uint16_t { return config.id.number & kMostNumber; });
  if (!number) return std::nullopt;
  const Member& member = port.members().front();
  rstp::PortConfig config;
  const auto known = rapid_tree_->ports().find(handle_of(id));
  const bool is_known = known != rapid_tree_->ports().end();
  if (is_known) config = known->second.config;
  config.name = port.settings().name;
  config.mac = member.mac;
  const unsigned priority =
      settings.priority.value_or(is_known ? config.id.number >> 12 << 4 : 128);
  config.id = {static_cast<std::uint16_t>(priority << 8 | *number)};
  if (!is_known || !settings.keeps_path_cost) {
    config.path_cost = settings.path_cost.value_or(path_cost(kRapidCosts, member.speed));
  }
  config.admin_edge = settings.admin_edge;
  config.auto_edge = settings.auto_edge;
  config.point_to_point = settings.point_to_point;
  return config;
}

std::optional<stp::PortConfig> Bridge::tree_port(fdb::PortId id) const {
  const Port& port = *slots_[index(id)].port;
  const PortSettings& settings = port.settings();
  if (tree_number(id) == TreeNumber::none) return std::nullopt;
  const Member& member = port.members().front();
  const auto number =
      choose_number(tree_->ports(), handle_of(id), settings.stp.number, 255,
                    [](const auto& config) -> std::uint16_t { return config.number; });
  // Unlike in the rapid tree, a wanted number that another port has keeps a port out.
  if (!number || (settings.stp.number && *number != *settings.stp.number)) return std::nullopt;
  stp::PortConfig config;
  config.name = settings.name;
  config.mac = member.mac;
  config.number = static_cast<std::uint8_t>(*number);
  config.priority = settings.stp.priority;
  config.path_cost =
      settings.stp.path_cost.value_or(static_cast<std::uint16_t>(path_cost(kCosts, member.speed)));
  return config;
}

void Bridge::update_tree_port(fdb::PortId id, TimePoint now, PortActions& actions) {
  const Port& port = *slots_[index(id)].port;
  const auto update = [&](auto& tree, const auto& config, bool admin_up) {
    if (!config) return take(tree.remove_port(handle_of(id), now), actions);
    const bool up = admin_up && port.members().front().link_up;
    take(tree.set_port(handle_of(id), *config, up ? stp::Link::up : stp::Link::down, now), actions);
  };
  if (rapid_tree_) update(*rapid_tree_, rapid_tree_port(id), port.settings().rstp.admin_up);
  if (!settings_.stp) return;
  Slot& slot = slots_[index(id)];
  const TreeNumber number = tree_number(id);
  if (std::exchange(slot.tree_number, number) != number) tree_numbers_due_ = now;
  if (!tree_) return;
  const auto config = tree_port(id);
  const auto known = tree_->ports().find(handle_of(id));
  const bool gives_up_number =
      known != tree_->ports().end() && (!config || config->number != known->second.config.number);
  if (gives_up_number) tree_numbers_due_ = now;
  const bool is_duplicate = !config && number == TreeNumber::manual;
  if (std::exchange(slot.is_duplicate, is_duplicate) != is_duplicate) tree_numbers_due_ = now;
  update(*tree_, config, true);
}

void Bridge::check_migration(fdb::PortId id, TimePoint now, PortActions& actions) {
  if (rapid_tree_) take(rapid_tree_->check_migration(handle_of(id), now), actions);
}

PortActions Bridge::receive_bpdu(fdb::PortId id, std::span<const std::uint8_t> frame,
                                 TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->receive(handle_of(id), frame, now), actions);
  if (rapid_tree_) take(rapid_tree_->receive(handle_of(id), frame, now), actions);
  return actions;
}

PortActions Bridge::note_topology_change(TimePoint now) {
  PortActions actions;
  if (tree_) take(tree_->note_topology_change(now), actions);
  if (rapid_tree_) take(rapid_tree_->note_topology_change(now), actions);
  return actions;
}

PortActions Bridge::expire_tree(TimePoint now) {
  PortActions actions = settle_tree_numbers(now);
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
    const auto id = std::visit([](const auto& what) { return port_of(what.port); }, action);
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
