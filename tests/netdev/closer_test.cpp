#include "vswitchd/netdev/closer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <vector>

namespace bondway::netdev {
namespace {

struct Pipe {
  UniqueFd reading, writing;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Whether the other end is closed within so many milliseconds.
bool hangs_up(const UniqueFd& reading, int milliseconds) {
  pollfd waiting{reading.get(), POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1 && (waiting.revents & POLLHUP) != 0;
}

TEST(Closer, ClosesSoonAndThenLetsGo) {
  Closer closer;
  const auto held = std::make_shared<int>();
  std::vector<UniqueFd> reading;
  for (int i = 0; i < 100; ++i) {
    Pipe pipe = make_pipe();
    closer.close(std::move(pipe.writing), held);
    reading.push_back(std::move(pipe.reading));
  }
  for (const UniqueFd& each : reading) EXPECT_TRUE(hangs_up(each, 5000));
  for (int i = 0; i < 500 && held.use_count() > 1; ++i) ::poll(nullptr, 0, 10);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Closer, HasClosedEverythingInTheEnd) {
  std::vector<UniqueFd> reading;
  {
    Closer closer;
    for (int i = 0; i < 100; ++i) {
      Pipe pipe = make_pipe();
      closer.close(std::move(pipe.writing));
      reading.push_back(std::move(pipe.reading));
    }
  }
  for (const UniqueFd& each : reading) EXPECT_TRUE(hangs_up(each, 0));
}

}  // namespace
}  // namespace bondway::netdev
