#include <algorithm>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

std::string sorted_lines(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + '\n';
  return text;
}

/// What add-port and add-bond were asked for.
struct NewPort {
  std::string bridge, name;
  std::vector<std::string> interfaces;
  std::span<const std::string> settings;
};

/// Whether the port that --may-exist found is what was asked for.
Result<void> check_same(Context& context, const Port& found, const NewPort& asked) {
  View& view = context.view();
  const std::string typed = context.call.text();
  if (found.bridge.name != asked.bridge) {
    return fail("\"{}\" but {} is actually attached to bridge {}", typed, asked.name,
                found.bridge.name);
  }
  std::vector<std::string> has;
  for (Row* row : interfaces_of(view, *found.row)) has.push_back(name_of(view, *row));
  std::vector<std::string> wants = asked.interfaces;
  std::sort(has.begin(), has.end());
  std::sort(wants.begin(), wants.end());
  if (has == wants) return {};
  return fail("\"{}\" but {} actually has interface(s) {}", typed, asked.name,
              fmt::join(has, ", "));
}

Row& insert_interface(Context& context, const std::string& name) {
  View& view = context.view();
  Row& row = view.insert(view.table("Interface"), Uuid::random());
  view.set(row, "name", Datum(Atom(name)));
  context.run.new_interfaces.push_back(&row);
  return row;
}

Done insert_port(Context& context, const NewPort& asked) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, asked.bridge);
  if (!bridge) return tl::unexpected(bridge.error());
  Row& port = view.insert(view.table("Port"), Uuid::random());
  view.set(port, "name", Datum(Atom(asked.name)));
  Datum interfaces;
  for (const std::string& name : asked.interfaces) {
    interfaces.insert(insert_interface(context, name).uuid);
  }
  view.set(port, "interfaces", std::move(interfaces));
  if (context.call.has("fake-iface")) view.set(port, "bond_fake_iface", Datum(Atom(true)));
  if (bridge->is_fake()) view.set(port, "tag", Datum(Atom(bridge->vlan)));
  for (const std::string& setting : asked.settings) {
    if (auto done = apply_setting(context, port, setting); !done) {
      return tl::unexpected(done.error());
    }
  }
  view.add_reference(*bridge->row, "ports", port.uuid);
  return Next::go_on;
}

/// Of an interface of a bond that is to be made: its name may be taken by no other.
Result<void> check_interfaces_free(View& view, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    want_bridge(view, name);
    want_port(view, name);
    want_interface(view, name);
  }
  for (const std::string& name : names) {
    if (auto free = check_free(view, "an interface", name); !free) return free;
  }
  return {};
}

Done add(Context& context, const NewPort& asked) {
  View& view = context.view();
  if (asked.name.empty()) return fail("port name must not be empty string");
  for (const std::string& name : asked.interfaces) {
    if (name.empty()) return fail("interface name must not be empty string");
  }
  if (context.call.has("may-exist")) {
    if (const auto found = find_port(view, asked.name)) {
      if (auto same = check_same(context, *found, asked); !same) {
        return tl::unexpected(same.error());
      }
      return Next::go_on;
    }
  }
  if (auto free = check_free(view, "a port", asked.name); !free) {
    return tl::unexpected(free.error());
  }
  if (auto free = check_interfaces_free(view, asked.interfaces); !free) {
    return tl::unexpected(free.error());
  }
  return insert_port(context, asked);
}

/// What del-port is to delete; empty with an error message when there is nothing.
struct Target {
  std::optional<Port> port;
  std::string missing;
};

Target find_target(Context& context, const std::string& name) {
  View& view = context.view();
  Target target;
  if (!context.call.has("with-iface")) {
    target.port = find_port(view, name);
    target.missing = fmt::format("no port named {}", name);
    return target;
  }
  target.port = find_port(view, name);
  if (!target.port) {
    if (auto interface = find_interface(view, name)) target.port = std::move(interface->port);
  }
  target.missing = fmt::format("no port or interface named {}", name);
  return target;
}

/// `port` is to be deleted from `bridge`, which may have to do with it or not.
Result<void> check_attached(const Bridge& bridge, const Port& port) {
  if (port.bridge == bridge) return {};
  if (port.bridge.is_fake() && port.bridge.row == bridge.row && !bridge.is_fake()) {
    return fail("bridge {} does not have a port {} (although its child bridge {} does)",
                bridge.name, port.name, port.bridge.name);
  }
  return fail("bridge {} does not have a port {}", bridge.name, port.name);
}

}  // namespace

Done list_ports(Context& context) {
  const Result<Bridge> bridge = existing_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  std::vector<std::string> names;
  for (const Port& port : ports_of(context.view(), *bridge)) names.push_back(port.name);
  context.output.text = sorted_lines(std::move(names));
  return Next::go_on;
}

Done list_interfaces(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  const std::string local = parent_name(view, *bridge);
  std::vector<std::string> names;
  std::vector<Atom> uuids;
  for (const Port& port : ports_of(view, *bridge)) {
    const auto of_port = view.get(*port.row, "interfaces").keys();
    uuids.insert(uuids.end(), of_port.begin(), of_port.end());
  }
  const db::Table& table = view.table("Interface");
  for (Row* row : view.rows(table, uuids, columns_of(table, {"name"}))) {
    if (const std::string name = name_of(view, *row); name != local) names.push_back(name);
  }
  context.output.text = sorted_lines(std::move(names));
  return Next::go_on;
}

// ---------------------------------------------------------------- adding

Result<void> prepare_add_port(Context& context) {
  View& view = context.view();
  want_bridge(view, context.argument(0));
  for (const std::string& name : context.arguments_from(1)) {
    if (name.find('=') != std::string::npos && &name != &context.argument(1)) break;
    want_bridge(view, name);
    want_port(view, name);
    want_interface(view, name);
    if (context.call.command->run == add_port) break;
  }
  return {};
}

Done add_port(Context& context) {
  const std::string& name = context.argument(1);
  return add(context, NewPort{context.argument(0), name, {name}, context.arguments_from(2)});
}

Done add_bond(Context& context) {
  NewPort asked{context.argument(0), context.argument(1), {}, {}};
  std::size_t i = 2;
  while (i < context.count() && context.argument(i).find('=') == std::string::npos) {
    asked.interfaces.push_back(context.argument(i++));
  }
  asked.settings = context.arguments_from(i);
  if (asked.interfaces.size() < 2) {
    return fail("add-bond requires at least 2 interfaces, but only {} were specified",
                asked.interfaces.size());
  }
  return add(context, asked);
}

// ---------------------------------------------------------------- deleting

Result<void> prepare_delete_port(Context& context) {
  View& view = context.view();
  const std::string& name = context.argument(context.count() - 1);
  want_bridge(view, name);
  want_port(view, name);
  if (context.call.has("with-iface")) want_interface(view, name);
  if (context.count() > 1) want_bridge(view, context.argument(0));
  return {};
}

Done delete_port(Context& context) {
  View& view = context.view();
  const std::string& name = context.argument(context.count() - 1);
  const bool if_exists = context.call.has("if-exists");
  const Target target = find_target(context, name);
  if (!target.port) {
    if (if_exists) return Next::go_on;
    if (find_bridge(view, name)) {
      return fail(
          "cannot delete port {0} because it is the local port for bridge {0} (deleting this port "
          "requires deleting the entire bridge)",
          name);
    }
    return fail("{}", target.missing);
  }
  if (context.count() > 1) {
    const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
    if (!bridge) return tl::unexpected(bridge.error());
    if (auto attached = check_attached(*bridge, *target.port); !attached) {
      return tl::unexpected(attached.error());
    }
  }
  drop_port(view, *target.port->bridge.row, *target.port->row);
  return Next::go_on;
}

// ---------------------------------------------------------------- asking

Result<void> prepare_port(Context& context) {
  want_port(context.view(), context.argument(0));
  want_bridge(context.view(), context.argument(0));
  return {};
}

Done port_to_bridge(Context& context) {
  const auto port = find_port(context.view(), context.argument(0));
  if (!port) return fail("no port named {}", context.argument(0));
  context.output.text = port->bridge.name + '\n';
  return Next::go_on;
}

Result<void> prepare_interface(Context& context) {
  want_port(context.view(), context.argument(0));
  want_interface(context.view(), context.argument(0));
  return {};
}

Done interface_to_bridge(Context& context) {
  const auto interface = find_interface(context.view(), context.argument(0));
  if (!interface) return fail("no interface named {}", context.argument(0));
  context.output.text = interface->port.bridge.name + '\n';
  return Next::go_on;
}

// ---------------------------------------------------------------- members of a bond

Result<void> prepare_bond_interface(Context& context) {
  View& view = context.view();
  const std::string& interface = context.argument(context.count() - 1);
  want_bridge(view, interface);
  want_port(view, interface);
  want_interface(view, interface);
  if (context.count() > 1) want_port(view, context.argument(0));
  return {};
}

Done add_bond_interface(Context& context) {
  View& view = context.view();
  const std::string& name = context.argument(1);
  const auto bond = find_port(view, context.argument(0));
  if (!bond) return fail("no port named {}", context.argument(0));
  if (context.call.has("may-exist")) {
    if (const auto found = find_interface(view, name)) {
      if (found->port.row == bond->row) return Next::go_on;
      return fail("\"{}\" but {} is actually attached to port {}", context.call.text(), name,
                  found->port.name);
    }
  }
  if (auto free = check_free(view, "an interface", name); !free) {
    return tl::unexpected(free.error());
  }
  view.add_reference(*bond->row, "interfaces", insert_interface(context, name).uuid);
  return Next::go_on;
}

Done delete_bond_interface(Context& context) {
  View& view = context.view();
  const std::string& name = context.argument(context.count() - 1);
  const auto interface = find_interface(view, name);
  if (!interface) {
    if (context.call.has("if-exists")) return Next::go_on;
    return fail("no interface named {}", name);
  }
  if (context.count() > 1) {
    const auto bond = find_port(view, context.argument(0));
    if (!bond) return fail("no port named {}", context.argument(0));
    if (interface->port.row != bond->row) {
      return fail("port {} does not have an interface {}", bond->name, name);
    }
  }
  Row& port = *interface->port.row;
  if (view.get(port, "interfaces").size() < 2) {
    return fail("cannot delete last interface from port {}", interface->port.name);
  }
  view.drop_reference(port, "interfaces", interface->row->uuid);
  view.remove(*interface->row);
  return Next::go_on;
}

}  // namespace bondway::ctl
