// flood_bench: what frames of known stations cost, alone and while a million source addresses never
// seen before come in on another port, batch by batch in turn.  No kernel devices, one thread.

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "tests/bridge/plan_builder.hpp"
#include "tests/datapath/ethernet.hpp"
#include "vswitchd/datapath/datapath.hpp"

namespace bondway::bench {
namespace {

using datapath::ethernet;

constexpr std::size_t kPorts = 16, kBatch = 64;
constexpr std::uint64_t kAddresses = 1'000'000, kStation = 0x0200'0000'0000,
                        kStranger = 0x0600'0000'0000;

/// A device that receives what it is given, and sends nowhere.
class Memory final : public netdev::Netdev {
 public:
  std::vector<Frame> frames;

  int poll_fd() const override { return never_.get(); }
  std::size_t receive(netdev::FrameBuffers&, netdev::FrameSink sink) override {
    for (const Frame& frame : frames) sink(frame.view());
    return frames.size();
  }
  std::unique_ptr<netdev::SendQueue> open_send_queue() override {
    return std::make_unique<Nowhere>();
  }
  bool update(const netdev::LinkEvent&) override { return false; }
  netdev::Statistics statistics() const override { return {}; }
  Result<void> set_mac(const MacAddress&) override { return {}; }
  Result<void> set_mtu(int) override { return {}; }

 private:
  class Nowhere final : public netdev::SendQueue {
    void send(const FrameView&, const TagEdit&) override {}
    void flush() override {}
  };
  netdev::UniqueFd never_{::eventfd(0, EFD_CLOEXEC)};
};

class Rig {
 public:
  explicit Rig(std::size_t flows) : flows_(flows) {
    builder_.bridge(bridge_).macs =
        std::make_shared<fdb::Table>(fdb::TableConfig{.max_entries = 8192}, 42);
    for (std::size_t i = 0; i < kPorts; ++i) ids_.push_back(builder_.add_port(bridge_));
    for (std::size_t i = 0; i < kPorts; ++i) datapath_.attach(ids_[i], devices_[i]);
    auto plan = std::make_shared<bridge::Plan>(builder_.build());
    plan->generation = 1;
    datapath_.publish(plan);
    for (std::size_t i = 0; i < 3 * kPorts * rounds(); ++i) known();  // learned; their ways found
  }
  ~Rig() {
    for (const auto id : ids_) datapath_.detach(id);
  }

  /// Nanoseconds for a frame of known stations: the median of all batches, which a pause of the
  /// machine does not change.  With strangers, a batch of theirs goes before each.
  double run(bool with_strangers) {
    std::vector<double> batches;
    for (std::uint64_t i = 0; i < kAddresses; i += kBatch) {
      if (with_strangers) stranger();
      const auto begin = std::chrono::steady_clock::now();
      known();
      const auto passed = std::chrono::steady_clock::now() - begin;
      batches.push_back(std::chrono::duration<double, std::nano>(passed).count() / kBatch);
    }
    const auto middle = batches.begin() + static_cast<std::ptrdiff_t>(batches.size() / 2);
    std::ranges::nth_element(batches, middle);
    return *middle;
  }

  const fdb::Table& macs() { return *builder_.bridge(bridge_).macs; }
  std::size_t strangers_port() const { return kPorts - 1; }

 private:
  /// The next batch: stations of one port to stations of the next one.
  void known() {
    const std::size_t port = batch_ % (kPorts - 1), round = batch_ / (kPorts - 1) % rounds();
    ++batch_;
    auto& frames = batches_[{port, round}];
    for (std::size_t i = frames.size(); i < kBatch; ++i) {
      const std::uint64_t number = (round * kBatch + i) % per_port();
      frames.push_back(ethernet(station(port, number), station((port + 1) % (kPorts - 1), number)));
    }
    devices_[port].frames.swap(frames);
    datapath_.poll(ids_[port]);
    devices_[port].frames.swap(frames);
  }

  static std::uint64_t station(std::size_t port, std::uint64_t number) {
    return kStation + port * 0x10000 + number;
  }

  void stranger() {
    Memory& device = devices_[strangers_port()];
    device.frames.clear();
    for (std::size_t i = 0; i < kBatch; ++i) {
      device.frames.push_back(ethernet(kStranger + strangers_++, kStation));
    }
    datapath_.poll(ids_[strangers_port()]);
  }

  std::size_t per_port() const { return std::max<std::size_t>(flows_ / (kPorts - 1), 1); }
  std::size_t rounds() const { return (per_port() + kBatch - 1) / kBatch; }

  const std::size_t flows_;
  bridge::PlanBuilder builder_;
  bridge::BridgeId bridge_ = builder_.add_bridge();
  std::vector<bridge::InterfaceId> ids_;
  std::array<Memory, kPorts> devices_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<Frame>> batches_;
  std::size_t batch_ = 0;
  std::uint64_t strangers_ = 0;
  datapath::Datapath datapath_{
      [] { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }};
};

void measure(std::size_t flows) {
  Rig rig(flows);
  rig.run(false);  // caches warm
  const double alone = rig.run(false), beside = rig.run(true);
  std::map<fdb::PortId, std::size_t> shares;
  for (const auto& entry : rig.macs().entries({})) ++shares[entry.port];
  const auto strange = shares[fdb::PortId{static_cast<std::uint32_t>(rig.strangers_port())}];
  fmt::print(
      "{} known flows: {:.0f} ns a frame, {:.0f} ns while {} strangers come by: {:.2f} times; "
      "table {} of {} entries, {} of them strangers\n",
      flows, alone, beside, kAddresses, beside / alone, rig.macs().size(),
      rig.macs().config().max_entries, strange);
}

}  // namespace
}  // namespace bondway::bench

int main() {
  for (const std::size_t flows : {15U, 240U, 3000U}) bondway::bench::measure(flows);
}
