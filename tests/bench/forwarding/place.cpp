#include "tests/bench/forwarding/place.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <sstream>
#include <system_error>
#include <thread>

namespace bondway::bench {

Place place(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) throw std::invalid_argument(text + ": not NAMESPACE/DEVICE");
  return {text.substr(0, slash), text.substr(slash + 1)};
}

std::vector<Place> places(const std::string& comma_separated) {
  std::vector<Place> result;
  std::istringstream texts(comma_separated);
  for (std::string text; std::getline(texts, text, ',');) result.push_back(place(text));
  return result;
}

int check(long result, const char* attempt) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), attempt);
  return static_cast<int>(result);
}

void inside(const std::string& space, const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      const netdev::UniqueFd there(
          check(open(("/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC), "open the namespace"));
      check(setns(there.get(), CLONE_NEWNET), "enter the namespace");
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

unsigned index_of(const std::string& device) {
  const unsigned index = if_nametoindex(device.c_str());
  check(index == 0 ? -1 : 0, device.c_str());
  return index;
}

void set_up(int socket, const std::string& device, bool up) {
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  check(ioctl(socket, SIOCGIFFLAGS, &request), "read the device's flags");
  const int flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
  request.ifr_flags = static_cast<short>(flags);
  check(ioctl(socket, SIOCSIFFLAGS, &request), "set the device's flags");
}

}  // namespace bondway::bench
