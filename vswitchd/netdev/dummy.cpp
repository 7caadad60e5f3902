#include "vswitchd/netdev/dummy.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/offload.hpp"
#include "vswitchd/netdev/pcap.hpp"
#include "vswitchd/netdev/stream.hpp"

namespace bondway::netdev {
namespace {

constexpr std::size_t kMaxWaiting = 1000;  ///< frames
constexpr int kMtu = 1500;
constexpr std::size_t kHeader = 14, kTag = 4;

std::string value_of(const Dummy::Options& options, const std::string& key) {
  const auto found = options.find(key);
  return found == options.end() ? std::string() : found->second;
}

unsigned read_ifindex(const Dummy::Options& options) {
  const std::string text = value_of(options, "ifindex");
  const bool number = !text.empty() && text.size() <= 9 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return number ? static_cast<unsigned>(std::stoul(text)) : 0;
}

bool is_tagged(const FrameView& frame) {
  const auto headers = parse_headers(frame);
  return headers && headers->outer;
}

/// An ARP request; its flow fields are the opcode and the two IPv4 addresses.
bool is_request_for(const std::array<std::uint8_t, 4>& address, const Headers& headers) {
  constexpr std::uint8_t kRequest = 1;
  return headers.type == kArpType && headers.flow.protocol == kRequest &&
         std::equal(address.begin(), address.end(), headers.flow.destination.begin());
}

}  // namespace

/// The capture files that are open, under the paths they were opened by.
struct Dummy::Files {
  struct File {
    std::string path;
    std::optional<PcapWriter> writer;

    /// Changes the path; none closes the file.
    Result<void> reopen(const std::string& option, const std::string& wanted) {
      if (wanted == path) return {};
      *this = {wanted, std::nullopt};
      if (path.empty()) return {};
      auto opened = PcapWriter::open(path);
      if (!opened) return fail("{}={}: {}", option, path, opened.error().message);
      writer = std::move(*opened);
      return {};
    }
    void write(const FrameView& frame) {
      if (writer) writer->write(frame);
    }
  };

  File both, received, sent;
};

/// Hands every frame over at once: nothing is gained by waiting for more.
class Dummy::Queue final : public SendQueue {
 public:
  explicit Queue(Dummy& device) : device_(device) {}

  void send(const FrameView& frame, const TagEdit& edit) override {
    const auto give = [this](const FrameView& each) { device_.transmit(each); };
    const bool done =
        edit == TagEdit{} ? complete(frame, give) : complete(apply(frame, edit).view(), give);
    if (!done) device_.counters_.tx_errors.fetch_add(1, std::memory_order_relaxed);
  }
  void flush() override {}

 private:
  Dummy& device_;
};

Dummy::Dummy(const std::string& name, const MacAddress& mac)
    : arrivals_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), files_(std::make_unique<Files>()) {
  if (!arrivals_) throw std::system_error(errno, std::generic_category(), "eventfd");
  state_.name = name;
  state_.mac = mac;
  state_.mtu = kMtu;
  state_.admin_up = state_.carrier = true;
}

Dummy::~Dummy() = default;

Result<void> Dummy::configure(const Options& options) {
  const std::lock_guard lock(mutex_);
  state_.ifindex = read_ifindex(options);
  auto files = configure_files(options);
  auto stream = configure_stream(options);
  options_ = options;
  return files ? stream : files;
}

Result<void> Dummy::configure_files(const Options& options) {
  Result<void> result;
  for (const auto& [option, file] :
       {std::pair("pcap", &files_->both), std::pair("rxq_pcap", &files_->received),
        std::pair("tx_pcap", &files_->sent)}) {
    auto done = file->reopen(option, value_of(options, option));
    if (result && !done) result = std::move(done);
  }
  return result;
}

Result<void> Dummy::configure_stream(const Options& options) {
  for (const char* option : {"pstream", "stream"}) {
    const std::string address = value_of(options, option);
    if (address.empty()) continue;
    if (stream_ && address == value_of(options_, option)) return {};
    stream_.reset();
    auto opened = FrameStream::open(address);
    if (!opened) return fail("{}={}: {}", option, address, opened.error().message);
    stream_ = std::move(*opened);
    return {};
  }
  stream_.reset();
  return {};
}

void Dummy::inject(const FrameView& frame) {
  const std::lock_guard lock(mutex_);
  arrive(frame);
}

void Dummy::arrive(const FrameView& frame) {
  if (waiting_.size() >= kMaxWaiting || frame.octets.size() > FrameBuffers::kSlotSize) {
    counters_.rx_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  counters_.rx_packets.fetch_add(1, std::memory_order_relaxed);
  counters_.rx_octets.fetch_add(frame.octets.size(), std::memory_order_relaxed);
  files_->both.write(frame);
  files_->received.write(frame);
  waiting_.push_back({{frame.octets.begin(), frame.octets.end()}, frame.offload});
  eventfd_write(arrivals_.get(), 1);
}

void Dummy::set_admin_state(bool up) { state_.admin_up = state_.carrier = up; }

void Dummy::answer_for(const std::array<std::uint8_t, 4>& address) {
  const std::lock_guard lock(mutex_);
  address_ = address;
}

std::string_view Dummy::connection_state() const {
  const std::lock_guard lock(mutex_);
  if (!stream_) return "unknown";
  return stream_->is_connected() ? "connected" : "disconnected";
}

void Dummy::observe(Observer observer) {
  const std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

int Dummy::control_fd() const {
  const std::lock_guard lock(mutex_);
  return stream_ ? stream_->fd() : -1;
}

void Dummy::run() {
  std::vector<Frame> arrived;
  {
    const std::lock_guard lock(mutex_);
    if (!stream_) return;
    stream_->run([&](const FrameView& frame) {
      arrived.push_back({{frame.octets.begin(), frame.octets.end()}, {}});
    });
  }
  for (const Frame& frame : arrived) inject(frame.view());
}

std::size_t Dummy::receive(FrameBuffers& buffers, FrameSink sink) {
  std::vector<FrameView> batch;
  {
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty() && batch.size() < FrameBuffers::kSlots) {
      const Frame& frame = waiting_.front();
      const auto slot = buffers.slot(batch.size()).first(frame.octets.size());
      std::ranges::copy(frame.octets, slot.begin());
      batch.push_back({slot, frame.offload});
      waiting_.pop_front();
    }
    eventfd_t arrivals = 0;
    if (waiting_.empty()) eventfd_read(arrivals_.get(), &arrivals);
  }
  for (const FrameView& frame : batch) sink(frame);
  return batch.size();
}

std::unique_ptr<SendQueue> Dummy::open_send_queue() { return std::make_unique<Queue>(*this); }

Statistics Dummy::statistics() const {
  const std::uint64_t rx_packets = counters_.rx_packets, rx_octets = counters_.rx_octets;
  const std::uint64_t tx_packets = counters_.tx_packets, tx_octets = counters_.tx_octets;
  return {{"rx_bytes", rx_octets},
          {"rx_custom_packets_1", rx_packets},
          {"rx_custom_packets_2", rx_packets},
          {"rx_packets", rx_packets},
          {"rx_q0_bytes", rx_octets},
          {"rx_q0_packets", rx_packets},
          {"tx_bytes", tx_octets},
          {"tx_packets", tx_packets},
          {"tx_q0_bytes", tx_octets},
          {"tx_q0_packets", tx_packets}};
}

Result<void> Dummy::set_mac(const MacAddress& mac) {
  const std::lock_guard lock(mutex_);
  state_.mac = mac;
  return {};
}

Result<void> Dummy::set_mtu(int mtu) {
  if (mtu <= 0) return fail("{}", std::generic_category().message(EINVAL));
  const std::lock_guard lock(mutex_);
  state_.mtu = mtu;
  return {};
}

void Dummy::transmit(const FrameView& frame) {
  const std::lock_guard lock(mutex_);
  const std::size_t longest =
      static_cast<std::size_t>(state_.mtu) + kHeader + (is_tagged(frame) ? kTag : 0);
  if (frame.octets.size() > longest) {
    counters_.tx_errors.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  answer_arp(frame);
  counters_.tx_packets.fetch_add(1, std::memory_order_relaxed);
  counters_.tx_octets.fetch_add(frame.octets.size(), std::memory_order_relaxed);
  files_->both.write(frame);
  files_->sent.write(frame);
  if (stream_ && !stream_->send(frame)) {
    counters_.tx_dropped.fetch_add(1, std::memory_order_relaxed);
  }
  if (observer_) observer_(frame);
}

/// RFC 826: a request for our address is turned round and has ours filled in.
void Dummy::answer_arp(const FrameView& frame) {
  constexpr std::uint16_t kReply = 2;
  constexpr std::size_t kPacket = 14, kSender = kPacket + 8, kTarget = kPacket + 18, kSize = 42;
  const auto headers = parse_headers(frame);
  if (!address_ || !headers || headers->outer || !is_request_for(*address_, *headers)) return;
  const auto octets = frame.octets.first(kSize);
  std::vector<std::uint8_t> reply(octets.begin(), octets.end());
  const auto put = [&](std::size_t at, std::span<const std::uint8_t> what) {
    std::ranges::copy(what, reply.begin() + static_cast<long>(at));
  };
  const auto& mac = state_.mac.octets();
  put(0, octets.subspan(6, 6));
  put(6, mac);
  reply[kPacket + 7] = kReply;
  put(kSender, mac);
  put(kSender + 6, *address_);
  put(kTarget, octets.subspan(kSender, 10));
  arrive(FrameView{reply, {}});
}

}  // namespace bondway::netdev
