#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/links.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

using Octets = std::vector<std::uint8_t>;

/// Runs a shell command in the caller's network namespace.
inline void sh(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

/// A network namespace without a name: gone with the last thread and device that uses it.
class Namespace {
 public:
  Namespace() {
    std::thread([this] {
      if (unshare(CLONE_NEWNET) == 0) fd_ = UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY));
    }).join();
    if (!fd_) throw std::runtime_error("cannot make a network namespace");
  }

  /// Does `work` inside, on a thread of its own.
  void run(const std::function<void()>& work) const {
    std::thread([&] {
      ASSERT_EQ(setns(fd_.get(), CLONE_NEWNET), 0);
      work();
    }).join();
  }
  void sh(const std::string& command) const {
    run([&] { netdev::sh(command); });
  }

  /// As `ip link set DEVICE netns` takes it.
  std::string path() const { return fmt::format("/proc/{}/fd/{}", getpid(), fd_.get()); }

 private:
  UniqueFd fd_;
};

/// A test in an empty network namespace of its own, which vanishes with it.
class LabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    home_ = UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY));
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
  }
  void TearDown() override {
    if (home_) setns(home_.get(), CLONE_NEWNET);
  }

  /// Reads devices until `done`, or fails after five seconds.
  static bool eventually(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  /// Tells the device what became of links.
  static void update(Links& links, Netdev& device) {
    for (const auto& event : links.read()) device.update(event);
  }

  /// Waits for the device's next frames, at most five seconds for the first.
  std::vector<Frame> receive(Netdev& device) {
    pollfd waiting{device.poll_fd(), POLLIN, 0};
    poll(&waiting, 1, 5000);
    return receive_now(device);
  }
  std::vector<Frame> receive_now(Netdev& device) {
    std::vector<Frame> frames;
    device.receive(buffers_, [&](const FrameView& frame) {
      frames.push_back({{frame.octets.begin(), frame.octets.end()}, frame.offload});
    });
    return frames;
  }

  static void send(Netdev& device, const Frame& frame, const TagEdit& edit = {}) {
    const auto queue = device.open_send_queue();
    queue->send(frame.view(), edit);
    queue->flush();
  }

  /// A broadcast frame of an experimental EtherType (IEEE 802, 9.2.4).
  static Frame sample(std::size_t size = 60, std::uint8_t filler = 0x5a) {
    Frame frame{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}, {}};
    frame.octets.resize(size, filler);
    return frame;
  }

  FrameBuffers buffers_;

 private:
  UniqueFd home_;
};

}  // namespace bondway::netdev
