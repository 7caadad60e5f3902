#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "vswitchd/bridge/journey.hpp"
#include "vswitchd/datapath/flow_cache.hpp"
#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::datapath {

/// A slow-protocol frame for the control thread, as it arrived on the interface.
struct ControlFrame {
  bridge::InterfaceId interface {};
  Frame frame;
};

/// What all workers have in common.
struct Shared {
  explicit Shared(std::function<TimePoint()> clock);

  std::function<TimePoint()> now;  ///< reads the daemon's clock, on any thread
  /// Of the MAC tables, bucket loads and patch counts that plans refer to.  Held for one frame's
  /// lookups at a time, never while anything is received or sent.
  std::mutex tables;

  void pass_to_control(ControlFrame frame);
  /// A device did not take frames: perhaps its link is down, and nobody has told us yet.
  void report_refusal(bridge::InterfaceId id);
  /// A device is gone.  Of one in another namespace nobody else may tell.
  void report_gone(bridge::InterfaceId id);

  /// What waits for the control thread.
  struct News {
    std::vector<ControlFrame> frames;
    std::set<bridge::InterfaceId> refused, gone;
  };
  News take_news();
  netdev::UniqueFd control_ready;  ///< readable while there is any

 private:
  std::mutex control_lock_;
  News news_;
};

/// A thread that carries frames from its interfaces to any.
///
/// Works under a lock of its own, which nobody else wants but the control thread, for moments: to
/// give it a new plan, or devices.  Everything public is for the control thread, and but for the
/// constructor, the destructor, frames() and processor() for one that holds Access.
class Worker {
 public:
  Worker(Shared& shared, std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Ends the thread, which has dealt with its batch by then.  Not for one that holds Access.
  void stop();

  /// The worker stands still.  Got as soon as it has dealt with one batch of frames.
  class Access {
   public:
    explicit Access(Worker& worker);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

   private:
    Worker& worker_;
  };

  void set_plan(std::shared_ptr<const bridge::Plan> plan);

  /// Frames may leave through the device.
  void add_output(bridge::InterfaceId id, netdev::Netdev& device);
  void remove_output(bridge::InterfaceId id);
  /// Frames that arrive on the device are this worker's to carry.
  void add_input(bridge::InterfaceId id, netdev::Netdev& device);
  void remove_input(bridge::InterfaceId id);
  std::vector<bridge::InterfaceId> inputs() const;

  /// Handles what waits on an input now, in the calling thread.
  void poll(bridge::InterfaceId id);
  /// Sends a frame of our own through an interface, across patch ports to all its ends.
  void send(bridge::InterfaceId id, const Frame& frame);

  /// Brings counts of bonds and patches up to date.
  void settle();
  void for_each_flow(const std::function<void(const Flow&)>& visit) const;

  struct Frames {
    std::uint64_t cached = 0;   ///< took a journey that was known
    std::uint64_t decided = 0;  ///< were asked about: the first of its kind, or something changed
  };
  Frames frames() const {
    return {cached_.load(std::memory_order_relaxed), decided_.load(std::memory_order_relaxed)};
  }

  /// The one that the worker has carried frames on last, if any.
  std::optional<int> processor() const {
    const int processor = processor_.load(std::memory_order_relaxed);
    return processor < 0 ? std::nullopt : std::optional(processor);
  }

 private:
  struct Output {
    netdev::Netdev* device = nullptr;
    bridge::InterfaceId id{};
    std::unique_ptr<netdev::SendQueue> queue;
    bool unflushed = false;
    std::uint64_t refused = 0;  ///< frames, as last reported
    TimePoint next_report{};
  };

  void run();
  void handle(bridge::InterfaceId id, netdev::Netdev& device);
  void forward(bridge::InterfaceId in, const FrameView& frame, TimePoint now);
  bool take_known_way(const FlowKey& key, const FrameView& frame, TimePoint now);
  void remember(bridge::InterfaceId in, const Headers& headers, bridge::Journey journey,
                std::size_t octets, TimePoint now);
  void perform(const bridge::Journey& journey, const FrameView& frame);
  void flush(TimePoint now);
  void note_refusal(Output& out, TimePoint now);

  Shared& shared_;
  netdev::UniqueFd epoll_, wake_;

  std::mutex lock_;                       ///< of everything down to the blank line
  std::atomic<int> control_waiting_ = 0;  ///< the control thread wants the lock: stand back
  std::shared_ptr<const bridge::Plan> plan_;
  std::vector<Output> outputs_;  ///< by InterfaceId
  std::map<bridge::InterfaceId, netdev::Netdev*> inputs_;
  std::vector<Output*> unflushed_;
  std::deque<Frame> copies_;  ///< that unflushed queues still name
  netdev::FrameBuffers buffers_;
  FlowCache cache_;
  FlowKey::Depth depth_ = FlowKey::Depth::link;  ///< of this plan's journeys, as far as seen

  std::atomic<std::uint64_t> cached_ = 0, decided_ = 0;  ///< written under the lock
  std::atomic<int> processor_ = -1;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace bondway::datapath
