#pragma once

#include <string>

#include "vswitchd/rstp/rapid_tree.hpp"
#include "vswitchd/stp/view.hpp"

namespace bondway::rstp {

/// What `rstp/show` tells of a bridge.
stp::TreeView view(const RapidTree& tree, std::string name);

}  // namespace bondway::rstp
