#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/view.hpp"

namespace bondway::ctl {

/// Bridges, ports and interfaces as people think of them, on top of the tables.
///
/// A bridge exists when Open_vSwitch.bridges refers to it.  A "fake bridge" is a Port with
/// `fake_bridge` and a VLAN as its tag: it stands for that VLAN of its parent, the real bridge, and
/// has all ports of the parent with the same tag.  The port and interface named like their bridge,
/// the local ones, do not count as ports and interfaces.

struct Bridge {
  std::string name;
  Row* row = nullptr;        ///< of the real bridge, the parent of a fake one
  Row* fake_port = nullptr;  ///< the Port that makes a fake bridge; null: a real one
  std::int64_t vlan = 0;     ///< of a fake bridge

  bool is_fake() const { return fake_port != nullptr; }
  bool operator==(const Bridge&) const = default;
};

struct Port {
  std::string name;
  Row* row = nullptr;
  Bridge bridge;
};

struct Interface {
  std::string name;
  Row* row = nullptr;
  Port port;
};

/// The one row of Open_vSwitch, which the run has made sure of.
Row& root_of(View& view, std::initializer_list<std::string_view> columns = {});
std::string name_of(View& view, Row& row);

/// Announce what the finders below will ask first.
void want_bridge(View& view, const std::string& name);
void want_port(View& view, const std::string& name);
void want_interface(View& view, const std::string& name);

std::optional<Bridge> find_bridge(View& view, const std::string& name);
std::optional<Port> find_port(View& view, const std::string& name);
std::optional<Interface> find_interface(View& view, const std::string& name);

/// Real bridges, then fake ones.
std::vector<Bridge> all_bridges(View& view);
std::vector<Bridge> children_of(View& view, const Bridge& real);
/// The name of the parent of a fake bridge, of a real bridge its own.
std::string parent_name(View& view, const Bridge& bridge);

/// Without the local port, and without those of other VLANs' fake bridges.
std::vector<Port> ports_of(View& view, const Bridge& bridge);
std::vector<Row*> interfaces_of(View& view, Row& port);

}  // namespace bondway::ctl
