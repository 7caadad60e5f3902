#include "vswitchd/daemon/switch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>

namespace bondway::daemon {

Switch::Switch(asio::io_context& io, DummyMode dummies, std::function<TimePoint()> now, Logger log)
    : now_(std::move(now)),
      write_log_(std::move(log)),
      factory_(dummies),
      datapath_(now_),
      interfaces_(io, factory_, datapath_, [this](bridge::InterfaceId id, const FrameView& frame) {
        on_slow_frame(id, frame.octets);
        settle();
      }) {
  watches_.emplace_back(io, links_.fd(), [this] { on_links(links_.read()); });
  watches_.emplace_back(io, datapath_.control_fd(), [this] {
    const auto news = datapath_.take_news();
    for (const bridge::InterfaceId id : news.refused) check_link(id);
    for (const bridge::InterfaceId id : news.gone) replace_if_gone(id);
    for (const datapath::ControlFrame& arrived : news.frames) {
      const Interface* interface = interfaces_.find(arrived.interface);
      if (interface && interface->slow_frames) continue;  // heard on its own socket
      on_slow_frame(arrived.interface, arrived.frame.octets);
    }
    settle();
  });
}

Switch::~Switch() { write_log(); }

std::size_t Switch::count_system_devices(const std::vector<config::Step>& steps) const {
  std::size_t count = 0;
  for (const config::Step& step : steps) {
    const auto* added = std::get_if<config::AddPort>(&step);
    if (added == nullptr) continue;
    count += static_cast<std::size_t>(
        std::ranges::count_if(added->settings.interfaces, [this](const auto& interface) {
          return factory_.effective_type(interface.type, "").empty();
        }));
  }
  return count;
}

void Switch::apply(const std::vector<config::Step>& steps) {
  ++totals_.reconfigurations;
  next_attention_ = std::chrono::steady_clock::now() + kAttentionInterval;
  factory_.expect(count_system_devices(steps), datapath_.processors());
  for (const config::Step& step : steps) {
    const bool is_removal = std::holds_alternative<config::RemovePort>(step) ||
                            std::holds_alternative<config::RemoveBridge>(step);
    if (!is_removal) remove_closed();  // before their names and descriptors are wanted again
    std::visit([this](const auto& s) { perform(s); }, step);
    run_queue();
    attend();
  }
  factory_.expect_no_more();
  remove_closed();
  for (auto& [row, bridge] : bridges_) {
    queue(bridge.id, bridge.bridge->settle_tree_numbers(now()));
  }
  settle();
}

/// As many as there are now: attending may close others.
void Switch::remove_closed() {
  for (std::size_t left = factory_.closed(); left > 0;) {
    const std::size_t removed = factory_.remove_some();
    if (removed == 0) return;
    left -= std::min(left, removed);
    attend();
  }
}

// ---- steps of the configuration

void Switch::perform(const config::AddBridge& step) {
  auto free = std::ranges::find(bridges_by_id_, nullptr);
  if (free == bridges_by_id_.end()) free = bridges_by_id_.insert(free, nullptr);
  SwitchBridge& bridge = bridges_[step.bridge];
  *free = &bridge;
  bridge.row = step.bridge;
  bridge.id = bridge::BridgeId{static_cast<std::uint32_t>(free - bridges_by_id_.begin())};
  const fdb::TableConfig macs{step.settings.mac_table_size, step.settings.mac_ageing};
  bridge.bridge = std::make_unique<bridge::Bridge>(
      step.settings, factory_.random_mac(),
      std::make_shared<fdb::Table>(macs, std::random_device()()), recirculation_ids_);
  log(fmt::format("bridge {}: using datapath ID {:016x}", step.settings.name,
                  bridge.bridge->datapath_id()));
  bridge_names_[step.settings.name] = step.bridge;
  stale_bridges_.insert(step.bridge);
  news_.bridges.insert(step.bridge);
  queue(bridge.id, bridge.bridge->configure(step.settings, now()));
}

void Switch::perform(const config::ChangeBridge& step) {
  SwitchBridge& bridge = bridges_.at(step.bridge);
  const bool empties_table = !(bridge.bridge->settings().flood_vlans == step.settings.flood_vlans);
  const fdb::TableConfig config{step.settings.mac_table_size, step.settings.mac_ageing};
  datapath_.exclusively([&] {
    if (empties_table) bridge.bridge->macs()->flush();
    bridge.bridge->macs()->configure(config);
    bridge.bridge->macs()->expire(now());
  });
  queue(bridge.id, bridge.bridge->configure(step.settings, now()));
  place_mac(bridge);
  stale_bridges_.insert(step.bridge);
  news_.bridges.insert(step.bridge);
}

void Switch::perform(const config::RemoveBridge& step) {
  const auto it = bridges_.find(step.bridge);
  const auto id = static_cast<std::size_t>(it->second.id);
  bridge_names_.erase(it->second.bridge->settings().name);
  bridges_by_id_[id] = nullptr;
  if (id < bridge_plans_.size()) bridge_plans_[id].reset();
  stale_bridges_.erase(step.bridge);
  news_.bridges.erase(step.bridge);
  bridges_.erase(it);
}

void Switch::perform(const config::AddPort& step) {
  SwitchBridge& bridge = bridges_.at(step.bridge);
  SwitchPort& port = ports_[step.port];
  port.row = step.port;
  port.bridge = bridge.id;
  port.id = bridge.bridge->add_port(step.settings);
  if (step.settings.lacp) port.lacp_since = ++sequence_;
  const auto place = static_cast<std::size_t>(port.id);
  if (place >= bridge.ports.size()) bridge.ports.resize(place + 1);
  bridge.ports[place] = &port;
  port_names_[step.settings.name] = &port;
  note_detect_mode(step.port, step.settings.detect);
  std::vector<Interface*> interfaces;
  for (std::size_t i = 0; i < step.interfaces.size(); ++i) {
    interfaces.push_back(&add_interface(port, step.interfaces[i], step.settings.interfaces[i]));
  }
  open(port, interfaces);
  stale_bridges_.insert(step.bridge);
  news_.ports.insert(step.port);
}

void Switch::perform(const config::ChangePort& step) {
  SwitchPort& port = ports_.at(step.port);
  note_detect_mode(step.port, step.settings.detect);
  if (!step.settings.lacp) {
    port.lacp_since = 0;
    for (const bridge::InterfaceId id : port.interfaces) interfaces_.silence(id);
  }
  if (step.settings.lacp && port.lacp_since == 0) port.lacp_since = ++sequence_;
  for (const bridge::InterfaceId id : std::vector(port.interfaces)) {
    const Interface& interface = *interfaces_.find(id);
    if (std::ranges::find(step.interfaces, interface.row) == step.interfaces.end()) {
      remove_interface(port, id);
    }
  }
  SwitchBridge& bridge = bridge_of(port);
  queue(port.bridge, bridge.bridge->configure_port(port.id, step.settings, now()));
  std::vector<Interface*> added;
  for (std::size_t i = 0; i < step.interfaces.size(); ++i) {
    const bridge::InterfaceSettings& settings = step.settings.interfaces[i];
    Interface* known = interfaces_.find(settings.name);
    if (known != nullptr && known->row == step.interfaces[i]) {
      change_interface(port, *known, settings);
    } else {
      added.push_back(&add_interface(port, step.interfaces[i], settings));
    }
  }
  open(port, added);
  news_.ports.insert(step.port);
}

void Switch::perform(const config::RemovePort& step) {
  SwitchPort& port = ports_.at(step.port);
  SwitchBridge& bridge = bridge_of(port);
  port.leaving = true;
  for (const bridge::InterfaceId id : std::vector(port.interfaces)) remove_interface(port, id);
  run_queue();
  // Stations behind the port have gone: other bridges that met them by way of it forget them too.
  datapath_.exclusively([&] {
    for (const fdb::Entry& entry : bridge.bridge->macs()->entries(now())) {
      if (entry.port != port.id) continue;
      for (auto& [row, other] : bridges_) {
        if (auto vlan = VlanId::from(entry.vlan); vlan && row != bridge.row) {
          other.bridge->macs()->forget(entry.mac, *vlan);
        }
      }
    }
    if (bridge.bridge->is_mirrored(port.id)) bridge.bridge->macs()->flush();
    bridge.bridge->macs()->flush_port(port.id);
  });
  port_names_.erase(bridge.bridge->find(port.id)->settings().name);
  bridge.bridge->remove_port(port.id);
  choose_mac(bridge);
  bridge.ports[static_cast<std::size_t>(port.id)] = nullptr;
  stale_bridges_.insert(bridge.row);
  news_.ports.erase(step.port);
  mii_ports_.erase(step.port);
  ports_.erase(step.port);
}

void Switch::perform(const config::ChangeSwitch& step) {
  if (settings_.vlan_limit != step.settings.vlan_limit) {
    for (const auto& [row, bridge] : bridges_) stale_bridges_.insert(row);
  }
  row_ = step.row;
  settings_ = step.settings;
  const std::size_t processors = std::thread::hardware_concurrency();
  const auto set = datapath_.set_workers(
      settings_.workers != 0 ? settings_.workers : std::max<std::size_t>(processors / 2, 1));
  if (!set) log(set.error().message, bridge::Log::Level::warning);
}

void Switch::perform(const config::Warn& step) {
  using Kind = config::Warning::Kind;
  const auto& [text, kind] = step.warning;
  log({.level = kind == Kind::error ? bridge::Log::Level::error : bridge::Log::Level::warning,
       .text = text,
       .limited = kind == Kind::once_a_minute});
}

// ---- interfaces

void Switch::note_detect_mode(const db::Uuid& port, bridge::DetectMode mode) {
  if (mode == bridge::DetectMode::miimon) {
    mii_ports_.try_emplace(port);
  } else {
    mii_ports_.erase(port);
  }
}

Interface& Switch::add_interface(SwitchPort& port, const db::Uuid& row,
                                 const bridge::InterfaceSettings& settings) {
  Interface& interface = interfaces_.add(row, settings);
  SwitchBridge& bridge = bridge_of(port);
  interface.bridge = bridge.id;
  interface.port = port.id;
  const std::string& type = bridge.bridge->settings().datapath_type;
  interface.datapath_type = type.empty() ? "system" : type;
  port.interfaces.push_back(interface.id);
  return interface;
}

void Switch::change_interface(SwitchPort& port, Interface& interface,
                              const bridge::InterfaceSettings& settings) {
  if (interface.settings == settings) return;
  const bool other_number = settings.ofport_request && settings.ofport_request != interface.number;
  if (!Interfaces::can_reconfigure(interface, settings) || other_number) {
    const auto held = interface.number ? interface.number : interface.settings.remembered_ofport;
    const auto number = other_number ? settings.ofport_request : held;
    close(port, interface);
    interface.settings = settings;
    interface.settings.remembered_ofport = number;
    reopen(interface);
    return;
  }
  interfaces_.reconfigure(interface, settings);
  log_refused(interface);
  if (const auto mac = wanted_mac(bridge_of(port), interface)) interfaces_.set_mac(interface, *mac);
  link_changed(interface);
}

void Switch::open(SwitchPort& port, std::span<Interface* const> interfaces) {
  SwitchBridge& bridge = bridge_of(port);
  std::vector<bridge::Member> members;
  for (Interface* interface : interfaces) {
    if (open_one(bridge, *interface)) members.push_back(member_of(*interface));
  }
  if (members.empty()) return;
  queue(port.bridge, bridge.bridge->add_members(port.id, members, now()));
  choose_mac(bridge);
}

bool Switch::open_one(SwitchBridge& bridge, Interface& interface) {
  const std::string& bridge_name = bridge.bridge->settings().name;
  const bool is_local = interface.settings.name == bridge_name;
  interfaces_.open(interface, wanted_mac(bridge, interface));
  if (!interface.is_open()) {
    log_unopened(interface);
    return false;
  }
  log_refused(interface);
  const auto wanted = interface.settings.ofport_request ? interface.settings.ofport_request
                                                        : interface.settings.remembered_ofport;
  interface.number =
      is_local ? std::optional(bridge::PortNumbers::kLocal) : bridge.bridge->numbers().take(wanted);
  if (!interface.number) {
    interface.error = fmt::format("bridge {} has no port number left", bridge_name);
    interfaces_.close(interface);
    return false;
  }
  log(fmt::format("bridge {}: added interface {} on port {}", bridge_name, interface.settings.name,
                  *interface.number));
  behind_.insert(interface.id);
  return true;
}

/// What a device that works does not do.
void Switch::log_refused(const Interface& interface) {
  if (!interface.device || interface.type == "dummy" || interface.error.empty()) return;
  log(interface.error, bridge::Log::Level::warning);
}

/// Under the names of the modules that scripts look for.
void Switch::log_unopened(const Interface& interface) {
  using Level = bridge::Log::Level;
  const std::string& name = interface.settings.name;
  if (interface.type == "patch") {
    log({"netdev_vport", Level::error, interface.error});
    log({"netdev", Level::warning,
         fmt::format("{}: could not set configuration (Invalid argument)", name)});
    return;
  }
  if (interface.error.ends_with("(Address family not supported by protocol)")) {
    log({"netdev", Level::warning,
         fmt::format("could not create netdev {} of unknown type {}", name, interface.type)});
  }
  log(interface.error, Level::warning);
}

void Switch::reopen(Interface& interface) {
  Interface* const one[] = {&interface};
  open(port_of(interface), one);
}

void Switch::close(SwitchPort& port, Interface& interface) {
  if (!interface.is_open()) return;
  SwitchBridge& bridge = bridge_of(port);
  if (interface.number) {
    bridge.bridge->numbers().release(*interface.number);
    log(fmt::format("bridge {}: deleted interface {} on port {}", bridge.bridge->settings().name,
                    interface.settings.name, *interface.number));
  }
  interface.number.reset();
  bridge.mtu.remove(interface.id);
  mtu_due_.insert(bridge.id);
  queue(port.bridge, bridge.bridge->remove_member(port.id, interface.id, now()));
  interfaces_.close(interface);
  choose_mac(bridge);
}

void Switch::remove_interface(SwitchPort& port, bridge::InterfaceId id) {
  Interface& interface = *interfaces_.find(id);
  close(port, interface);
  run_queue();
  std::erase(port.interfaces, id);
  news_.interfaces.erase(id);
  interfaces_.remove(interface);
}

// ---- addresses

/// The address that an internal device should have; others keep their own.
std::optional<MacAddress> Switch::wanted_mac(const SwitchBridge& bridge,
                                             const Interface& interface) {
  if (interface.settings.name == bridge.bridge->settings().name) return bridge.bridge->mac();
  if (interface.settings.type != "internal" || !interface.settings.mac) return std::nullopt;
  const MacAddress& mac = *interface.settings.mac;
  return mac.is_zero() || mac.is_multicast() ? std::nullopt : interface.settings.mac;
}

void Switch::choose_mac(SwitchBridge& bridge) {
  queue(bridge.id, bridge.bridge->choose_mac(now()));
  place_mac(bridge);
}

/// The local port has the address of its bridge.
void Switch::place_mac(const SwitchBridge& bridge) {
  Interface* local = interfaces_.find(bridge.bridge->settings().name);
  if (local == nullptr || !local->device || local->bridge != bridge.id) return;
  if (local->mac() == bridge.bridge->mac()) return;
  interfaces_.set_mac(*local, bridge.bridge->mac());
  link_changed(*local);
}

bridge::Member Switch::member_of(const Interface& interface) const {
  return {interface.id,
          interface.settings.name,
          interface.mac(),
          *interface.number,
          interface.link_up(),
          interface.type != "dummy",
          interface.device ? interface.device->state().speed : 0};
}

// ---- lookups

SwitchBridge* Switch::find_bridge(const std::string& name) {
  const auto it = bridge_names_.find(name);
  return it == bridge_names_.end() ? nullptr : &bridges_.at(it->second);
}

SwitchPort* Switch::find_port(const std::string& name) {
  const auto it = port_names_.find(name);
  return it == port_names_.end() ? nullptr : it->second;
}

bridge::Port& Switch::port(const SwitchPort& port) {
  return *bridge_of(port).bridge->find(port.id);
}

const bridge::Port* Switch::find_port_of(const Interface& interface) {
  const SwitchBridge* bridge = find_bridge(interface.bridge);
  return bridge == nullptr ? nullptr : bridge->bridge->find(interface.port);
}

void Switch::log(std::string text, bridge::Log::Level level) {
  log({"bridge", level, std::move(text)});
}

}  // namespace bondway::daemon
