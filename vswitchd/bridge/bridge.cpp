#include "vswitchd/bridge/bridge.hpp"

#include <algorithm>
#include <limits>

#include "vswitchd/bridge/forward.hpp"

namespace bondway::bridge {
namespace {

/// The address by which a port stands for the bridge: its configured one, else that of the member
/// whose name sorts first.
std::optional<MacAddress> representative(const Port& port, const std::string& bridge) {
  if (port.settings().name == bridge) return std::nullopt;
  if (port.settings().mac) return port.settings().mac;
  const auto& members = port.members();
  if (members.empty()) return std::nullopt;
  return std::ranges::min_element(members, {}, &Member::name)->mac;
}

bool qualifies(const MacAddress& mac) {
  return !mac.is_zero() && !mac.is_multicast() && !mac.is_local() && !is_reserved(mac);
}

}  // namespace

std::optional<std::uint16_t> PortNumbers::take(std::optional<std::uint16_t> wanted) {
  if (wanted && taken_.insert(*wanted).second) return wanted;
  for (int tried = 0; tried < kMax; ++tried) {
    last_ = last_ == kMax ? std::uint16_t{1} : static_cast<std::uint16_t>(last_ + 1);
    if (taken_.insert(last_).second) return last_;
  }
  return std::nullopt;
}

Bridge::Bridge(BridgeSettings settings, MacAddress fallback_mac, std::shared_ptr<fdb::Table> macs,
               std::shared_ptr<RecirculationIds> ids)
    : settings_(std::move(settings)),
      fallback_mac_(fallback_mac),
      mac_(settings_.hwaddr.value_or(fallback_mac)),
      macs_(std::move(macs)),
      ids_(std::move(ids)) {
  place_mirrors(settings_.mirrors);
  keep_mirror_counts();
}

PortActions Bridge::configure(BridgeSettings settings, TimePoint now) {
  place_mirrors(settings.mirrors);
  settings_ = std::move(settings);
  keep_mirror_counts();
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (slots_[place].port) offer_mac(fdb::PortId{static_cast<std::uint32_t>(place)});
  }
  PortActions actions = choose_mac(now);
  configure_tree(now, actions);
  return actions;
}

fdb::PortId Bridge::add_port(PortSettings settings) {
  std::size_t place = slots_.size();
  if (free_.empty()) {
    slots_.emplace_back();
    plans_.emplace_back();
  } else {
    place = *free_.begin();
    free_.erase(free_.begin());
  }
  slots_[place].port = std::make_unique<Port>(std::move(settings), mac_, ids_);
  const fdb::PortId id{static_cast<std::uint32_t>(place)};
  plans_[place] = std::make_shared<PortPlan>(slots_[place].port->plan());
  order_.push_back(id);
  return id;
}

PortActions Bridge::configure_port(fdb::PortId id, PortSettings settings, TimePoint now) {
  Port& port = *slots_[index(id)].port;
  const PortSettings& old = port.settings();
  const bool forgets = old.vlan != settings.vlan || old.is_protected != settings.is_protected;
  const bool checks_migration = settings.rstp.check_migration && !old.rstp.check_migration;
  PortActions actions = after(id, port.configure(std::move(settings), now), now);
  if (checks_migration) check_migration(id, now, actions);
  if (forgets) actions.push_back({id, ForgetAddresses{}});
  return actions;
}

void Bridge::remove_port(fdb::PortId id) {
  Slot& slot = slots_[index(id)];
  begin_mirror_counts(slot.port->settings().name);
  if (slot.deadline) deadlines_.erase({*slot.deadline, id});
  if (slot.offered_mac) offered_macs_.erase(offered_macs_.find(*slot.offered_mac));
  slot = Slot();
  plans_[index(id)].reset();
  free_.insert(index(id));
  std::erase(order_, id);
}

PortActions Bridge::add_members(fdb::PortId id, std::span<const Member> members, TimePoint now) {
  return after(id, slots_[index(id)].port->add_members(members, now), now);
}

PortActions Bridge::remove_member(fdb::PortId id, InterfaceId member, TimePoint now) {
  return after(id, slots_[index(id)].port->remove_member(member, now), now);
}

PortActions Bridge::link_changed(fdb::PortId id, InterfaceId member, bool up, TimePoint now) {
  return after(id, slots_[index(id)].port->link_changed(member, up, now), now);
}

PortActions Bridge::receive(fdb::PortId id, InterfaceId member, std::span<const std::uint8_t> frame,
                            TimePoint now) {
  Port* port = find(id);
  return port == nullptr ? PortActions() : after(id, port->receive(member, frame, now), now);
}

PortActions Bridge::settle(fdb::PortId id, TimePoint now) {
  return after(id, slots_[index(id)].port->settle(now), now);
}

std::vector<fdb::PortId> Bridge::due(TimePoint now) const {
  std::vector<fdb::PortId> ports;
  for (const auto& [deadline, port] : deadlines_) {
    if (deadline > now) break;
    ports.push_back(port);
  }
  return ports;
}

PortActions Bridge::expire_port(fdb::PortId id, TimePoint now) {
  Port* port = find(id);
  return port == nullptr ? PortActions() : after(id, port->expire(now), now);
}

std::optional<TimePoint> Bridge::deadline() const {
  std::optional<TimePoint> deadline;
  if (tree_) deadline = tree_->deadline();
  if (rapid_tree_) deadline = rapid_tree_->deadline();
  deadline = earlier(deadline, tree_numbers_due_);
  if (deadlines_.empty()) return deadline;
  return earlier(deadline, deadlines_.begin()->first);
}

Port* Bridge::find(fdb::PortId id) {
  return index(id) < slots_.size() ? slots_[index(id)].port.get() : nullptr;
}

PortActions Bridge::choose_mac(TimePoint now) {
  MacAddress chosen = offered_macs_.empty() ? fallback_mac_ : *offered_macs_.begin();
  if (settings_.hwaddr) chosen = *settings_.hwaddr;
  if (chosen == mac_) return {};
  mac_ = chosen;
  PortActions actions;
  configure_tree(now, actions);
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    if (!slots_[place].port) continue;
    const fdb::PortId id{static_cast<std::uint32_t>(place)};
    for (PortAction& action : after(id, slots_[place].port->set_bridge_mac(mac_, now), now)) {
      actions.push_back(std::move(action));
    }
  }
  return actions;
}

std::shared_ptr<const BridgePlan> Bridge::plan() {
  auto plan = std::make_shared<BridgePlan>();
  plan->name = settings_.name;
  plan->secure = settings_.secure;
  plan->forward_bpdu = settings_.forward_bpdu;
  plan->spanning_tree = has_tree();
  plan->flood_vlans = settings_.flood_vlans;
  plan->ports = plans_;
  plan->flood_order = order_;
  plan->macs = macs_;
  plan->mirrors = mirrors_plan();
  return plan;
}

// ---- mirrors

bool Bridge::is_mirror_output(const std::string& port) const {
  return std::ranges::find(settings_.mirrors, port, &MirrorSettings::output_port) !=
         settings_.mirrors.end();
}

/// Puts them in the order in which they come to a frame, which is the reference's: one that gets an
/// output takes the first place that is free, and leaves it with its output.
void Bridge::place_mirrors(std::vector<MirrorSettings>& mirrors) {
  const auto old = std::exchange(mirror_places_, {});
  std::set<std::size_t> taken;
  for (const MirrorSettings& mirror : mirrors) {
    const auto known = old.find(mirror.id);
    if (known == old.end() || !has_output(mirror)) continue;
    mirror_places_.insert(*known);
    taken.insert(known->second);
  }
  for (const MirrorSettings& mirror : mirrors) {
    if (!has_output(mirror) || mirror_places_.contains(mirror.id)) continue;
    std::size_t place = 0;
    while (taken.contains(place)) ++place;
    mirror_places_[mirror.id] = place;
    taken.insert(place);
  }
  std::ranges::stable_sort(mirrors, {}, [this](const MirrorSettings& mirror) {
    const auto placed = mirror_places_.find(mirror.id);
    return placed == mirror_places_.end() ? std::numeric_limits<std::size_t>::max()
                                          : placed->second;
  });
}

/// A mirror keeps its count while it has an output; with the next one it begins anew.
void Bridge::keep_mirror_counts() {
  auto old = std::exchange(mirror_counts_, {});
  for (const MirrorSettings& mirror : settings_.mirrors) {
    const auto known = old.find(mirror.id);
    const bool keeps = known != old.end() && has_output(mirror);
    mirror_counts_[mirror.id] = keeps ? known->second : std::make_shared<MirrorCount>();
  }
}

/// A mirror whose output goes begins anew.
void Bridge::begin_mirror_counts(const std::string& output_port) {
  for (const MirrorSettings& mirror : settings_.mirrors) {
    if (mirror.output_port != output_port) continue;
    mirror_counts_[mirror.id] = std::make_shared<MirrorCount>();
  }
}

bool Bridge::is_mirrored(fdb::PortId id) const {
  const std::string& name = slots_[index(id)].port->settings().name;
  return std::ranges::any_of(settings_.mirrors, [&](const MirrorSettings& mirror) {
    return selects(mirror, name) && mirror.output_port != name;
  });
}

std::shared_ptr<const MirrorCount> Bridge::mirror_count(const MirrorSettings& mirror) const {
  return mirror_counts_.at(mirror.id);
}

std::shared_ptr<const MirrorsPlan> Bridge::mirrors_plan() const {
  if (settings_.mirrors.empty()) return nullptr;
  std::vector<std::string> names;
  for (const Slot& slot : slots_) names.push_back(slot.port ? slot.port->settings().name : "");
  return plan_mirrors(settings_.mirrors, names, mirror_counts_);
}

// ---- after events

/// What follows every event of a port: its plan, its place in the time table, its address.
PortActions Bridge::after(fdb::PortId id, Actions actions, TimePoint now) {
  PortActions result;
  result.reserve(actions.size());
  bool plan_changed = false;
  for (Action& action : actions) {
    if (std::holds_alternative<PlanChanged>(action)) {
      if (std::exchange(plan_changed, true)) continue;
      update_plan(id);
      offer_mac(id);
    }
    std::visit([&](auto& a) { result.push_back({id, std::move(a)}); }, action);
  }
  update_tree_port(id, now, result);
  reschedule(id);
  return result;
}

void Bridge::update_plan(fdb::PortId id) {
  auto plan = std::make_shared<PortPlan>(slots_[index(id)].port->plan());
  const stp::Handle handle{static_cast<std::uint32_t>(id)};
  if (tree_ && tree_->takes_part(handle)) {
    const stp::State state = tree_->state(handle);
    plan->learns = stp::learns(state);
    plan->forwards = state == stp::State::forwarding;
  }
  if (rapid_tree_) {
    const auto& ports = rapid_tree_->ports();
    const auto port = ports.find(handle);
    if (port != ports.end()) {
      plan->learns = port->second.learning;
      plan->forwards = port->second.forwarding;
    }
  }
  plans_[index(id)] = std::move(plan);
}

void Bridge::reschedule(fdb::PortId id) {
  Slot& slot = slots_[index(id)];
  const auto deadline = slot.port->deadline();
  if (deadline == slot.deadline) return;
  if (slot.deadline) deadlines_.erase({*slot.deadline, id});
  if (deadline) deadlines_.insert({*deadline, id});
  slot.deadline = deadline;
}

void Bridge::offer_mac(fdb::PortId id) {
  Slot& slot = slots_[index(id)];
  auto offered = representative(*slot.port, settings_.name);
  if (offered && (is_mirror_output(slot.port->settings().name) || !qualifies(*offered))) {
    offered.reset();
  }
  if (offered == slot.offered_mac) return;
  if (slot.offered_mac) offered_macs_.erase(offered_macs_.find(*slot.offered_mac));
  if (offered) offered_macs_.insert(*offered);
  slot.offered_mac = offered;
}

}  // namespace bondway::bridge
