#include "vswitchd/daemon/status.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "vswitchd/stp/view.hpp"

namespace bondway::daemon {
namespace {

using db::Atom;
using db::Datum;

Datum text(std::string value) { return Datum(Atom(std::move(value))); }
Datum number(std::int64_t value) { return Datum(Atom(value)); }
Datum up_or_down(bool up) { return text(up ? "up" : "down"); }

Datum text_set(std::initializer_list<const char*> words) {
  Datum set;
  for (const char* word : words) set.insert(Atom(std::string(word)));
  return set;
}

/// Sets a column if it differs.  A database of another release may lack it.
void put(db::Transaction& transaction, const db::Table& table, const db::Uuid& row,
         std::string_view column, Datum value) {
  const auto at = table.find(column);
  const db::Row* before = transaction.get(table, row);
  if (!at || before == nullptr || before->columns[*at] == value) return;
  transaction.set(table, row, *at, std::move(value));
}

Datum driver_status(const netdev::DeviceState& state) {
  Datum map;
  if (state.driver_name.empty()) return map;
  map.insert(Atom(std::string("driver_name")), Atom(state.driver_name));
  map.insert(Atom(std::string("driver_version")), Atom(state.driver_version));
  map.insert(Atom(std::string("firmware_version")), Atom(state.firmware_version));
  return map;
}

Datum duplex(netdev::Duplex duplex) {
  if (duplex == netdev::Duplex::unknown) return {};
  return text(duplex == netdev::Duplex::full ? "full" : "half");
}

Datum counters(const netdev::Statistics& statistics) {
  Datum map;
  for (const auto& [name, count] : statistics) {
    map.insert(Atom(name), Atom(static_cast<std::int64_t>(count)));
  }
  return map;
}

Datum texts(const std::map<std::string, std::string>& strings) {
  Datum map;
  for (const auto& [key, value] : strings) map.insert(Atom(key), Atom(value));
  return map;
}

/// Bridge:status.
Datum tree_status(const stp::SpanningTree* tree) {
  if (tree == nullptr) return {};
  return texts({{"stp_bridge_id", stp::to_text(tree->config().id)},
                {"stp_designated_root", stp::to_text(tree->root())},
                {"stp_root_path_cost", std::to_string(tree->root_path_cost())}});
}

/// Port:status.
Datum tree_port_status(const stp::SpanningTree& tree, stp::Handle handle, TimePoint now) {
  const stp::SpanningTree::Port& port = tree.ports().at(handle);
  return texts({{"stp_port_id", std::to_string(port.config.id().number)},
                {"stp_role", std::string(to_string(tree.role(handle)))},
                {"stp_sec_in_state", std::to_string((now - port.state_since) / 1s)},
                {"stp_state", std::string(to_string(port.state))}});
}

/// `8.000.aabbccddeef0`.
std::string rapid_text(const stp::BridgeId& id) {
  return fmt::format("{:x}.{:03x}.{:012x}", id.priority >> 12, id.priority & 0xfff,
                     id.mac.number());
}

std::string rapid_text(stp::PortId id) { return fmt::format("{:04x}", id.number); }

/// Bridge:rstp_status.
Datum rapid_tree_status(const rstp::RapidTree* tree) {
  if (tree == nullptr) return {};
  const rstp::PriorityVector& root = tree->root_priority();
  return texts({{"rstp_bridge_id", rapid_text(tree->config().id)},
                {"rstp_bridge_port_id", rapid_text(root.receiver)},
                {"rstp_designated_id", rapid_text(root.bridge)},
                {"rstp_designated_port_id", rapid_text(root.port)},
                {"rstp_root_id", rapid_text(root.root)},
                {"rstp_root_path_cost", std::to_string(root.cost)}});
}

/// Port:rstp_status.
Datum rapid_port_status(const rstp::PortVariables& port) {
  const rstp::PriorityVector& designated = port.port_priority;
  return texts({{"rstp_designated_bridge_id", rapid_text(designated.bridge)},
                {"rstp_designated_path_cost", std::to_string(designated.cost)},
                {"rstp_designated_port_id", rapid_text(designated.port)},
                {"rstp_port_id", rapid_text(port.config.id)},
                {"rstp_port_role", std::string(to_string(port.role))},
                {"rstp_port_state", std::string(to_string(port.state()))}});
}

constexpr std::string_view kDeviceColumns[] = {
    "admin_state", "link_state", "link_resets", "mac_in_use", "ifindex",     "mtu",
    "link_speed",  "duplex",     "status",      "statistics", "lacp_current"};

}  // namespace

StatusWriter::StatusWriter(Switch& bondway_switch, const db::Schema& schema)
    : switch_(bondway_switch),
      bridges_(*schema.find("Bridge")),
      ports_(*schema.find("Port")),
      interfaces_(*schema.find("Interface")),
      mirrors_(*schema.find("Mirror")),
      switch_table_(*schema.find("Open_vSwitch")) {}

void StatusWriter::write(const StatusNews& news, db::Transaction& transaction) {
  for (const db::Uuid& row : news.bridges) write_bridge(row, transaction);
  for (const db::Uuid& row : news.ports) write_port(row, transaction);
  for (const bridge::InterfaceId id : news.interfaces) {
    if (Interface* interface = switch_.interfaces().find(id)) {
      write_interface(*interface, transaction);
    }
  }
}

void StatusWriter::write_bridge(const db::Uuid& row, db::Transaction& transaction) {
  const auto it = switch_.bridges().find(row);
  if (it == switch_.bridges().end()) return;
  put(transaction, bridges_, row, "datapath_id",
      text(fmt::format("{:016x}", it->second.bridge->datapath_id())));
  put(transaction, bridges_, row, "datapath_version", text("<built-in>"));
  put(transaction, bridges_, row, "status", tree_status(it->second.bridge->tree()));
  put(transaction, bridges_, row, "rstp_status",
      rapid_tree_status(it->second.bridge->rapid_tree()));
}

void StatusWriter::write_port(const db::Uuid& row, db::Transaction& transaction) {
  const auto it = switch_.ports().find(row);
  if (it == switch_.ports().end()) return;
  write_tree_port(it->second, transaction);
  const bridge::Port& port = switch_.port(it->second);
  if (port.bond() == nullptr) return;  // a former bond keeps what it last said
  put(transaction, ports_, row, "bond_active_slave", text(to_string(port.bond()->active_mac())));
}

void StatusWriter::write_tree_port(const SwitchPort& port, db::Transaction& transaction) {
  const stp::SpanningTree* tree = switch_.bridge_of(port).bridge->tree();
  Datum status, statistics;
  if (tree != nullptr) {
    const auto found = tree->ports().find(stp::Handle{static_cast<std::uint32_t>(port.id)});
    if (found != tree->ports().end()) {
      status = tree_port_status(*tree, found->first, switch_.now());
      const stp::PortCounts& counts = found->second.counts;
      statistics = counters({{"stp_tx_count", counts.sent},
                             {"stp_rx_count", counts.received},
                             {"stp_error_count", counts.errors}});
    }
  }
  put(transaction, ports_, port.row, "status", std::move(status));
  const rstp::RapidTree* rapid = switch_.bridge_of(port).bridge->rapid_tree();
  Datum rapid_status, rapid_statistics;
  if (rapid != nullptr) {
    const auto found = rapid->ports().find(rstp::Handle{static_cast<std::uint32_t>(port.id)});
    if (found != rapid->ports().end()) {
      const rstp::PortVariables& variables = found->second;
      rapid_status = rapid_port_status(variables);
      const auto uptime = static_cast<std::uint64_t>((switch_.now() - variables.since) / 1s);
      rapid_statistics = counters({{"rstp_tx_count", variables.sent},
                                   {"rstp_rx_count", variables.received},
                                   {"rstp_error_count", variables.errors},
                                   {"rstp_uptime", uptime}});
    }
  }
  put(transaction, ports_, port.row, "rstp_status", std::move(rapid_status));
  put(transaction, ports_, port.row, "rstp_statistics", std::move(rapid_statistics));
  put(transaction, ports_, port.row, "statistics", std::move(statistics));
}

void StatusWriter::write_interface(Interface& interface, db::Transaction& transaction) {
  const auto set = [&](std::string_view column, Datum value) {
    put(transaction, interfaces_, interface.row, column, std::move(value));
  };
  set("error", interface.error.empty() ? Datum() : text(interface.error));
  set("ofport", number(interface.number ? *interface.number : -1));
  if (!interface.is_open()) {
    for (const std::string_view column : kDeviceColumns) set(column, {});
    return;
  }
  write_device(interface, transaction);
  const bridge::Port* port = switch_.find_port_of(interface);
  const bool has_lacp = port != nullptr && port->lag() != nullptr;
  set("lacp_current", has_lacp ? Datum(Atom(port->lag()->current(
                                     lacp::MemberId{static_cast<std::uint32_t>(interface.id)})))
                               : Datum());
  if (std::exchange(interface.newly_open, false))
    write_interface_statistics(interface, transaction);
}

void StatusWriter::write_device(const Interface& interface, db::Transaction& transaction) {
  const auto set = [&](std::string_view column, Datum value) {
    put(transaction, interfaces_, interface.row, column, std::move(value));
  };
  const netdev::DeviceState patch;
  const netdev::DeviceState& state = interface.device ? interface.device->state() : patch;
  set("admin_state", up_or_down(interface.is_patch || state.admin_up));
  set("link_state", up_or_down(interface.link_up()));
  set("link_resets", number(static_cast<std::int64_t>(state.link_resets)));
  set("mac_in_use", text(to_string(interface.mac())));
  set("ifindex", number(state.ifindex));
  set("mtu", interface.is_patch ? Datum() : number(state.mtu));
  set("link_speed", state.speed == 0 ? Datum() : number(static_cast<std::int64_t>(state.speed)));
  set("duplex", duplex(state.duplex));
  set("status", driver_status(state));
}

void StatusWriter::write_statistics(std::size_t begin, std::size_t end,
                                    db::Transaction& transaction) {
  for (std::size_t i = begin; i < end; ++i) {
    Interface* interface =
        switch_.interfaces().find(bridge::InterfaceId{static_cast<std::uint32_t>(i)});
    if (interface && interface->is_open()) write_interface_statistics(*interface, transaction);
  }
  if (begin != 0) return;
  for (const auto& [row, bridge] : switch_.bridges()) {
    write_mirror_statistics(*bridge.bridge, transaction);
    if (!bridge.bridge->has_tree()) continue;
    for (const SwitchPort* port : bridge.ports) {
      if (port != nullptr) write_tree_port(*port, transaction);
    }
  }
}

void StatusWriter::write_mirror_statistics(const bridge::Bridge& bridge,
                                           db::Transaction& transaction) {
  if (bridge.settings().mirrors.empty()) return;
  std::vector<std::pair<std::string, bridge::MirrorCount>> counts;
  switch_.datapath().exclusively([&] {
    for (const bridge::MirrorSettings& mirror : bridge.settings().mirrors) {
      if (!mirror.output_port && !mirror.output_vlan) continue;  // takes nothing, tells nothing
      counts.emplace_back(mirror.id, *bridge.mirror_count(mirror));
    }
  });
  for (const auto& [id, count] : counts) {
    put(transaction, mirrors_, *db::Uuid::parse(id), "statistics",
        counters({{"tx_packets", count.packets}, {"tx_bytes", count.octets}}));
  }
}

void StatusWriter::write_interface_statistics(Interface& interface, db::Transaction& transaction) {
  netdev::Statistics statistics;
  if (interface.device) {
    statistics = interface.device->statistics();
  } else {
    bridge::Traffic traffic;
    switch_.datapath().exclusively([&] { traffic = *interface.traffic; });
    const bridge::Traffic& slow = interface.slow_traffic;
    statistics = {{"rx_packets", traffic.rx_packets + slow.rx_packets},
                  {"rx_bytes", traffic.rx_octets + slow.rx_octets},
                  {"tx_packets", traffic.tx_packets + slow.tx_packets},
                  {"tx_bytes", traffic.tx_octets + slow.tx_octets}};
  }
  put(transaction, interfaces_, interface.row, "statistics", counters(statistics));
}

void StatusWriter::write_reached(std::int64_t next_cfg, db::Transaction& transaction) {
  if (switch_.row()) put(transaction, switch_table_, *switch_.row(), "cur_cfg", number(next_cfg));
}

void StatusWriter::write_capabilities(db::Transaction& transaction) {
  if (!switch_.row()) return;
  put(transaction, switch_table_, *switch_.row(), "iface_types",
      text_set({"dummy", "internal", "patch", "system", "tap"}));
  put(transaction, switch_table_, *switch_.row(), "datapath_types", text_set({"netdev", "system"}));
  put(transaction, switch_table_, *switch_.row(), "dpdk_version", text("none"));
}

}  // namespace bondway::daemon
