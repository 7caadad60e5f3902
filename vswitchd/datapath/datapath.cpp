#include "vswitchd/datapath/datapath.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

namespace bondway::datapath {
namespace {

constexpr std::uint32_t kWakeToken = 0xffff'ffff;
constexpr std::size_t kMaxControlFrames = 4096;  ///< what arrives beyond this is dropped

netdev::UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return netdev::UniqueFd(fd);
}

void raise(const netdev::UniqueFd& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

void clear(const netdev::UniqueFd& event) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(event.get(), &count, sizeof count);
}

void watch(int epoll, int fd, std::uint32_t token) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = token;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

}  // namespace

struct Datapath::Device {
  bridge::InterfaceId id{};
  netdev::Netdev& netdev;
  std::unique_ptr<netdev::SendQueue> queue;
  bool unflushed = false;
};

/// The forwarding lock in the control thread's hands.  A plain mutex would let a busy worker take
/// it again and again.
class Datapath::ControlAccess {
 public:
  explicit ControlAccess(Datapath& datapath) : datapath_(datapath) {
    ++datapath_.control_waiting_;
    datapath_.lock_.lock();
  }
  ~ControlAccess() {
    datapath_.lock_.unlock();
    --datapath_.control_waiting_;
    datapath_.control_waiting_.notify_all();
  }
  ControlAccess(const ControlAccess&) = delete;
  ControlAccess& operator=(const ControlAccess&) = delete;

 private:
  Datapath& datapath_;
};

Datapath::Datapath(std::function<TimePoint()> now)
    : now_(std::move(now)),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      control_ready_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      plan_(std::make_shared<bridge::Plan>()) {
  watch(epoll_.get(), wake_.get(), kWakeToken);
  worker_ = std::thread([this] { run(); });
}

Datapath::~Datapath() {
  stopping_ = true;
  raise(wake_);
  worker_.join();
}

void Datapath::publish(std::shared_ptr<const bridge::Plan> plan) {
  const ControlAccess access(*this);
  plan_.swap(plan);
}

void Datapath::attach(bridge::InterfaceId id, netdev::Netdev& device) {
  const ControlAccess access(*this);
  auto entry = std::make_unique<Device>(Device{id, device, device.open_send_queue(), false});
  watch(epoll_.get(), device.poll_fd(), static_cast<std::uint32_t>(id));
  devices_[id] = std::move(entry);
}

void Datapath::detach(bridge::InterfaceId id) {
  const ControlAccess access(*this);
  const auto it = devices_.find(id);
  if (it == devices_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second->netdev.poll_fd(), nullptr);
  devices_.erase(it);
}

void Datapath::poll(bridge::InterfaceId id) {
  const ControlAccess access(*this);
  const auto it = devices_.find(id);
  if (it != devices_.end()) handle(*it->second);
}

void Datapath::send(bridge::InterfaceId id, const Frame& frame) {
  const auto headers = parse_headers(frame.view());
  if (!headers) return;
  const ControlAccess access(*this);
  perform(bridge::depart(*headers, frame.octets.size(), id, *plan_, now_()), frame.view());
  flush();
}

void Datapath::exclusively(const std::function<void()>& use) {
  const ControlAccess access(*this);
  use();
}

std::vector<ControlFrame> Datapath::take_control_frames() {
  const ControlAccess access(*this);
  clear(control_ready_);
  return std::exchange(control_frames_, {});
}

void Datapath::run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int waiting = control_waiting_; waiting != 0; waiting = control_waiting_) {
      control_waiting_.wait(waiting);
    }
    const std::lock_guard lock(lock_);
    for (int i = 0; i < ready; ++i) {
      const std::uint32_t token = events[static_cast<std::size_t>(i)].data.u32;
      if (token == kWakeToken) {
        clear(wake_);
        continue;
      }
      const auto it = devices_.find(bridge::InterfaceId{token});
      if (it == devices_.end()) continue;  // detached meanwhile
      handle(*it->second);
    }
  }
}

void Datapath::handle(Device& device) {
  const bridge::InterfaceId id = device.id;
  device.netdev.receive(buffers_, [this, id](const FrameView& frame) { forward(id, frame); });
  flush();
  if (device.netdev.gone()) {  // else its socket reports an error for ever
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, device.netdev.poll_fd(), nullptr);
  }
}

void Datapath::forward(bridge::InterfaceId in, const FrameView& frame) {
  const auto headers = parse_headers(frame);
  if (!headers) return;
  forwarded_.fetch_add(1, std::memory_order_relaxed);
  perform(bridge::travel(*headers, frame.octets.size(), in, *plan_, now_()), frame);
}

void Datapath::perform(const bridge::Journey& journey, const FrameView& frame) {
  for (const bridge::Delivery& delivery : journey.sent) {
    const auto it = devices_.find(delivery.interface);
    if (it == devices_.end()) continue;
    Device& out = *it->second;
    out.queue->send(frame, delivery.edit);
    if (!std::exchange(out.unflushed, true)) unflushed_.push_back(&out);
  }
  for (const bridge::Delivery& delivery : journey.to_control) {
    if (control_frames_.size() >= kMaxControlFrames) break;
    control_frames_.push_back({delivery.interface, apply(frame, delivery.edit)});
    raise(control_ready_);
  }
}

void Datapath::flush() {
  for (Device* device : unflushed_) {
    device->queue->flush();
    device->unflushed = false;
  }
  unflushed_.clear();
}

}  // namespace bondway::datapath
