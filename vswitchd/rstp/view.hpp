#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/rstp/rapid_tree.hpp"

namespace bondway::rstp {

/// What `rstp/show` tells of a bridge, at one instant.
struct RapidTreeView {
  struct Bridge {
    BridgeId id;
    Duration hello_time{}, max_age{}, forward_delay{};
  };
  struct Port {
    std::string name;
    Role role = Role::disabled;
    State state = State::discarding;
    std::uint32_t path_cost = 0;
    std::uint32_t priority = 0, number = 0;
  };

  std::string name;
  Bridge root, bridge;
  std::optional<std::string> root_port;  ///< none: this bridge is the root
  std::uint32_t root_path_cost = 0;
  std::vector<Port> ports;
};

RapidTreeView view(const RapidTree& tree, std::string name);

/// The text of `rstp/show`, for one bridge.  ovs-vswitchd(8), Rapid Spanning Tree Protocol
/// commands.
std::string to_text(const RapidTreeView& view);

}  // namespace bondway::rstp
