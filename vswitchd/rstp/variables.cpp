#include "vswitchd/rstp/variables.hpp"

#include <algorithm>

namespace bondway::rstp {

std::string_view to_string(Role role) {
  constexpr std::string_view kWords[] = {"Disabled", "Root", "Designated", "Alternate", "Backup"};
  return kWords[static_cast<std::size_t>(role)];
}

std::string_view to_string(State state) {
  constexpr std::string_view kWords[] = {"Discarding", "Learning", "Forwarding"};
  return kWords[static_cast<std::size_t>(state)];
}

bool BridgeVariables::all_synced() const {
  return std::ranges::all_of(ports, [](const auto& entry) {
    const PortVariables& port = entry.second;
    return port.selected && port.role == port.selected_role &&
           (port.role == Role::root || port.synced);
  });
}

bool BridgeVariables::re_rooted(const PortVariables& port) const {
  return std::ranges::all_of(ports, [&](const auto& entry) {
    return entry.first == port.handle || entry.second.rr_while == 0;
  });
}

Seconds BridgeVariables::edge_delay(const PortVariables& port) const {
  return port.config.point_to_point ? in_seconds(kMigrateTime) : max_age(port);
}

/// A rapid neighbour answers; with an older one only time tells.
Seconds BridgeVariables::forward_delay(const PortVariables& port) const {
  return port.send_rstp ? in_seconds(port.designated_times.hello_time) : fwd_delay(port);
}

Seconds fwd_delay(const PortVariables& port) {
  return in_seconds(port.designated_times.forward_delay);
}

Seconds max_age(const PortVariables& port) { return in_seconds(port.designated_times.max_age); }

}  // namespace bondway::rstp
