#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>

#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"

namespace bondway::netdev {

struct LinkEvent;    // links.hpp
class FrameBuffers;  // buffers.hpp

enum class Duplex : std::uint8_t { unknown, half, full };

/// What is known of a device, as the status columns of an interface show it.
struct DeviceState {
  std::string name;
  MacAddress mac;
  int mtu = 0;
  bool admin_up = false;
  bool carrier = false;     ///< of its own; see link_up()
  unsigned ifindex = 0;     ///< the kernel's, 0 if it has none
  std::uint64_t speed = 0;  ///< bits per second, 0 when unknown
  Duplex duplex = Duplex::unknown;
  std::uint64_t link_resets = 0;  ///< carrier changes seen since it was opened
  std::string driver_name, driver_version, firmware_version;  ///< no name: no kernel driver

  bool link_up() const { return admin_up && carrier; }
  bool operator==(const DeviceState&) const = default;
};

/// Counters by the names of the interface's statistics column.
using Statistics = std::map<std::string, std::uint64_t>;

/// Frames that passed between a device and the switch.  Written by the threads that carry data,
/// read by any; the values of one instant need not fit each other exactly.
struct Counters {
  std::atomic<std::uint64_t> rx_packets = 0, rx_octets = 0;
  std::atomic<std::uint64_t> rx_dropped = 0;  ///< too large for a buffer, or malformed
  std::atomic<std::uint64_t> tx_packets = 0, tx_octets = 0;
  std::atomic<std::uint64_t> tx_dropped = 0;  ///< no room, link down, or the device is gone
  std::atomic<std::uint64_t> tx_errors = 0;   ///< larger than the MTU, or malformed
};

/// A reference to what is done with each received frame; whatever it names outlives it.
class FrameSink {
 public:
  template <typename Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FrameSink>) FrameSink(
      Callable&& callable)  // NOLINT(google-explicit-constructor): passes for the callable
      : context_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* context, const FrameView& frame) {
          (*static_cast<std::remove_reference_t<Callable>*>(context))(frame);
        }) {}

  void operator()(const FrameView& frame) const { call_(context_, frame); }

 private:
  void* context_;
  void (*call_)(void*, const FrameView&);
};

/// One thread's way of sending out of one device.  Belongs to that thread; several queues of one
/// device work side by side.  The device outlives it.
class SendQueue {
 public:
  virtual ~SendQueue() = default;
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  /// Queues the frame with its tags edited; may flush when full.  The octets are not copied: they
  /// stay as they are until flush().  The view holds at least 14 + 4 * edit.strip octets.  What the
  /// device cannot take as it is (an unfinished checksum, a large segment) is completed here.
  virtual void send(const FrameView& frame, const TagEdit& edit) = 0;

  /// Hands over everything queued.  Never waits: what the device does not take is dropped and
  /// counted.
  virtual void flush() = 0;

 protected:
  SendQueue() = default;
};

/// A device that frames come from and go to: system (a packet socket on an existing network
/// device), internal (a tap of our own) or dummy.
///
/// Two kinds of thread use one at the same time.  One data thread calls poll_fd() and receive();
/// data threads have a SendQueue each.  Everything else is the control thread's alone.  Counters
/// are anybody's.  Destroying a device undoes what opening it did; no other thread uses it by then.
class Netdev {
 public:
  virtual ~Netdev() = default;
  Netdev(const Netdev&) = delete;
  Netdev& operator=(const Netdev&) = delete;

  /// Readable while frames wait; fixed for the life of the device.  When the device is gone it may
  /// report an error for ever, see gone().
  virtual int poll_fd() const = 0;

  /// Takes one bounded batch of waiting frames and gives each to `sink`, oldest first; tags are in
  /// place, and frames that we sent are not among them.  The views are valid until release() or
  /// until `buffers` are used again: whoever queues them for sending flushes before that.  Never
  /// waits.  Returns how many there were; a full batch suggests asking again.
  virtual std::size_t receive(FrameBuffers& buffers, FrameSink sink) = 0;

  /// The last batch is dealt with.  Until then poll_fd() may stay readable.
  virtual void release() {}

  /// The device does not exist any more: nothing will be received, sending drops.
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

  virtual std::unique_ptr<SendQueue> open_send_queue() = 0;

  /// What failed on opening, though the device works without it; empty when nothing did.
  const std::string& warning() const { return warning_; }

  const Counters& counters() const { return counters_; }

  /// As of the last update().  A device that is gone keeps its last.
  const DeviceState& state() const { return state_; }

  /// A kernel link has changed, of this device or another of that name: it knows which.  True if
  /// state() or gone() has changed.
  virtual bool update(const LinkEvent& event) = 0;

  /// Asks for what update() has put off to be done sooner.  True if state() has changed.
  virtual bool catch_up() { return false; }

  /// The content of the interface's statistics column.
  virtual Statistics statistics() const = 0;

  virtual Result<void> set_mac(const MacAddress& mac) = 0;
  virtual Result<void> set_mtu(int mtu) = 0;

 protected:
  Netdev() = default;

  DeviceState state_;
  std::string warning_;
  Counters counters_;
  std::atomic<bool> gone_ = false;
};

}  // namespace bondway::netdev
