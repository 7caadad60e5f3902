#pragma once

#include <cstdint>

/// What both spanning trees call a port of the bridge.
namespace bondway::stp {

/// The owner's handle of a port; the tree only compares it.
enum class Handle : std::uint32_t {};
enum class Link : std::uint8_t { up, down };

}  // namespace bondway::stp
