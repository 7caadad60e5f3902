#include "vswitchd/bridge/port.hpp"

#include <algorithm>
#include <utility>

namespace bondway::bridge {
namespace {

/// Default system priorities: a bond wins against a single link.  ovs-vswitchd.conf.db(5).
constexpr std::uint16_t kBondPriority = 65534, kSinglePriority = 65535;

lacp::MemberId lacp_id(InterfaceId id) { return lacp::MemberId{static_cast<std::uint32_t>(id)}; }
bond::MemberId bond_id(InterfaceId id) { return bond::MemberId{static_cast<std::uint32_t>(id)}; }
InterfaceId interface_of(lacp::MemberId id) { return InterfaceId{static_cast<std::uint32_t>(id)}; }

Log::Level level_of(lacp::LogEvent::Level level) {
  switch (level) {
    case lacp::LogEvent::Level::warn:
      return Log::Level::warning;
    case lacp::LogEvent::Level::info:
      return Log::Level::info;
    case lacp::LogEvent::Level::dbg:
      return Log::Level::debug;
  }
  return Log::Level::info;
}

Log::Level level_of(bond::LogLevel level) {
  switch (level) {
    case bond::LogLevel::warning:
      return Log::Level::warning;
    case bond::LogLevel::info:
      return Log::Level::info;
    case bond::LogLevel::debug:
      return Log::Level::debug;
  }
  return Log::Level::info;
}

/// What LACP decided, in the bridge's words.
struct FromLacp {
  Actions& actions;
  void operator()(const lacp::SendPdu& send) const {
    actions.push_back(SendFrame{interface_of(send.member), send.frame});
  }
  void operator()(const lacp::StateChanged&) const { actions.push_back(StatusChanged{}); }
  void operator()(const lacp::CheckLink& check) const {
    actions.push_back(CheckLink{interface_of(check.member)});
  }
  void operator()(const lacp::MarkerReturned&) const {}  // nobody asked for one
  void operator()(const lacp::LogEvent& log) const {
    actions.push_back(Log{"lacp", level_of(log.level), log.text});
  }
};

/// What the bond decided, in the bridge's words.
struct FromBond {
  Actions& actions;
  void operator()(const bond::OutputChanged&) const { actions.push_back(PlanChanged{}); }
  void operator()(const bond::ActiveMemberChanged&) const { actions.push_back(StatusChanged{}); }
  void operator()(const bond::SendLearningPackets&) const { actions.push_back(Announce{}); }
  void operator()(const bond::Log& log) const {
    actions.push_back(Log{"bond", level_of(log.level), log.text, log.limited});
  }
};

bond::LacpStatus bond_status(const lacp::Lag* lag) {
  if (lag == nullptr) return bond::LacpStatus::off;
  return lag->status() == lacp::Negotiation::negotiated ? bond::LacpStatus::negotiated
                                                        : bond::LacpStatus::configured;
}

}  // namespace

Port::Port(PortSettings settings, MacAddress bridge_mac, std::shared_ptr<RecirculationIds> ids)
    : settings_(std::move(settings)), bridge_mac_(bridge_mac), ids_(std::move(ids)) {}

const Member* Port::find(InterfaceId id) const {
  const auto it = std::ranges::find(members_, id, &Member::id);
  return it == members_.end() ? nullptr : &*it;
}

Actions Port::configure(PortSettings settings, TimePoint now) {
  settings_ = std::move(settings);
  Actions actions{PlanChanged{}};
  update_lag(now, actions);
  update_bond(now, actions);
  return finish(std::move(actions), now);
}

Actions Port::set_bridge_mac(const MacAddress& mac, TimePoint now) {
  bridge_mac_ = mac;
  Actions actions;
  update_lag(now, actions);
  return finish(std::move(actions), now);
}

Actions Port::add_members(std::span<const Member> members, TimePoint now) {
  for (const Member& member : members) {
    const auto known = std::ranges::find(members_, member.id, &Member::id);
    if (known != members_.end()) {
      *known = member;
    } else {
      members_.push_back(member);
    }
  }
  const auto place = [this](const Member& m) {
    return std::ranges::find(settings_.interfaces, m.name, &InterfaceSettings::name);
  };
  std::ranges::stable_sort(members_, {}, place);
  Actions actions{PlanChanged{}, StatusChanged{}};
  update_lag(now, actions);
  update_bond(now, actions);
  return finish(std::move(actions), now);
}

Actions Port::remove_member(InterfaceId id, TimePoint now) {
  if (std::erase_if(members_, [id](const Member& member) { return member.id == id; }) == 0) {
    return {};
  }
  Actions actions{PlanChanged{}, StatusChanged{}};
  if (lag_) take(lag_->remove_member(lacp_id(id), now), actions);
  seen_up_.erase(id);
  if (bond_) bond_->remove_member(bond_id(id), now);
  update_lag(now, actions);
  update_bond(now, actions);
  return finish(std::move(actions), now);
}

Actions Port::link_changed(InterfaceId id, bool up, TimePoint now) {
  const auto member = std::ranges::find(members_, id, &Member::id);
  if (member == members_.end()) return {};
  member->link_up = up;
  Actions actions;
  if (lag_) take(lag_->link_changed(lacp_id(id), lacp_link(*member), now), actions);
  if (bond_) bond_->set_carrier(bond_id(id), up);
  return finish(std::move(actions), now);
}

Actions Port::receive(InterfaceId id, std::span<const std::uint8_t> frame, TimePoint now) {
  if (!lag_ || find(id) == nullptr) return {};
  Actions actions;
  take(lag_->receive(lacp_id(id), frame, now), actions);
  return finish(std::move(actions), now);
}

Actions Port::expire(TimePoint now) {
  Actions actions;
  if (lag_) take(lag_->expire(now), actions);
  if (bond_) {
    const auto due = bond_->rebalance_deadline();
    if (due && *due <= now) {
      for (const bond::Action& action : bond_->rebalance(now))
        std::visit(FromBond{actions}, action);
    }
  }
  return finish(std::move(actions), now);
}

std::optional<TimePoint> Port::deadline() const {
  std::optional<TimePoint> deadline;
  if (lag_) deadline = lag_->deadline();
  if (bond_) {
    deadline = earlier(deadline, earlier(bond_->deadline(), bond_->rebalance_deadline()));
  }
  return deadline;
}

void Port::collect() {
  if (!load_) return;
  for (std::size_t bucket = 0; bucket < load_->octets.size(); ++bucket) {
    const std::uint64_t octets = std::exchange(load_->octets[bucket], 0);
    if (octets != 0) bond_->account(static_cast<bond::Bucket>(bucket), octets);
  }
}

PortPlan Port::plan() const {
  PortPlan plan;
  plan.name = settings_.name;
  plan.vlan = settings_.vlan;
  plan.is_protected = settings_.is_protected;
  plan.lacp = lag_ != nullptr;
  if (!bond_) {
    if (!members_.empty()) plan.members.push_back(members_.front().id);
    return plan;
  }
  auto table = std::make_shared<bond::OutputTable>(bond_->output());
  for (const bond::OutputTable::Member& member : table->members) {
    plan.members.push_back(InterfaceId{static_cast<std::uint32_t>(member.id)});
  }
  plan.bond = std::move(table);
  plan.load = load_;
  return plan;
}

Actions Port::settle(TimePoint now) { return finish({}, now); }

lacp::LagConfig Port::lag_config() const {
  const LacpSettings& lacp = *settings_.lacp;
  // As configured, not as opened: a cable that comes or goes must not make the others negotiate
  // anew.
  const bool is_aggregate = settings_.interfaces.size() > 1;
  lacp::LagConfig config;
  config.name = settings_.name;
  config.aggregation =
      is_aggregate ? lacp::Aggregation::aggregatable : lacp::Aggregation::individual;
  config.activity = lacp.active ? lacp::Activity::active : lacp::Activity::passive;
  config.time = lacp.fast ? lacp::LacpTime::fast : lacp::LacpTime::slow;
  config.system_id = lacp.system_id.value_or(bridge_mac_);
  config.system_priority =
      lacp.system_priority.value_or(is_aggregate ? kBondPriority : kSinglePriority);
  config.fallback = lacp.fallback_ab ? lacp::Fallback::active_backup : lacp::Fallback::none;
  config.control =
      lacp.independent_control ? lacp::MuxControl::independent : lacp::MuxControl::coupled;
  config.aggregate_wait = lacp.aggregate_wait;
  config.min_links = lacp.min_links;
  config.max_bundle = lacp.max_bundle;
  config.timeout_multiplier = lacp.timeout_multiplier;
  return config;
}

lacp::Link Port::lacp_link(const Member& member) {
  if (member.link_up) seen_up_.insert(member.id);
  const bool up = member.has_carrier ? member.link_up : seen_up_.contains(member.id);
  return up ? lacp::Link::up : lacp::Link::down;
}

lacp::MemberConfig Port::lag_member(const Member& member) const {
  lacp::MemberConfig config;
  config.name = member.name;
  config.mac = member.mac;
  config.port_id = member.ofport;
  const auto settings =
      std::ranges::find(settings_.interfaces, member.name, &InterfaceSettings::name);
  if (settings == settings_.interfaces.end()) return config;
  if (settings->lacp_port_id != 0) config.port_id = settings->lacp_port_id;
  config.port_priority = settings->lacp_port_priority;
  config.aggregation_key = settings->lacp_aggregation_key;
  return config;
}

bond::BondConfig Port::bond_config() const {
  bond::BondConfig config = settings_.bond;
  config.name = settings_.name;
  config.min_links = settings_.lacp ? settings_.lacp->min_links : 0;
  config.recirculation_id = recirculation_id_;
  return config;
}

void Port::update_lag(TimePoint now, Actions& actions) {
  if (!settings_.lacp) {
    if (lag_) actions.insert(actions.end(), {PlanChanged{}, StatusChanged{}});
    lag_.reset();
    seen_up_.clear();
    return;
  }
  if (!lag_) {
    lag_ = std::make_unique<lacp::Lag>(lag_config());
    actions.insert(actions.end(), {PlanChanged{}, StatusChanged{}});
  } else {
    take(lag_->configure(lag_config(), now), actions);
  }
  for (const Member& member : members_) {
    if (!lag_->contains(lacp_id(member.id))) newcomers_.push_back(member.id);
    take(lag_->add_member(lacp_id(member.id), lag_member(member), lacp_link(member), now), actions);
  }
}

void Port::take(const lacp::Actions& decided, Actions& actions) {
  for (const lacp::Action& action : decided) std::visit(FromLacp{actions}, action);
}

void Port::update_recirculation_id() {
  const bool balances = members_.size() > 1 && settings_.bond.mode != bond::Mode::active_backup;
  if (!balances) {
    recirculation_id_ = 0;
  } else if (recirculation_id_ == 0) {
    recirculation_id_ = ids_->next();
  }
}

void Port::update_bond(TimePoint now, Actions& actions) {
  update_recirculation_id();
  if (members_.size() < 2) {
    newcomers_.clear();
    if (!bond_) return;
    for (const bond::Action& action : bond_->update(now)) std::visit(FromBond{actions}, action);
    actions.insert(actions.end(), {PlanChanged{}, StatusChanged{}});
    if (bond_->active()) last_active_ = bond_->active_mac();
    bond_.reset();
    load_.reset();
    return;
  }
  if (!bond_) {
    if (!last_active_) last_active_ = settings_.remembered_active;
    bond_ = std::make_unique<bond::Bond>(bond_config(), last_active_.value_or(MacAddress()), now);
    actions.insert(actions.end(), {PlanChanged{}, StatusChanged{}});
  } else {
    bond_->configure(bond_config(), now);
  }
  const bool balances = settings_.bond.mode != bond::Mode::active_backup;
  if (balances && !load_) load_ = std::make_shared<BucketLoad>();
  if (!balances) load_.reset();
  for (const Member& member : members_) {
    bond_->add_member({bond_id(member.id), member.name, member.mac}, member.link_up);
    bond_->set_carrier(bond_id(member.id), member.link_up);
  }
  introduce_newcomers(now, actions);
}

/// LACP has an opinion of a member only after the bond's first pass with it, even where nobody
/// needs to answer: until then it may carry nothing, and its updelay begins afterwards.  So in the
/// reference.
void Port::introduce_newcomers(TimePoint now, Actions& actions) {
  const auto newcomers = std::exchange(newcomers_, {});
  if (!lag_ || newcomers.empty()) return;
  tell_bond([&](InterfaceId id) {
    return std::ranges::find(newcomers, id) == newcomers.end() && lag_->may_enable(lacp_id(id));
  });
  for (const bond::Action& action : bond_->update(now)) std::visit(FromBond{actions}, action);
}

void Port::tell_bond(const std::function<bool(InterfaceId)>& may_enable) {
  bond_->set_lacp_status(bond_status(lag_.get()));
  for (const Member& member : members_) {
    bond_->set_may_enable(bond_id(member.id), may_enable(member.id));
  }
}

/// LACP has had its say; now the bond has its pass.
Actions Port::finish(Actions actions, TimePoint now) {
  if (!bond_) return actions;
  tell_bond([this](InterfaceId id) { return !lag_ || lag_->may_enable(lacp_id(id)); });
  for (const bond::Action& action : bond_->update(now)) std::visit(FromBond{actions}, action);
  return actions;
}

}  // namespace bondway::bridge
