#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "vswitchd/datapath/worker.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::datapath {

/// Carries frames between devices, by the plan in force, on worker threads: each has interfaces of
/// its own to receive from, a cache of journeys, and counters; all share the plan's MAC tables.
///
/// Every public function is for the control thread.  It waits for one batch of frames of each
/// worker it has to do with, and is let in first.
class Datapath {
 public:
  /// `now` reads the daemon's clock, on any thread.  One worker to begin with.
  explicit Datapath(std::function<TimePoint()> now);
  ~Datapath();
  Datapath(const Datapath&) = delete;
  Datapath& operator=(const Datapath&) = delete;

  /// From now on so many workers, at least one, carry the frames.  Fewer do if the system has no
  /// more threads or descriptors: the error says so.
  Result<void> set_workers(std::size_t count);

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
  Worker::Frames frames() const;
  std::uint64_t forwarded() const { return frames().cached + frames().decided; }

  /// One worker, at one instant.
  struct WorkerView {
    std::vector<bridge::InterfaceId> interfaces;
    Worker::Frames frames;
    std::vector<Flow> flows;
  };
  std::vector<WorkerView> view();

  /// Those that forwarding uses, as seen last.
  std::vector<int> processors() const;

  /// Readable while there is news: slow-protocol frames, and devices that refused to send or are
  /// gone.  Taking it empties it.
  int control_fd() const { return shared_.control_ready.get(); }
  Shared::News take_news() { return shared_.take_news(); }

 private:
  struct Attached {
    netdev::Netdev* device = nullptr;
    Worker* receiver = nullptr;
  };

  void add_worker();
  void end_last_worker();
  void add_input(bridge::InterfaceId id, Attached& attached);

  Shared shared_;
  std::shared_ptr<const bridge::Plan> plan_;
  std::map<bridge::InterfaceId, Attached> attached_;
  std::map<const Worker*, std::size_t> input_counts_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Worker::Frames frames_of_former_;  ///< of workers that are no more
};

}  // namespace bondway::datapath
