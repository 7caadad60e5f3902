#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/stp/spanning_tree.hpp"

namespace bondway::stp {

/// What `stp/show` tells of a bridge, at one instant.
struct TreeView {
  struct Bridge {
    BridgeId id;
    Duration hello_time{}, max_age{}, forward_delay{};
  };
  struct Port {
    std::string name;
    Role role = Role::disabled;
    State state = State::disabled;
    std::uint32_t path_cost = 0;
    std::uint32_t priority = 0, number = 0;
  };

  std::string name;
  Bridge root, bridge;
  std::optional<std::string> root_port;  ///< none: this bridge is the root
  std::uint32_t root_path_cost = 0;
  std::vector<Port> ports;  ///< by number
};

TreeView view(const SpanningTree& tree, std::string name);

/// The text of `stp/show`, for one bridge.  ovs-vswitchd(8), Spanning Tree Protocol commands.
std::string to_text(const TreeView& view);

/// `8000.aabbccddeef0`: the form of the status columns.
std::string to_text(const BridgeId& id);

}  // namespace bondway::stp
