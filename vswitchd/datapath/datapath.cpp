#include "vswitchd/datapath/datapath.hpp"

#include <algorithm>
#include <exception>
#include <list>
#include <random>

namespace bondway::datapath {

Datapath::Datapath(std::function<TimePoint()> now)
    : shared_(std::move(now)), plan_(std::make_shared<bridge::Plan>()) {
  add_worker();
}

Datapath::~Datapath() = default;

Result<void> Datapath::set_workers(std::size_t count) {
  count = std::max<std::size_t>(count, 1);
  if (count == workers_.size()) return {};
  Result<void> done;
  try {
    while (workers_.size() < count) add_worker();
  } catch (const std::exception& error) {
    done = fail("{} forwarding threads instead of {} ({})", workers_.size(), count, error.what());
  }
  for (const auto& [id, attached] : attached_) {
    const Worker::Access access(*attached.receiver);
    attached.receiver->remove_input(id);
  }
  while (workers_.size() > count) end_last_worker();
  input_counts_.clear();
  for (auto& [id, attached] : attached_) add_input(id, attached);
  return done;
}

/// It has all ways out from the beginning: frames arrive as soon as it has a way in.
void Datapath::add_worker() {
  auto worker = std::make_unique<Worker>(shared_, std::random_device()());
  {
    const Worker::Access access(*worker);
    worker->set_plan(plan_);
    for (const auto& [id, attached] : attached_) worker->add_output(id, *attached.device);
  }
  workers_.push_back(std::move(worker));
}

void Datapath::end_last_worker() {
  Worker& last = *workers_.back();
  last.stop();
  frames_of_former_.cached += last.frames().cached;
  frames_of_former_.decided += last.frames().decided;
  workers_.pop_back();
}

void Datapath::publish(std::shared_ptr<const bridge::Plan> plan) {
  plan_.swap(plan);  // the old one goes when all workers are back at work
  for (const auto& worker : workers_) {
    const Worker::Access access(*worker);
    worker->set_plan(plan_);
  }
}

void Datapath::attach(bridge::InterfaceId id, netdev::Netdev& device) {
  Attached& attached = attached_[id] = {&device, nullptr};
  try {
    for (const auto& worker : workers_) {
      const Worker::Access access(*worker);
      worker->add_output(id, device);
    }
    add_input(id, attached);
  } catch (...) {  // no memory, or no descriptors left
    detach(id);
    throw;
  }
}

/// The one with the fewest devices receives from it.
void Datapath::add_input(bridge::InterfaceId id, Attached& attached) {
  const auto count = [this](const auto& worker) { return input_counts_[worker.get()]; };
  attached.receiver = std::ranges::min_element(workers_, {}, count)->get();
  ++input_counts_[attached.receiver];
  const Worker::Access access(*attached.receiver);
  attached.receiver->add_input(id, *attached.device);
}

void Datapath::detach(bridge::InterfaceId id) {
  const auto it = attached_.find(id);
  if (it == attached_.end()) return;
  for (const auto& worker : workers_) {
    const Worker::Access access(*worker);
    worker->remove_input(id);
    worker->remove_output(id);
  }
  if (it->second.receiver != nullptr) --input_counts_[it->second.receiver];
  attached_.erase(it);
}

void Datapath::poll(bridge::InterfaceId id) {
  const auto it = attached_.find(id);
  if (it == attached_.end()) return;
  const Worker::Access access(*it->second.receiver);
  it->second.receiver->poll(id);
}

void Datapath::send(bridge::InterfaceId id, const Frame& frame) {
  const Worker::Access access(*workers_.front());
  workers_.front()->send(id, frame);
}

void Datapath::exclusively(const std::function<void()>& use) {
  std::list<Worker::Access> all;
  for (const auto& worker : workers_) {
    all.emplace_back(*worker);
    worker->settle();
  }
  const std::lock_guard lock(shared_.tables);
  use();
}

Worker::Frames Datapath::frames() const {
  Worker::Frames sum = frames_of_former_;
  for (const auto& worker : workers_) {
    sum.cached += worker->frames().cached;
    sum.decided += worker->frames().decided;
  }
  return sum;
}

std::vector<int> Datapath::processors() const {
  std::vector<int> processors;
  for (const auto& worker : workers_) {
    if (const auto processor = worker->processor()) processors.push_back(*processor);
  }
  return processors;
}

std::vector<Datapath::WorkerView> Datapath::view() {
  std::vector<WorkerView> views;
  for (const auto& worker : workers_) {
    const Worker::Access access(*worker);
    WorkerView view{worker->inputs(), worker->frames(), {}};
    worker->for_each_flow([&](const Flow& flow) { view.flows.push_back(flow); });
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace bondway::datapath
