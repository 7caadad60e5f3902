#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::bench {

/// A device in a named network namespace, as `NAMESPACE/DEVICE` on the command line.
struct Place {
  std::string space, device;
};
Place place(const std::string& text);
std::vector<Place> places(const std::string& comma_separated);

/// Does `work` on a thread of its own inside a named network namespace.  Sockets made there stay
/// there.
void inside(const std::string& space, const std::function<void()>& work);

unsigned index_of(const std::string& device);  ///< in the caller's namespace

/// Throws std::system_error naming the attempt if `result` is negative.
int check(long result, const char* attempt);

/// IFF_UP on or off, through a socket of the device's namespace.
void set_up(int socket, const std::string& device, bool up);

}  // namespace bondway::bench
