#include <algorithm>
#include <cstdlib>

#include "ctl/commands.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

constexpr std::string_view kFakePrefix = "fake-bridge-";

std::string sorted_lines(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + '\n';
  return text;
}

/// Whether what --may-exist found is what was asked for.
Result<void> check_same(Context& context, const Bridge& found, const std::string* parent,
                        std::int64_t vlan) {
  if (parent == nullptr) {
    if (!found.is_fake()) return {};
    return fail("\"--may-exist add-br {0}\" but {0} is a VLAN bridge for VLAN {1}", found.name,
                found.vlan);
  }
  const std::string typed = fmt::format("--may-exist add-br {} {} {}", found.name, *parent, vlan);
  if (!found.is_fake()) return fail("\"{}\" but {} is not a VLAN bridge", typed, found.name);
  const std::string real = parent_name(context.view(), found);
  if (real != *parent) {
    return fail("\"{}\" but {} has the wrong parent {}", typed, found.name, real);
  }
  if (found.vlan != vlan) {
    return fail("\"{}\" but {} is a VLAN bridge for the wrong VLAN {}", typed, found.name,
                found.vlan);
  }
  return {};
}

/// The Interface and the Port that every bridge has for itself.
Row& insert_local_port(Context& context, const std::string& name) {
  View& view = context.view();
  Row& interface = view.insert(view.table("Interface"), Uuid::random());
  view.set(interface, "name", Datum(Atom(name)));
  view.set(interface, "type", Datum(Atom(std::string("internal"))));
  context.run.new_interfaces.push_back(&interface);
  Row& port = view.insert(view.table("Port"), Uuid::random());
  view.set(port, "name", Datum(Atom(name)));
  view.set(port, "interfaces", Datum(Atom(interface.uuid)));
  return port;
}

void insert_real_bridge(Context& context, const std::string& name) {
  View& view = context.view();
  Row& port = insert_local_port(context, name);
  Row& bridge = view.insert(view.table("Bridge"), Uuid::random());
  view.set(bridge, "name", Datum(Atom(name)));
  view.set(bridge, "ports", Datum(Atom(port.uuid)));
  view.add_reference(root_of(view, {"bridges"}), "bridges", bridge.uuid);
}

Result<void> insert_fake_bridge(Context& context, const std::string& name,
                                const std::string& parent, std::int64_t vlan) {
  View& view = context.view();
  const auto real = find_bridge(view, parent);
  if (!real) return fail("parent bridge {} does not exist", parent);
  if (real->is_fake()) return fail("cannot create bridge with fake bridge as parent");
  for (const Bridge& child : children_of(view, *real)) {
    if (child.vlan == vlan) {
      return fail("bridge {} already has a child VLAN bridge {} on VLAN {}", parent, child.name,
                  vlan);
    }
  }
  Row& port = insert_local_port(context, name);
  view.set(port, "fake_bridge", Datum(Atom(true)));
  view.set(port, "tag", Datum(Atom(vlan)));
  view.add_reference(*real->row, "ports", port.uuid);
  return {};
}

/// All that goes with a real bridge besides its own row.
void drop_contents(View& view, const Bridge& bridge) {
  const db::Table& ports = view.table("Port");
  const Columns columns = columns_of(ports, {"fake_bridge", "interfaces", "name", "tag"});
  const Datum references = view.get(*bridge.row, "ports");
  for (Row* port : view.rows(ports, references.keys(), columns, Guard::no)) {
    for (Row* interface : interfaces_of(view, *port)) view.remove(*interface);
    view.remove(*port);
  }
}

void delete_real_bridge(Context& context, const Bridge& bridge) {
  View& view = context.view();
  std::vector<Row*> samplers;
  const db::Table& samples = view.table("Flow_Sample_Collector_Set");
  // Only when another command looks at them: so did the original, and scripts may count on it.
  if (view.uses(samples)) {
    samplers =
        view.select(samples, Where::includes(column_of(samples, "bridge"), bridge.row->uuid), {});
  }
  // What nothing refers to any more goes by itself; only later commands have to be told.
  if (!context.is_last || bridge.row->inserted) drop_contents(view, bridge);
  for (Row* sampler : samplers) view.remove(*sampler);
  view.drop_reference(root_of(view, {"bridges"}), "bridges", bridge.row->uuid);
  view.remove(*bridge.row);
}

void delete_fake_bridge(View& view, const Bridge& bridge) {
  for (const Port& port : ports_of(view, bridge)) drop_port(view, *bridge.row, *port.row);
  drop_port(view, *bridge.row, *bridge.fake_port);
}

/// Where a bridge keeps its external ids, and what their keys begin with there.
struct ExternalIds {
  Row& row;
  std::string_view prefix;
};

ExternalIds external_ids_of(const Bridge& bridge) {
  if (bridge.is_fake()) return {*bridge.fake_port, kFakePrefix};
  return {*bridge.row, ""};
}

}  // namespace

Result<Bridge> existing_bridge(View& view, const std::string& name) {
  auto bridge = find_bridge(view, name);
  if (!bridge) return fail("no bridge named {}", name);
  return std::move(*bridge);
}

Result<Bridge> existing_real_bridge(View& view, const std::string& name) {
  Result<Bridge> bridge = existing_bridge(view, name);
  if (bridge && bridge->is_fake()) return fail("{} is a fake bridge", name);
  return bridge;
}

Result<void> check_free(View& view, std::string_view what, const std::string& name) {
  want_bridge(view, name);
  want_port(view, name);
  want_interface(view, name);
  const auto taken = [&](std::string_view by, const std::string& where) {
    return fail("cannot create {} named {} because {} named {} already exists{}", what, name, by,
                name, where);
  };
  if (find_bridge(view, name)) return taken("a bridge", "");
  if (const auto port = find_port(view, name)) {
    return taken("a port", " on bridge " + port->bridge.name);
  }
  if (const auto interface = find_interface(view, name)) {
    return taken("an interface", " on bridge " + interface->port.bridge.name);
  }
  return {};
}

void drop_port(View& view, Row& bridge, Row& port) {
  for (Row* interface : interfaces_of(view, port)) view.remove(*interface);
  view.drop_reference(bridge, "ports", port.uuid);
  view.remove(port);
}

Result<void> prepare_bridge(Context& context) {
  want_bridge(context.view(), context.argument(0));
  if (context.call.command->run == add_bridge) {
    want_port(context.view(), context.argument(0));
    want_interface(context.view(), context.argument(0));
    if (context.count() > 1) want_bridge(context.view(), context.argument(1));
  }
  return {};
}

Done add_bridge(Context& context) {
  View& view = context.view();
  const std::string& name = context.argument(0);
  const std::string* parent = nullptr;
  std::int64_t vlan = 0;
  if (name.empty()) return fail("bridge name must not be empty string");
  if (context.count() == 3) {
    parent = &context.argument(1);
    vlan = std::atoi(context.argument(2).c_str());  // NOLINT(cert-err34-c): lenient by tradition
    if (vlan < 0 || vlan > 4095) return fail("add-br: vlan must be between 0 and 4095");
  } else if (context.count() != 1) {
    return fail("'add-br' command takes exactly 1 or 3 arguments");
  }
  if (context.call.has("may-exist")) {
    if (const auto found = find_bridge(view, name)) {
      if (auto same = check_same(context, *found, parent, vlan); !same) {
        return tl::unexpected(same.error());
      }
      return Next::go_on;
    }
  }
  if (auto free = check_free(view, "a bridge", name); !free) return tl::unexpected(free.error());
  if (parent == nullptr) {
    insert_real_bridge(context, name);
  } else if (auto done = insert_fake_bridge(context, name, *parent, vlan); !done) {
    return tl::unexpected(done.error());
  }
  return Next::go_on;
}

Done delete_bridge(Context& context) {
  View& view = context.view();
  const auto bridge = find_bridge(view, context.argument(0));
  if (!bridge) {
    if (context.call.has("if-exists")) return Next::go_on;
    return fail("no bridge named {}", context.argument(0));
  }
  if (bridge->is_fake()) {
    delete_fake_bridge(view, *bridge);
  } else {
    delete_real_bridge(context, *bridge);
  }
  return Next::go_on;
}

Result<void> prepare_bridges(Context& context) {
  View& view = context.view();
  const db::Table& root = view.table("Open_vSwitch");
  const db::Table& bridges = view.table("Bridge");
  const db::Table& ports = view.table("Port");
  view.want(root, Where::all(), columns_of(root, {"bridges"}));
  view.want(bridges, Where::all(), columns_of(bridges, {"name"}));
  view.want(ports, Where::equal(column_of(ports, "fake_bridge"), Datum(Atom(true))),
            columns_of(ports, {"fake_bridge", "interfaces", "name", "tag"}));
  return {};
}

Done list_bridges(Context& context) {
  const bool real = context.call.has("real");
  const bool fake = context.call.has("fake");
  std::vector<std::string> names;
  for (const Bridge& bridge : all_bridges(context.view())) {
    if (real == fake || (bridge.is_fake() ? fake : real)) names.push_back(bridge.name);
  }
  context.output.text = sorted_lines(std::move(names));
  return Next::go_on;
}

Done bridge_exists(Context& context) {
  return find_bridge(context.view(), context.argument(0)) ? Next::go_on : Next::exit_2;
}

Done bridge_to_vlan(Context& context) {
  const Result<Bridge> bridge = existing_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  context.output.text = fmt::format("{}\n", bridge->vlan);
  return Next::go_on;
}

Done bridge_to_parent(Context& context) {
  const Result<Bridge> bridge = existing_bridge(context.view(), context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  context.output.text = parent_name(context.view(), *bridge) + '\n';
  return Next::go_on;
}

Done set_external_id(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  const auto [row, prefix] = external_ids_of(*bridge);
  const Atom key(std::string(prefix) + context.argument(1));
  Datum ids = view.get(row, "external_ids");
  if (context.count() > 2) {
    ids.insert(key, Atom(context.argument(2)));
  } else {
    ids.erase(key);
  }
  view.set(row, "external_ids", std::move(ids));
  return Next::go_on;
}

Done get_external_id(Context& context) {
  View& view = context.view();
  const Result<Bridge> bridge = existing_bridge(view, context.argument(0));
  if (!bridge) return tl::unexpected(bridge.error());
  const auto [row, prefix] = external_ids_of(*bridge);
  const Datum& ids = view.get(row, "external_ids");
  std::string& out = context.output.text;
  if (context.count() > 1) {
    const Atom* value = ids.find(Atom(std::string(prefix) + context.argument(1)));
    if (value != nullptr) out = std::get<std::string>(*value) + '\n';
    return Next::go_on;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string& key = std::get<std::string>(ids.keys()[i]);
    if (!key.starts_with(prefix)) continue;
    out += key.substr(prefix.size()) + '=' + std::get<std::string>(ids.values()[i]) + '\n';
  }
  return Next::go_on;
}

}  // namespace bondway::ctl
