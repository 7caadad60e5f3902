#pragma once

#include <memory>
#include <string>

#include "vswitchd/netdev/closer.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/receivers.hpp"

namespace bondway::netdev {

/// Takes over an existing network device with a packet(7) socket: every frame that arrives on it is
/// ours, also those for others (promiscuous), and the host's own network stack gets none of them
/// until the device is closed; `closer`, if there is one, does that in its own time.  Checksums
/// left to hardware and large segments pass unchanged.
///
/// The error is the kernel's reason alone, such as `No such device`.  The loopback device is
/// refused.
Result<std::unique_ptr<Netdev>> open_system(const std::string& name, Receivers& receivers,
                                            Closer* closer);
/// One alone, with a ring.
Result<std::unique_ptr<Netdev>> open_system(const std::string& name);

}  // namespace bondway::netdev
