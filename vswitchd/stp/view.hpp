#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/stp/spanning_tree.hpp"

namespace bondway::stp {

/// What `stp/show` or `rstp/show` tells of a bridge, at one instant.
struct TreeView {
  struct Bridge {
    BridgeId id;
    Duration hello_time{}, max_age{}, forward_delay{};
  };
  struct Port {
    std::string name;
    std::string_view role, state;  ///< in the protocol's words
    std::uint32_t path_cost = 0;
    std::uint32_t priority = 0, number = 0;
  };

  std::string name;
  bool is_rapid = false;  ///< its text is set a little wider
  Bridge root, bridge;
  std::optional<std::string> root_port;  ///< none: this bridge is the root
  std::uint32_t root_path_cost = 0;
  std::vector<Port> ports;
};

TreeView view(const SpanningTree& tree, std::string name);

/// The text of `stp/show` or `rstp/show`, for one bridge.  ovs-vswitchd(8), Spanning Tree Protocol
/// and Rapid Spanning Tree Protocol commands.
std::string to_text(const TreeView& view);

/// `8000.aabbccddeef0`: the form of the status columns.
std::string to_text(const BridgeId& id);

}  // namespace bondway::stp
