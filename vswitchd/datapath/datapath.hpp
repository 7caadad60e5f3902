#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "vswitchd/bridge/journey.hpp"
#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::datapath {

/// A slow-protocol frame for the control thread, as it arrived on the interface.
struct ControlFrame {
  bridge::InterfaceId interface {};
  Frame frame;
};

/// Carries frames between devices, by the plan in force, on a thread of its own.
///
/// Every public function is for the control thread.  The forwarding lock is held by the worker while it
/// handles a batch of frames, and by the control thread for moments: whoever waits for it waits for
/// one batch, and the control thread is let in first.
class Datapath {
 public:
  /// `now` reads the daemon's clock, on either thread.
  explicit Datapath(std::function<TimePoint()> now);
  ~Datapath();
  Datapath(const Datapath&) = delete;
  Datapath& operator=(const Datapath&) = delete;

  /// From now on frames are forwarded by this plan.
  void publish(std::shared_ptr<const bridge::Plan> plan);

  /// Frames from the device enter at the interface, and those that end there leave through it.  The
  /// device stays the caller's, and is detached before it goes.
  void attach(bridge::InterfaceId id, netdev::Netdev& device);
  void detach(bridge::InterfaceId id);

  /// Handles what waits on an interface now, in the calling thread: for devices whose frames the
  /// control thread makes itself, so that their effect is seen when this returns.
  void poll(bridge::InterfaceId id);

  /// Sends a frame of our own through an interface, across patch ports to all its ends.
  void send(bridge::InterfaceId id, const Frame& frame);

  /// Calls `use` while no frame is under way: the plan's shared parts (MAC tables, loads, traffic
  /// counts) may be read and changed.
  void exclusively(const std::function<void()>& use);

  /// Frames that have entered the switch so far.
  std::uint64_t forwarded() const { return forwarded_.load(std::memory_order_relaxed); }

  /// Readable while slow-protocol frames wait; taking them empties it.
  int control_fd() const { return control_ready_.get(); }
  std::vector<ControlFrame> take_control_frames();

 private:
  struct Device;
  class ControlAccess;

  void run();
  void handle(Device& device);
  void forward(bridge::InterfaceId in, const FrameView& frame);
  void perform(const bridge::Journey& journey, const FrameView& frame);
  void flush();

  std::function<TimePoint()> now_;
  netdev::UniqueFd epoll_, wake_, control_ready_;

  std::mutex lock_;  ///< the forwarding lock, of everything down to the blank line
  std::atomic<int> control_waiting_ = 0;  ///< control thread wants the lock: the worker stands back
  std::shared_ptr<const bridge::Plan> plan_;
  std::map<bridge::InterfaceId, std::unique_ptr<Device>> devices_;
  std::vector<Device*> unflushed_;
  netdev::FrameBuffers buffers_;
  std::vector<ControlFrame> control_frames_;

  std::atomic<std::uint64_t> forwarded_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread worker_;
};

}  // namespace bondway::datapath
