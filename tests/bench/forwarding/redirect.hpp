#pragma once

#include "tests/bench/forwarding/place.hpp"

namespace bondway::bench {

/// A program on the way in of a device that sends every frame out of another one of the same
/// namespace: the least that a kernel can do with it.  In force until the descriptor closes.
netdev::UniqueFd redirect(const Place& from, const std::string& to);

}  // namespace bondway::bench
