#include <functional>

#include "process/show_command.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/daemon/json_views.hpp"
#include "vswitchd/fdb/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

/// A bond goes by the number of its first interface.
fdb::PortNumbers numbers_of(Switch& sw, SwitchBridge& bridge) {
  return [&sw, &bridge](fdb::PortId id) -> fdb::PortNumber {
    const SwitchPort* port = bridge.find(id);
    if (port == nullptr) return 0;
    for (const bridge::InterfaceId interface : port->interfaces) {
      if (const auto number = sw.interfaces().find(interface)->number) return *number;
    }
    return 0;
  };
}

Result<SwitchBridge*> find_bridge(Switch& sw, const std::string& name) {
  SwitchBridge* bridge = sw.find_bridge(name);
  if (bridge == nullptr) return fail("no such bridge");
  return bridge;
}

/// Something of a bridge's table, and the bridge's name.
template <typename T>
struct Of {
  std::string bridge;
  T value{};
};

Result<Of<fdb::TableView>> take_entries(Switch& sw, const Args& args) {
  const auto bridge = find_bridge(sw, args[0]);
  if (!bridge) return tl::unexpected(bridge.error());
  fdb::TableView view;
  sw.datapath().exclusively([&] {
    fdb::Table& macs = *(*bridge)->bridge->macs();
    macs.expire(sw.now());
    view = fdb::view(macs, sw.now(), numbers_of(sw, **bridge));
  });
  return Of<fdb::TableView>{args[0], std::move(view)};
}

Result<Of<fdb::Statistics>> take_statistics(Switch& sw, const Args& args) {
  const auto bridge = find_bridge(sw, args[0]);
  if (!bridge) return tl::unexpected(bridge.error());
  fdb::Statistics statistics;
  sw.datapath().exclusively([&] {
    fdb::Table& macs = *(*bridge)->bridge->macs();
    macs.expire(sw.now());
    statistics = macs.statistics();
  });
  return Of<fdb::Statistics>{args[0], statistics};
}

/// Does the same to one bridge's table, or to all.
Result<std::string> each_table(Switch& sw, const Args& args, void (fdb::Table::*change)(),
                               const char* answer) {
  if (!args.empty() && sw.find_bridge(args[0]) == nullptr) return fail("no such bridge");
  sw.datapath().exclusively([&] {
    for (auto& [row, bridge] : sw.bridges()) {
      if (args.empty() || bridge.bridge->settings().name == args[0]) {
        (bridge.bridge->macs().get()->*change)();
      }
    }
  });
  return answer;
}

/// In such a VLAN the reference finds no entry.
bool is_flooded(SwitchBridge& bridge, std::uint16_t vlan) {
  const auto id = VlanId::from(vlan);
  return id && bridge.bridge->settings().flood_vlans.contains(*id);
}

/// As the reference, for which an entry of a bond always counts as another.
bool tells_of(const fdb::Table::Replaced& replaced, SwitchBridge& bridge, fdb::PortId port,
              std::uint16_t vlan) {
  if (is_flooded(bridge, vlan)) return false;
  return replaced != fdb::Table::Replaced{port, true} || bridge.find(port)->interfaces.size() > 1;
}

Result<std::string> add(Switch& sw, const Args& args) {
  const auto bridge = find_bridge(sw, args[0]);
  if (!bridge) return tl::unexpected(bridge.error());
  const auto mac = MacAddress::parse(args[3]);
  if (!mac) return fail("bad MAC address");
  const Interface* interface = sw.interfaces().find(args[1]);
  if (interface == nullptr || !interface->is_open() || interface->bridge != (*bridge)->id) {
    return fail("software error, odp port is present but no ofp port");
  }
  const std::uint16_t vlan = fdb::parse_vlan(args[2]);
  std::optional<fdb::Table::Replaced> replaced;
  sw.datapath().exclusively([&] {
    replaced = (*bridge)->bridge->macs()->add_static(*mac, vlan, interface->port, sw.now());
  });
  if (replaced && !tells_of(*replaced, **bridge, interface->port, vlan)) return "";
  return fdb::show(replaced, numbers_of(sw, **bridge));
}

Result<std::string> del(Switch& sw, const Args& args) {
  const auto bridge = find_bridge(sw, args[0]);
  if (!bridge) return tl::unexpected(bridge.error());
  const auto mac = MacAddress::parse(args[2]);
  if (!mac) return fail("bad MAC address");
  const std::uint16_t vlan = fdb::parse_vlan(args[1]);
  bool removed = false;
  sw.datapath().exclusively([&] {
    removed = !is_flooded(**bridge, vlan) && (*bridge)->bridge->macs()->remove_static(*mac, vlan);
  });
  if (!removed) return fail("could not find static mac entry");
  return "";
}

}  // namespace

void add_fdb_commands(process::CommandTable& table, Switch& sw) {
  using Entries = Of<fdb::TableView>;
  using Statistics = Of<fdb::Statistics>;
  table.add(process::show_command(
      "fdb/show", "bridge", 1, 1, [&sw](const Args& args) { return take_entries(sw, args); },
      [](const Entries& of) { return fdb::show(of.value); },
      [](const Entries& of) { return fdb_show_json(of.bridge, of.value); }));
  table.add(process::show_command(
      "fdb/stats-show", "bridge", 1, 1,
      [&sw](const Args& args) { return take_statistics(sw, args); },
      [](const Statistics& of) { return fdb::show(of.bridge, of.value); },
      [](const Statistics& of) { return fdb_stats_json(of.bridge, of.value); }));
  table.add("fdb/flush", "[bridge]", 0, 1, [&sw](const Args& args) {
    return each_table(sw, args, &fdb::Table::flush, "table successfully flushed");
  });
  table.add("fdb/stats-clear", "[bridge]", 0, 1, [&sw](const Args& args) {
    return each_table(sw, args, &fdb::Table::clear_statistics, "statistics successfully cleared");
  });
  table.add("fdb/add", "bridge port vlan mac", 4, 4,
            [&sw](const Args& args) { return add(sw, args); });
  table.add("fdb/del", "bridge vlan mac", 3, 3, [&sw](const Args& args) { return del(sw, args); });
}

}  // namespace bondway::daemon
