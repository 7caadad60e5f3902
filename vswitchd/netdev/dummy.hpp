#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "vswitchd/netdev/netdev.hpp"
#include "vswitchd/netdev/unique_fd.hpp"

namespace bondway::netdev {

class FrameStream;  // stream.hpp

/// A device without hardware, for tests.  Frames arrive by inject() or from the stream it is wired
/// to; frames sent to it go to its pcap files and its stream.  Starts up, with carrier following
/// the admin state; MTU 1500.  Neither receiving nor sending asks for the admin state.
class Dummy final : public Netdev {
 public:
  /// Options `ifindex`, `pcap` (both directions), `rxq_pcap`, `tx_pcap`, `pstream` (`punix:PATH`:
  /// accepts any number of peers), `stream` (`unix:PATH`: connects, again and again if need be).
  /// Others mean nothing.
  using Options = std::map<std::string, std::string>;
  using Observer = std::function<void(const FrameView&)>;

  Dummy(const std::string& name, const MacAddress& mac);
  ~Dummy() override;

  /// Takes on these options in place of the last ones; a file or stream whose option is unchanged
  /// stays open.  Of several errors the first is told, by option, value and reason; the other
  /// options hold.
  Result<void> configure(const Options& options);

  /// A frame arrives.  Safe on any thread.  Dropped when a thousand wait to be received.
  void inject(const FrameView& frame);

  void set_admin_state(bool up);

  /// From now on a request for this IPv4 address that is sent to the device brings an ARP reply.
  void answer_for(const std::array<std::uint8_t, 4>& address);

  /// `connected`, `disconnected`, or `unknown` when it has no stream.
  std::string_view connection_state() const;

  /// Gets every frame that is sent, on the thread that sends it; leaves the device alone meanwhile.
  void observe(Observer observer);

  /// Readable when the stream wants run(); -1 without stream, and another after configure().
  int control_fd() const;
  void run();

  int poll_fd() const override { return arrivals_.get(); }
  std::size_t receive(FrameBuffers& buffers, FrameSink sink) override;
  std::unique_ptr<SendQueue> open_send_queue() override;
  bool update(const LinkEvent&) override { return false; }
  Statistics statistics() const override;
  Result<void> set_mac(const MacAddress& mac) override;
  Result<void> set_mtu(int mtu) override;

 private:
  class Queue;
  struct Files;

  Result<void> configure_files(const Options& options);
  Result<void> configure_stream(const Options& options);
  void transmit(const FrameView& frame);
  void arrive(const FrameView& frame);
  void answer_arp(const FrameView& frame);

  UniqueFd arrivals_;  ///< an eventfd, readable while waiting_ is not empty

  mutable std::mutex mutex_;  ///< of everything below, and of state_.mtu and state_.mac
  std::deque<Frame> waiting_;
  Options options_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<FrameStream> stream_;
  Observer observer_;
  std::optional<std::array<std::uint8_t, 4>> address_;
};

/// The addresses that a process gives its dummy devices: aa:55:aa:55:HH:LL, counted from zero.
class DummyAddresses {
 public:
  MacAddress next() { return MacAddress::from_number(0xaa55aa550000 + (count_++ & 0xffff)); }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace bondway::netdev
