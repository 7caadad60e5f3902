#include "vswitchd/config/reconcile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bondway::config {
namespace {

constexpr std::array<std::string_view, 9> kBridgeColumns{
    "name",  "fail_mode", "datapath_type", "other_config", "flood_vlans",
    "ports", "mirrors",   "stp_enable",    "rstp_enable"};
constexpr std::array<std::string_view, 15> kPortColumns{
    "name",         "interfaces", "bond_mode",  "bond_updelay", "bond_downdelay", "bond_fake_iface",
    "other_config", "lacp",       "mac",        "tag",          "trunks",         "cvlans",
    "vlan_mode",    "protected",  "fake_bridge"};
constexpr std::array<std::string_view, 7> kInterfaceColumns{
    "name", "type", "options", "mac", "ofport_request", "mtu_request", "other_config"};
constexpr std::array<std::string_view, 8> kMirrorColumns{
    "name",        "select_all",  "select_src_port", "select_dst_port",
    "select_vlan", "output_port", "output_vlan",     "snaplen"};
constexpr std::array<std::string_view, 3> kSwitchColumns{"bridges", "next_cfg", "other_config"};

std::span<const std::string_view> configuration_columns(const std::string& table) {
  if (table == "Bridge") return kBridgeColumns;
  if (table == "Port") return kPortColumns;
  if (table == "Interface") return kInterfaceColumns;
  if (table == "Mirror") return kMirrorColumns;
  if (table == "Open_vSwitch") return kSwitchColumns;
  return {};
}

/// Whether a change concerns the configuration at all, and not only what the daemon reports.
bool changes_configuration(const db::RowChange& change) {
  const auto columns = configuration_columns(change.table->name);
  if (!change.before || !change.after) return !columns.empty();
  return std::ranges::any_of(columns, [&](std::string_view column) {
    const auto at = change.table->find(column);
    return at && change.before->columns[*at] != change.after->columns[*at];
  });
}

/// What one sorted range has and another has not.
std::vector<db::Uuid> difference(const std::vector<db::Uuid>& a, const std::vector<db::Uuid>& b) {
  std::vector<db::Uuid> found;
  std::ranges::set_difference(a, b, std::back_inserter(found));
  return found;
}

void warn(const Warnings& warnings, std::vector<Step>& steps) {
  for (const Warning& warning : warnings) steps.emplace_back(Warn{warning});
}

/// Only what has not been told before.
void warn_anew(const Warnings& warnings, Warnings& told, std::vector<Step>& steps) {
  for (const Warning& warning : warnings) {
    if (std::ranges::find(told, warning) == told.end()) steps.emplace_back(Warn{warning});
  }
  told = warnings;
}

void note_mirror(const std::string& bridge, const bridge::MirrorSettings& mirror,
                 Warnings& warnings) {
  if (!mirror.output_port && !mirror.output_vlan) {
    warnings.push_back({fmt::format("bridge {}: mirror {} does not specify output; ignoring",
                                    bridge, mirror.name)});
  } else if (mirror.output_port && mirror.output_vlan) {
    warnings.push_back(
        {fmt::format("bridge {}: mirror {} specifies both output port and output vlan; ignoring "
                     "output vlan",
                     bridge, mirror.name)});
  }
}

/// Ports whose number is given are opened before those that take the next free one.
bool has_number(const Step& step) {
  const auto* add = std::get_if<AddPort>(&step);
  if (add == nullptr) return true;
  return std::ranges::any_of(add->settings.interfaces, [](const bridge::InterfaceSettings& i) {
    return i.ofport_request || i.remembered_ofport;
  });
}

bool by_name(const Step& a, const Step& b) {
  const auto* left = std::get_if<AddPort>(&a);
  const auto* right = std::get_if<AddPort>(&b);
  return left != nullptr && right != nullptr && left->settings.name < right->settings.name;
}

}  // namespace

/// What has to be looked at again.
struct Reconciler::Affected {
  bool the_switch = false;
  std::set<db::Uuid> bridges, ports;
};

Reconciler::Reconciler(const db::Database& database) : database_(database) {}

std::vector<Step> Reconciler::start() {
  Affected everything;
  everything.the_switch = true;
  std::vector<Step> steps;
  reconcile(everything, steps);
  return steps;
}

std::vector<Step> Reconciler::apply(const db::Changes& changes) {
  std::vector<Step> steps;
  reconcile(affected(changes), steps);
  return steps;
}

Reconciler::Affected Reconciler::affected(const db::Changes& changes) const {
  Affected affected;
  for (const db::RowChange& change : changes) {
    if (!changes_configuration(change)) continue;
    if (change.table->name == "Open_vSwitch") affected.the_switch = true;
    if (change.table->name == "Bridge") affected.bridges.insert(change.uuid);
    if (change.table->name == "Port") affected.ports.insert(change.uuid);
    if (change.table->name == "Interface") {
      const auto port = port_of_interface_.find(change.uuid);
      if (port != port_of_interface_.end()) affected.ports.insert(port->second);
    }
    if (change.table->name == "Mirror") {
      for (const auto& [bridge, known] : bridges_) {
        if (std::ranges::binary_search(known.mirrors, change.uuid)) affected.bridges.insert(bridge);
      }
    }
  }
  return affected;
}

void Reconciler::reconcile(const Affected& what, std::vector<Step>& steps) {
  Affected affected = what;
  if (affected.the_switch) reconcile_bridges(affected, steps);

  // A port that moves from one bridge to another leaves the old one first.
  std::vector<std::pair<db::Uuid, db::Uuid>> added;
  const db::Table* bridge_table = database_.schema().find("Bridge");
  for (const db::Uuid& uuid : affected.bridges) {
    const auto known = bridges_.find(uuid);
    const db::RowPtr row = database_.find(*bridge_table, uuid);
    if (known == bridges_.end() || !row) continue;
    std::vector<db::Uuid> ports = Row(*bridge_table, *row).references("ports");
    for (const db::Uuid& port : difference(known->second.ports, ports)) remove_port(port, steps);
    for (const db::Uuid& port : difference(ports, known->second.ports)) {
      added.emplace_back(port, uuid);
    }
    known->second.ports = std::move(ports);

    Warnings warnings;
    auto settings = read_bridge(*row, warnings);
    known->second.mirrors = Row(*bridge_table, *row).references("mirrors");
    warn_anew(warnings, known->second.warnings, steps);
    if (settings != known->second.settings) {
      const auto& old = known->second.settings;  // see check_port()
      if (!(old.flood_vlans == settings.flood_vlans) ||
          old.stp.has_value() != settings.stp.has_value() ||
          old.rstp.has_value() != settings.rstp.has_value()) {
        affected.ports.insert(known->second.ports.begin(), known->second.ports.end());
      }
      known->second.settings = settings;
      steps.emplace_back(ChangeBridge{uuid, std::move(settings)});
    }
  }

  std::vector<Step> additions;
  for (const auto& [port, bridge] : added) {
    read_port(port, bridge, additions);
    affected.ports.erase(port);
  }
  std::ranges::stable_sort(additions, by_name);
  std::stable_partition(additions.begin(), additions.end(), has_number);
  std::ranges::move(additions, std::back_inserter(steps));
  for (const db::Uuid& port : affected.ports) {
    const auto known = ports_.find(port);
    if (known != ports_.end()) read_port(port, known->second.bridge, steps);
  }
  if (affected.the_switch) read_switch(steps);
}

void Reconciler::reconcile_bridges(Affected& affected, std::vector<Step>& steps) {
  const db::Table* switch_table = database_.schema().find("Open_vSwitch");
  const db::Table* bridge_table = database_.schema().find("Bridge");
  std::set<db::Uuid> wanted;
  for (const auto& [uuid, row] : database_.rows(*switch_table)) {
    const auto bridges = Row(*switch_table, *row).references("bridges");
    wanted.insert(bridges.begin(), bridges.end());
  }
  for (auto it = bridges_.begin(); it != bridges_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    for (const db::Uuid& port : it->second.ports) remove_port(port, steps);
    steps.emplace_back(RemoveBridge{it->first});
    it = bridges_.erase(it);
  }
  for (const db::Uuid& uuid : wanted) {
    const db::RowPtr row = database_.find(*bridge_table, uuid);
    if (!row || bridges_.contains(uuid)) continue;
    Warnings warnings;
    KnownBridge bridge{
        read_bridge(*row, warnings), {}, {}, Row(*bridge_table, *row).references("mirrors")};
    bridge.warnings = warnings;
    warn(warnings, steps);
    steps.emplace_back(AddBridge{uuid, bridge.settings});
    bridges_.emplace(uuid, std::move(bridge));
    affected.bridges.insert(uuid);
  }
}

bridge::BridgeSettings Reconciler::read_bridge(const db::Row& row, Warnings& warnings) const {
  const db::Table* port_table = database_.schema().find("Port");
  const db::Table* mirror_table = database_.schema().find("Mirror");
  const Row bridge(*database_.schema().find("Bridge"), row);
  const auto port_name = [&](const db::Uuid& uuid) -> std::optional<std::string> {
    const db::RowPtr port = database_.find(*port_table, uuid);
    if (!port) return std::nullopt;
    return Row(*port_table, *port).text("name");
  };
  bridge::BridgeSettings settings = bridge_settings(bridge, warnings);
  for (const db::Uuid& uuid : bridge.references("mirrors")) {
    const db::RowPtr mirror = database_.find(*mirror_table, uuid);
    if (!mirror) continue;
    settings.mirrors.push_back(mirror_settings(Row(*mirror_table, *mirror), port_name));
    note_mirror(settings.name, settings.mirrors.back(), warnings);
  }
  return settings;
}

void Reconciler::remove_port(const db::Uuid& port, std::vector<Step>& steps) {
  const auto known = ports_.find(port);
  if (known == ports_.end()) return;
  for (const db::Uuid& interface : known->second.interfaces) {
    const auto owner = port_of_interface_.find(interface);
    if (owner != port_of_interface_.end() && owner->second == port) port_of_interface_.erase(owner);
  }
  ports_.erase(known);
  steps.emplace_back(RemovePort{port});
}

void Reconciler::read_port(const db::Uuid& port, const db::Uuid& bridge, std::vector<Step>& steps) {
  const db::Table* port_table = database_.schema().find("Port");
  const db::Table* interface_table = database_.schema().find("Interface");
  const db::RowPtr row = database_.find(*port_table, port);
  if (!row) return;
  std::vector<db::RowPtr> rows;
  for (const db::Uuid& uuid : Row(*port_table, *row).references("interfaces")) {
    if (auto found = database_.find(*interface_table, uuid)) rows.push_back(std::move(found));
  }
  std::vector<Row> interfaces;
  for (const db::RowPtr& interface : rows) interfaces.emplace_back(*interface_table, *interface);
  std::ranges::sort(interfaces, {}, [](const Row& interface) { return interface.text("name"); });

  Warnings warnings;
  KnownPort now{bridge, port_settings(Row(*port_table, *row), interfaces, warnings), {}, {}};
  check_port(bridges_.at(bridge).settings, now.settings, warnings);
  now.warnings = warnings;
  for (const Row& interface : interfaces) now.interfaces.push_back(interface.uuid());
  const auto known = ports_.find(port);
  const bool is_new = known == ports_.end() || known->second.bridge != bridge;
  if (!is_new && known->second.settings == now.settings &&
      known->second.interfaces == now.interfaces) {
    return warn_anew(warnings, known->second.warnings, steps);
  }
  if (!is_new) {
    for (const db::Uuid& interface : known->second.interfaces) port_of_interface_.erase(interface);
  }
  for (const db::Uuid& interface : now.interfaces) port_of_interface_[interface] = port;
  warn(warnings, steps);
  if (is_new) {
    steps.emplace_back(AddPort{bridge, port, now.settings, now.interfaces});
  } else {
    steps.emplace_back(ChangePort{port, now.settings, now.interfaces});
  }
  ports_.insert_or_assign(port, std::move(now));
}

void Reconciler::read_switch(std::vector<Step>& steps) {
  const db::Table* table = database_.schema().find("Open_vSwitch");
  const db::RowMap& rows = database_.rows(*table);
  if (rows.empty()) return;
  const auto& [uuid, row] = *rows.begin();
  Warnings warnings;
  const SwitchSettings settings = switch_settings(Row(*table, *row), warnings);
  warn_anew(warnings, switch_warnings_, steps);
  if (switch_ == settings) return;
  switch_ = settings;
  steps.emplace_back(ChangeSwitch{uuid, settings});
}

}  // namespace bondway::config
