#include "vswitchd/datapath/worker.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace bondway::datapath {
namespace {

constexpr std::uint32_t kWakeToken = 0xffff'ffff;
constexpr std::size_t kMaxControlFrames = 4096;  ///< what arrives beyond this is dropped

/// A journey with more ends than these is found anew for every frame: a flood, which is rare.
constexpr std::size_t kMaxCachedEnds = 32;

constexpr Duration kReportInterval = 50ms;  ///< between two refusals of one device

netdev::UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return netdev::UniqueFd(fd);
}

netdev::UniqueFd make_event() {
  return checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
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

/// Adds one to a counter that no other thread writes.
void increment(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

bool may_be_cached(const Headers& headers, const bridge::Journey& journey) {
  // A gratuitous ARP's verdict depends on the time.  What changed the MAC tables itself does not
  // hold.
  return !headers.gratuitous_arp && journey.to_control.empty() &&
         journey.sent.size() <= kMaxCachedEnds && journey.credits.size() <= kMaxCachedEnds &&
         journey.holds();
}

/// A mirror's copy: the frame as it leaves, cut to the wanted length, with its checksums and
/// segments as they are.
Frame cut(const FrameView& frame, const bridge::Delivery& delivery) {
  Frame copy = apply(frame, delivery.edit);
  if (copy.octets.size() > delivery.snaplen) copy.octets.resize(delivery.snaplen);
  copy.offload = {};
  return copy;
}

}  // namespace

Shared::Shared(std::function<TimePoint()> clock)
    : now(std::move(clock)), control_ready(make_event()) {}

void Shared::pass_to_control(ControlFrame frame) {
  const std::lock_guard lock(control_lock_);
  if (news_.frames.size() >= kMaxControlFrames) return;
  news_.frames.push_back(std::move(frame));
  raise(control_ready);
}

void Shared::report_refusal(bridge::InterfaceId id) {
  const std::lock_guard lock(control_lock_);
  news_.refused.insert(id);
  raise(control_ready);
}

void Shared::report_gone(bridge::InterfaceId id) {
  const std::lock_guard lock(control_lock_);
  news_.gone.insert(id);
  raise(control_ready);
}

Shared::News Shared::take_news() {
  const std::lock_guard lock(control_lock_);
  clear(control_ready);
  return std::exchange(news_, {});
}

/// A plain mutex would let a busy worker take it again and again.
Worker::Access::Access(Worker& worker) : worker_(worker) {
  ++worker_.control_waiting_;
  worker_.lock_.lock();
}

Worker::Access::~Access() {
  worker_.lock_.unlock();
  --worker_.control_waiting_;
  worker_.control_waiting_.notify_all();
}

Worker::Worker(Shared& shared, std::uint64_t seed)
    : shared_(shared),
      epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(make_event()),
      plan_(std::make_shared<bridge::Plan>()),
      cache_(seed) {
  watch(epoll_.get(), wake_.get(), kWakeToken);
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  raise(wake_);
  thread_.join();
  settle();
}

void Worker::set_plan(std::shared_ptr<const bridge::Plan> plan) {
  settle();  // cached journeys refer to the old one
  plan_.swap(plan);
  depth_ = FlowKey::Depth::link;
}

void Worker::add_output(bridge::InterfaceId id, netdev::Netdev& device) {
  const auto place = static_cast<std::size_t>(id);
  if (outputs_.size() <= place) outputs_.resize(place + 1);
  outputs_[place] = Output{};
  outputs_[place].id = id;
  outputs_[place].queue = device.open_send_queue();
  outputs_[place].device = &device;
}

void Worker::remove_output(bridge::InterfaceId id) {
  const auto place = static_cast<std::size_t>(id);
  if (place < outputs_.size()) outputs_[place] = {};
}

void Worker::add_input(bridge::InterfaceId id, netdev::Netdev& device) {
  watch(epoll_.get(), device.poll_fd(), static_cast<std::uint32_t>(id));
  inputs_[id] = &device;
}

void Worker::remove_input(bridge::InterfaceId id) {
  const auto it = inputs_.find(id);
  if (it == inputs_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second->poll_fd(), nullptr);
  inputs_.erase(it);
}

std::vector<bridge::InterfaceId> Worker::inputs() const {
  std::vector<bridge::InterfaceId> ids;
  for (const auto& [id, device] : inputs_) ids.push_back(id);
  return ids;
}

void Worker::poll(bridge::InterfaceId id) {
  const auto it = inputs_.find(id);
  if (it != inputs_.end()) handle(id, *it->second);
}

void Worker::send(bridge::InterfaceId id, const Frame& frame) {
  const auto headers = parse_headers(frame.view());
  if (!headers) return;
  bridge::Journey journey;
  {
    const std::lock_guard lock(shared_.tables);
    journey = bridge::depart(*headers, frame.octets.size(), id, *plan_, shared_.now());
  }
  perform(journey, frame.view());
  flush(shared_.now());
}

void Worker::settle() {
  const std::lock_guard lock(shared_.tables);
  cache_.settle();
}

void Worker::for_each_flow(const std::function<void(const Flow&)>& visit) const {
  cache_.for_each(plan_->generation, visit);
}

void Worker::run() {
  std::array<epoll_event, 64> events{};
  while (!stopping_) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      for (int waiting = control_waiting_; waiting != 0; waiting = control_waiting_) {
        control_waiting_.wait(waiting);
      }
      const std::lock_guard lock(lock_);
      const std::uint32_t token = events[static_cast<std::size_t>(i)].data.u32;
      if (token == kWakeToken) {
        clear(wake_);
        continue;
      }
      const auto it = inputs_.find(bridge::InterfaceId{token});
      if (it != inputs_.end()) handle(it->first, *it->second);  // else removed meanwhile
      processor_.store(::sched_getcpu(), std::memory_order_relaxed);
    }
  }
}

void Worker::handle(bridge::InterfaceId id, netdev::Netdev& device) {
  const TimePoint now = shared_.now();
  device.receive(buffers_, [&](const FrameView& frame) { forward(id, frame, now); });
  flush(now);
  device.release();
  if (device.gone()) {  // else its socket reports an error for ever
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, device.poll_fd(), nullptr);
    shared_.report_gone(id);
  }
}

void Worker::forward(bridge::InterfaceId in, const FrameView& frame, TimePoint now) {
  const auto headers = parse_headers(frame, plan_->vlan_limit);
  if (!headers) return;
  if (take_known_way(FlowKey(in, *headers, depth_), frame, now)) return;
  bridge::Journey journey;
  {
    const std::lock_guard lock(shared_.tables);
    journey = bridge::travel(*headers, frame.octets.size(), in, *plan_, now);
    if (may_be_cached(*headers, journey)) {
      remember(in, *headers, journey, frame.octets.size(), now);
    }
  }
  increment(decided_);
  perform(journey, frame);
}

bool Worker::take_known_way(const FlowKey& key, const FrameView& frame, TimePoint now) {
  Flow* const flow = cache_.find(key, plan_->generation);
  if (flow == nullptr) return false;
  {
    const std::lock_guard lock(shared_.tables);
    if (!flow->journey.holds()) return false;
    bridge::teach_again(flow->journey, now);
  }
  cache_.count(*flow, frame.octets.size(), now);
  increment(cached_);
  perform(flow->journey, frame);
  return true;
}

/// Under the tables' lock.  The frame itself has been counted already.
void Worker::remember(bridge::InterfaceId in, const Headers& headers, bridge::Journey journey,
                      std::size_t octets, TimePoint now) {
  if (journey.used_flow && depth_ == FlowKey::Depth::link) {
    depth_ = FlowKey::Depth::transport;  // keys so far no longer match: those flows are found anew
  }
  Flow& flow =
      cache_.insert(FlowKey(in, headers, depth_), plan_->generation, std::move(journey), now);
  ++flow.packets;
  flow.octets += octets;
}

void Worker::perform(const bridge::Journey& journey, const FrameView& frame) {
  for (const bridge::Delivery& delivery : journey.sent) {
    const auto place = static_cast<std::size_t>(delivery.interface);
    if (place >= outputs_.size() || outputs_[place].device == nullptr) continue;
    Output& out = outputs_[place];
    if (delivery.snaplen == 0) {
      out.queue->send(frame, delivery.edit);
    } else {
      copies_.push_back(cut(frame, delivery));
      out.queue->send(copies_.back().view(), {});
    }
    if (!std::exchange(out.unflushed, true)) unflushed_.push_back(&out);
  }
  for (const bridge::Delivery& delivery : journey.to_control) {
    shared_.pass_to_control({delivery.interface, apply(frame, delivery.edit)});
  }
}

void Worker::flush(TimePoint now) {
  for (Output* out : unflushed_) {
    out->queue->flush();
    out->unflushed = false;
    note_refusal(*out, now);
  }
  unflushed_.clear();
  copies_.clear();
}

/// The kernel tells of a lost carrier at its leisure, after up to a second; but it refuses frames
/// at once.  A queue that is merely full does the same, so asking has its limit.
void Worker::note_refusal(Output& out, TimePoint now) {
  const std::uint64_t refused = out.device->counters().tx_dropped.load(std::memory_order_relaxed);
  if (refused == out.refused || now < out.next_report) return;
  out.refused = refused;
  out.next_report = now + kReportInterval;
  shared_.report_refusal(out.id);
}

}  // namespace bondway::datapath
