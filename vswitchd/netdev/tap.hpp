#pragma once

#include <memory>
#include <optional>
#include <string>

#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/tap_remover.hpp"

namespace bondway::netdev {

/// Makes an internal interface: a tap device of that name, down, whose other end is ours.  It takes
/// and gives unfinished checksums and segments of 64 kB.  It vanishes when closed; moved to another
/// network namespace it goes on working.  Without `mac` it gets a random local address.  With a
/// `remover`, which outlives it, it vanishes when that has its turn.
///
/// The error is the reason alone: `File exists`, or `Invalid argument` for a name that no network
/// device can have.
Result<std::unique_ptr<Netdev>> create_tap(const std::string& name,
                                           const std::optional<MacAddress>& mac,
                                           TapRemover* remover = nullptr);

}  // namespace bondway::netdev
