#include "ctl/bridges.hpp"

#include <algorithm>

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;

Where by_name(const db::Table& table, const std::string& name) {
  return Where::equal(column_of(table, "name"), Datum(Atom(name)));
}

Where referring(const db::Table& table, std::string_view column, const Row& row) {
  return Where::includes(column_of(table, column), row.uuid);
}

Columns port_columns(const db::Table& table) {
  return columns_of(table, {"fake_bridge", "interfaces", "name", "tag"});
}

std::optional<std::int64_t> tag_of(View& view, Row& port) {
  const Datum& tag = view.get(port, "tag");
  if (tag.empty()) return std::nullopt;
  return std::get<std::int64_t>(tag.keys()[0]);
}

/// The VLAN of a Port that is a fake bridge.
std::optional<std::int64_t> fake_vlan(View& view, Row& port) {
  const Datum& fake = view.get(port, "fake_bridge");
  if (fake.empty() || !std::get<bool>(fake.keys()[0])) return std::nullopt;
  return tag_of(view, port);
}

bool is_listed(View& view, const Row& bridge) {
  return view.get(root_of(view, {"bridges"}), "bridges").contains(bridge.uuid);
}

/// The real bridge that has a port.
std::optional<Bridge> home_of(View& view, const Row& port) {
  const db::Table& table = view.table("Bridge");
  for (Row* row :
       view.select(table, referring(table, "ports", port), columns_of(table, {"name"}))) {
    if (is_listed(view, *row)) return Bridge{name_of(view, *row), row};
  }
  return std::nullopt;
}

Where fake_ones(const db::Table& ports) {
  return Where::equal(column_of(ports, "fake_bridge"), Datum(Atom(true)));
}

/// What a row of Port is to its real bridge: one of its ports, or of a fake bridge's.
std::optional<Port> as_port(View& view, Row& row, const Bridge& home) {
  const std::string name = name_of(view, row);
  if (name == home.name || fake_vlan(view, row)) return std::nullopt;
  if (const auto tag = tag_of(view, row)) {
    for (const Bridge& child : children_of(view, home)) {
      if (child.vlan == *tag) return Port{name, &row, child};
    }
  }
  return Port{name, &row, home};
}

}  // namespace

Row& root_of(View& view, std::initializer_list<std::string_view> columns) {
  const db::Table& table = view.table("Open_vSwitch");
  const Guard guard = columns.size() > 0 ? Guard::yes : Guard::no;
  const auto rows = view.select(table, Where::all(), columns_of(table, columns), guard);
  const auto live = std::find_if(rows.begin(), rows.end(), [](Row* row) { return !row->removed; });
  Row* const root = live != rows.end() ? *live : rows.front();
  return *root;
}

std::string name_of(View& view, Row& row) {
  const Datum& name = view.get(row, "name");
  return name.empty() ? std::string() : std::get<std::string>(name.keys()[0]);
}

// ---------------------------------------------------------------- finding

void want_bridge(View& view, const std::string& name) {
  const db::Table& root = view.table("Open_vSwitch");
  const db::Table& bridges = view.table("Bridge");
  const db::Table& ports = view.table("Port");
  view.want(root, Where::all(), columns_of(root, {"bridges"}));
  view.want(bridges, by_name(bridges, name), columns_of(bridges, {"name"}));
  view.want(ports, by_name(ports, name), port_columns(ports));
}

void want_port(View& view, const std::string& name) {
  // Only a port with a tag may be a fake bridge's: which there are, has to be searched for.
  const db::Table& ports = view.table("Port");
  view.want(ports, by_name(ports, name), port_columns(ports));
}

void want_interface(View& view, const std::string& name) {
  const db::Table& interfaces = view.table("Interface");
  view.want(interfaces, by_name(interfaces, name), columns_of(interfaces, {"name"}));
}

std::optional<Bridge> find_bridge(View& view, const std::string& name) {
  want_bridge(view, name);
  const db::Table& bridges = view.table("Bridge");
  for (Row* row : view.select(bridges, by_name(bridges, name), columns_of(bridges, {"name"}))) {
    if (is_listed(view, *row)) return Bridge{name, row};
  }
  const db::Table& ports = view.table("Port");
  for (Row* row : view.select(ports, by_name(ports, name), port_columns(ports))) {
    const auto vlan = fake_vlan(view, *row);
    if (!vlan) continue;
    if (const auto home = home_of(view, *row)) return Bridge{name, home->row, row, *vlan};
  }
  return std::nullopt;
}

std::optional<Port> find_port(View& view, const std::string& name) {
  want_port(view, name);
  const db::Table& table = view.table("Port");
  for (Row* row : view.select(table, by_name(table, name), port_columns(table))) {
    const auto home = home_of(view, *row);
    if (!home) continue;
    if (auto port = as_port(view, *row, *home)) return port;
  }
  return std::nullopt;
}

std::optional<Interface> find_interface(View& view, const std::string& name) {
  want_interface(view, name);
  const db::Table& interfaces = view.table("Interface");
  const db::Table& ports = view.table("Port");
  for (Row* row :
       view.select(interfaces, by_name(interfaces, name), columns_of(interfaces, {"name"}))) {
    const auto owners =
        view.select(ports, referring(ports, "interfaces", *row), port_columns(ports));
    for (Row* owner : owners) {
      const auto home = home_of(view, *owner);
      if (!home || name == home->name) continue;
      if (auto port = as_port(view, *owner, *home)) return Interface{name, row, std::move(*port)};
    }
  }
  return std::nullopt;
}

// ---------------------------------------------------------------- listing

std::vector<Bridge> all_bridges(View& view) {
  const db::Table& table = view.table("Bridge");
  const db::Table& ports = view.table("Port");
  view.want(ports, fake_ones(ports), port_columns(ports));
  view.want(table, Where::all(), columns_of(table, {"name"}));
  std::vector<Bridge> bridges;
  for (Row* row : view.select(table, Where::all(), columns_of(table, {"name"}))) {
    if (is_listed(view, *row)) bridges.push_back(Bridge{name_of(view, *row), row});
  }
  for (Row* row : view.select(ports, fake_ones(ports), port_columns(ports))) {
    const auto vlan = fake_vlan(view, *row);
    if (!vlan) continue;
    if (const auto home = home_of(view, *row)) {
      bridges.push_back(Bridge{name_of(view, *row), home->row, row, *vlan});
    }
  }
  return bridges;
}

std::vector<Bridge> children_of(View& view, const Bridge& real) {
  const db::Table& ports = view.table("Port");
  std::vector<Bridge> children;
  for (Row* row : view.select(ports, fake_ones(ports), port_columns(ports))) {
    const auto vlan = fake_vlan(view, *row);
    if (!vlan) continue;
    const auto home = home_of(view, *row);
    if (home && home->row == real.row) {
      children.push_back(Bridge{name_of(view, *row), real.row, row, *vlan});
    }
  }
  return children;
}

std::string parent_name(View& view, const Bridge& bridge) {
  return bridge.is_fake() ? name_of(view, *bridge.row) : bridge.name;
}

std::vector<Port> ports_of(View& view, const Bridge& bridge) {
  const db::Table& table = view.table("Port");
  const Bridge home{parent_name(view, bridge), bridge.row};
  const std::vector<Bridge> children = children_of(view, home);
  const Datum references = view.get(*bridge.row, "ports");
  std::vector<Port> ports;
  for (Row* row : view.rows(table, references.keys(), port_columns(table))) {
    const std::string name = name_of(view, *row);
    if (name == home.name || fake_vlan(view, *row)) continue;
    const auto tag = tag_of(view, *row);
    const auto child = std::find_if(children.begin(), children.end(),
                                    [&](const Bridge& fake) { return tag && fake.vlan == *tag; });
    const Bridge& owner = child != children.end() ? *child : home;
    if (owner.fake_port == bridge.fake_port) ports.push_back(Port{name, row, owner});
  }
  return ports;
}

std::vector<Row*> interfaces_of(View& view, Row& port) {
  const db::Table& table = view.table("Interface");
  const Datum references = view.get(port, "interfaces");
  return view.rows(table, references.keys(), columns_of(table, {"name"}));
}

}  // namespace bondway::ctl
