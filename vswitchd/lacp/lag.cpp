#include "vswitchd/lacp/lag.hpp"

#include <algorithm>
#include <utility>

#include "vswitchd/lacp/churn_machine.hpp"
#include "vswitchd/lacp/marker.hpp"
#include "vswitchd/lacp/member_status.hpp"
#include "vswitchd/lacp/mux_machine.hpp"
#include "vswitchd/lacp/periodic_machine.hpp"
#include "vswitchd/lacp/rx_machine.hpp"
#include "vswitchd/lacp/transmit_machine.hpp"

namespace bondway::lacp {

/// What others were last told of a member.
struct PublishedState {
  MemberStatus status = MemberStatus::defaulted;
  bool attached = false, may_enable = false;
  bool operator==(const PublishedState&) const = default;
};

struct Lag::Member {
  Member(MemberId id_, const LagConfig& lag) : id(id_), mux(lag.control) {}

  MemberId id;
  MemberConfig config;
  Link link = Link::down;
  Selected selected = Selected::unselected;
  PortInfo identity;  // what of the actor partners were last told, or will be by a pending LACPDU
  bool told_synchronized = false;  // by the last LACPDU

  RxMachine rx;
  StatusMachine status;
  PeriodicMachine periodic;
  MuxMachine mux;
  TransmitMachine transmission;
  ChurnMachine actor_churn, partner_churn;
  Marker marker;

  Counters counters;
  std::optional<std::uint8_t> partner_version;
  PublishedState published;

  void follow(const RxEffects& effects) {
    if (effects.unselect) selected = Selected::unselected;
    if (effects.need_to_transmit) transmission.need_to_transmit();
  }
  void follow(NeedToTransmit need) {
    if (need == NeedToTransmit::yes) transmission.need_to_transmit();
  }
  bool speaks_lacp() const { return rx.enabled() && rx.state() != RxState::lacp_disabled; }
  bool partner_configured() const { return !config.partner_admin.system_id.is_zero(); }
};

namespace {

/// Replaces a value; whether that changed it.
template <typename T>
bool replace(T& value, const T& by) {
  return std::exchange(value, by) != by;
}

std::optional<Duration> remaining(std::optional<TimePoint> deadline, TimePoint now) {
  if (!deadline) return {};
  return std::max(*deadline - now, Duration{0});
}

}  // namespace

Lag::Lag(LagConfig config) : config_(std::move(config)) {}
Lag::~Lag() = default;
Lag::Lag(const Lag&) = default;
Lag::Lag(Lag&&) noexcept = default;
Lag& Lag::operator=(const Lag&) = default;
Lag& Lag::operator=(Lag&&) noexcept = default;

Actions Lag::configure(LagConfig config, TimePoint now) {
  Actions actions;
  config_ = std::move(config);
  for (Member& member : members_) member.follow(member.mux.set_control(config_.control));
  settle(now, actions);
  return actions;
}

const LagConfig& Lag::config() const { return config_; }

Actions Lag::add_member(MemberId id, MemberConfig config, Link link, TimePoint now) {
  if (find(id)) {
    Actions actions = configure_member(id, std::move(config), now);
    std::ranges::move(link_changed(id, link, now), std::back_inserter(actions));
    return actions;
  }
  Actions actions;
  if (members_.empty()) derived_key_ = config.port_id;
  Member& member = members_.emplace_back(id, config_);
  member.config = std::move(config);
  member.rx = RxMachine(member.config.partner_admin);
  member.identity = identity(member);
  if (link == Link::up) set_link(member, link, now);
  settle(now, actions);
  return actions;
}

Actions Lag::configure_member(MemberId id, MemberConfig config, TimePoint now) {
  Actions actions;
  Member* member = find(id);
  if (!member || member->config == config) return actions;
  apply(config, *member, now);
  settle(now, actions);
  return actions;
}

void Lag::apply(const MemberConfig& config, Member& member, TimePoint now) {
  const MemberConfig before = std::exchange(member.config, config);
  if (before.port_id == derived_key_) derived_key_ = config.port_id;
  if (before.duplex != config.duplex) set_link(member, member.link, now);
  const bool renamed = std::tie(before.port_id, before.port_priority, before.aggregation_key) !=
                       std::tie(config.port_id, config.port_priority, config.aggregation_key);
  if (!renamed) return;
  // The standard keeps what is known of the partner; scripts wait for the member to expire.
  if (config_.activity == Activity::passive && !negotiated()) return;
  member.follow(member.rx.restart(now));
  member.status.restart(member.rx);
}

Actions Lag::remove_member(MemberId id, TimePoint now) {
  Actions actions;
  if (std::erase_if(members_, [id](const Member& member) { return member.id == id; }) == 0) {
    return actions;
  }
  settle(now, actions);
  return actions;
}

Actions Lag::link_changed(MemberId id, Link link, TimePoint now) {
  Actions actions;
  Member* member = find(id);
  if (!member || member->link == link) return actions;
  ++member->counters.carrier_changed;
  set_link(*member, link, now);
  settle(now, actions);
  return actions;
}

void Lag::set_link(Member& member, Link link, TimePoint now) {
  member.link = link;
  if (link == Link::down) {
    member.follow(member.rx.disable());
  } else if (member.config.duplex == Duplex::half) {
    member.follow(member.rx.enable_without_lacp(member.config.partner_admin));
  } else {
    member.follow(member.rx.enable(now));
    // The standard would let the first periodic transmission introduce us, a second from now.
    member.transmission.need_to_transmit();
  }
}

Actions Lag::receive(MemberId id, std::span<const std::uint8_t> frame, TimePoint now) {
  Actions actions;
  Member* member = find(id);
  if (!member) return actions;
  ++member->counters.rx_pdus;
  const Result<SlowPdu> pdu = decode(frame);
  if (frame.size() >= kFrameSize && is_marker(frame)) {
    ++member->counters.rx_markers;  // well-formed or not, requests and responses alike
  } else if (!pdu) {
    ++member->counters.rx_bad_pdus;
    if (bad_pdu_log_.take(now)) {
      actions.push_back(
          LogEvent{LogEvent::Level::warn, config_.name + ": received an unparsable LACP PDU."});
    }
  }
  if (!pdu) return actions;
  if (const auto* marker = std::get_if<MarkerPdu>(&*pdu)) {
    receive_marker(*member, *marker, now, actions);
  } else {
    receive_lacpdu(*member, std::get<Lacpdu>(*pdu), now, actions);
  }
  return actions;
}

void Lag::receive_lacpdu(Member& member, const Lacpdu& pdu, TimePoint now, Actions& actions) {
  if (member.link == Link::down) {
    if (link_down_log_.take(now)) {
      actions.push_back(
          LogEvent{LogEvent::Level::info,
                   fmt::format("{}: dropped a LACP PDU received on {}, whose carrier is down",
                               config_.name, member.config.name)});
    }
    actions.push_back(CheckLink{member.id});
    return;
  }
  const Duration period = config_.time == LacpTime::fast ? kFastPeriodicTime : kSlowPeriodicTime;
  const RxEffects effects =
      member.rx.receive(pdu, actor(member), config_.timeout_multiplier * period, now);
  member.follow(effects);
  member.partner_version = pdu.version;
  if (effects.unselect) forget_moved_partner(member);
  settle(now, actions);
}

void Lag::forget_moved_partner(const Member& member) {
  const PortInfo& heard = member.rx.partner();
  for (Member& other : members_) {
    const PortInfo& remembered = other.rx.partner();
    if (&other == &member || other.rx.enabled()) continue;
    if (remembered.system_id != heard.system_id || remembered.port_id != heard.port_id) continue;
    other.follow(other.rx.port_moved(other.config.partner_admin));
  }
}

void Lag::receive_marker(Member& member, const MarkerPdu& pdu, TimePoint now, Actions& actions) {
  if (member.link == Link::down) return;
  if (const auto response = member.marker.respond(pdu, now)) {
    ++member.counters.marker_responses;
    actions.push_back(SendPdu{member.id, encode(*response, member.config.mac)});
  } else if (const auto round_trip =
                 member.marker.match(pdu, member.config.port_id, config_.system_id, now)) {
    actions.push_back(MarkerReturned{member.id, pdu.transaction, *round_trip});
  }
}

Actions Lag::send_marker(MemberId id, TimePoint now) {
  Actions actions;
  Member* member = find(id);
  if (!member || member->link == Link::down) return actions;
  if (const auto pdu = member->marker.generate(member->config.port_id, config_.system_id, now)) {
    actions.push_back(SendPdu{member->id, encode(*pdu, member->config.mac)});
  }
  return actions;
}

Actions Lag::expire(TimePoint now) {
  Actions actions;
  if (!deadline_ || now < *deadline_) return actions;
  for (Member& member : members_) expire_machines(member, now, actions);
  settle(now, actions);
  return actions;
}

std::optional<TimePoint> Lag::deadline() const { return deadline_; }

void Lag::expire_machines(Member& member, TimePoint now, Actions& actions) {
  const RxState before = member.rx.state();
  member.follow(member.rx.expire(member.config.partner_admin, now));
  if (before == RxState::current && member.rx.state() == RxState::expired) {
    ++member.counters.link_expired;
  }
  if (before == RxState::expired && member.rx.state() == RxState::defaulted) {
    // While it waited for a partner the member may have called itself synchronized.
    member.transmission.need_to_transmit();
  }
  member.status.expire(now);
  member.mux.expire(now);
  member.follow(member.periodic.expire(now));
  const auto report = [&](const char* who) {
    actions.push_back(
        LogEvent{LogEvent::Level::dbg,
                 fmt::format("{}: {} churn on member {}", config_.name, who, member.config.name)});
  };
  if (member.actor_churn.expire(now)) ++member.counters.actor_churn, report("actor");
  if (member.partner_churn.expire(now)) ++member.counters.partner_churn, report("partner");
}

/// The one place where every event ends: lets the machines follow each other until nothing is left
/// to do now, sends what there is to say, and finds out when to be called again.
void Lag::settle(TimePoint now, Actions& actions) {
  renew_actors();
  for (Member& member : members_) member.status.update(member.rx, config_.activity, now);
  run_selection(now, actions);
  run_mux(now);
  for (Member& member : members_) run_periodic_and_churn(member, now);
  for (Member& member : members_) transmit(member, now, actions);
  publish(actions);
  find_deadline();
}

/// Tells partners when configuration, or members that came or went, made us somebody else; the
/// aggregator must then be chosen anew.
void Lag::renew_actors() {
  for (Member& member : members_) {
    const PortInfo renewed = identity(member);
    if (renewed == member.identity) continue;
    if (!same_port(renewed, member.identity)) member.selected = Selected::unselected;
    member.identity = renewed;
    member.transmission.need_to_transmit();
  }
}

void Lag::run_selection(TimePoint now, Actions& actions) {
  std::vector<Candidate> candidates;
  candidates.reserve(members_.size());
  for (Member& member : members_) {
    if (member.selected == Selected::unselected) {
      member.follow(member.mux.update({}, config_.aggregate_wait, now));  // DETACHED first
    }
    candidates.push_back(
        {.standing = standing(member), .actor = member.identity, .partner = member.rx.partner()});
    if (partner_known(candidates.back().standing) &&
        is_loopback(candidates.back().actor, candidates.back().partner) &&
        loopback_log_.take(now)) {
      actions.push_back(LogEvent{
          LogEvent::Level::warn,
          fmt::format("member {}: Loopback detected. Interface is connected to its own bond",
                      member.config.name)});
    }
  }
  const Selection selection = select(candidates, config_.max_bundle, holder_);
  holder_ = selection.partner;
  for (std::size_t i = 0; i < members_.size(); ++i) members_[i].selected = selection.selected[i];
}

void Lag::run_mux(TimePoint now) {
  const auto update = [&](Member& member, bool ready) {
    const PortState partner = member.rx.partner().state;
    // A partner that is only assumed collects as soon as it is in sync: it will not say so.
    const bool collecting = partner.has(Flag::collecting) || member.rx.defaulted();
    member.follow(member.mux.update({.selected = member.selected,
                                     .ready = ready,
                                     .partner_in_sync = partner.has(Flag::synchronization),
                                     .partner_collecting = collecting},
                                    config_.aggregate_wait, now));
  };
  for (Member& member : members_) update(member, false);
  const bool ready = std::ranges::all_of(members_, [&](const Member& member) {
    return member.selected != Selected::selected || member.mux.state() != MuxState::waiting ||
           member.mux.waited(now);
  });
  for (Member& member : members_) update(member, ready);
}

void Lag::run_periodic_and_churn(Member& member, TimePoint now) {
  const PortState partner = member.rx.partner().state;
  const bool both_passive = config_.activity == Activity::passive && !partner.has(Flag::activity);
  PeriodicPace pace = partner.has(Flag::timeout) ? PeriodicPace::fast : PeriodicPace::slow;
  if (!member.speaks_lacp() || both_passive) pace = PeriodicPace::none;
  // A partner that becomes patient took its last PDU of ours for three seconds only.
  const bool slows_down =
      member.periodic.state() == PeriodicState::fast && pace == PeriodicPace::slow;
  if (slows_down) member.transmission.need_to_transmit();
  member.follow(member.periodic.update(pace, now));

  const auto churn_input = [&](bool in_sync) {
    if (!member.speaks_lacp()) return ChurnInput::port_disabled;
    return in_sync ? ChurnInput::in_sync : ChurnInput::out_of_sync;
  };
  member.actor_churn.update(churn_input(member.mux.attached()), now);
  member.partner_churn.update(churn_input(partner.has(Flag::synchronization)), now);
}

void Lag::transmit(Member& member, TimePoint now, Actions& actions) {
  // The mux machine announces what it does; but a member may cease to be presumed attached.
  const bool heard = member.rx.state() == RxState::current;
  if (heard && member.told_synchronized && !attached(member)) {
    member.transmission.need_to_transmit();
  }
  if (member.periodic.state() == PeriodicState::none) return member.transmission.forget();
  if (!member.transmission.take(now)) return;
  ++member.counters.tx_pdus;
  member.told_synchronized = attached(member);
  const Lacpdu pdu{.actor = actor(member), .partner = partner(member)};
  actions.push_back(SendPdu{member.id, encode(pdu, member.config.mac)});
}

void Lag::publish(Actions& actions) {
  const auto carrying =
      std::ranges::count_if(members_, [this](const Member& member) { return carries(member); });
  enough_links_ = static_cast<std::size_t>(carrying) >= config_.min_links;

  const std::optional<std::uint16_t> present_key =
      members_.empty() ? std::nullopt : std::optional(key());
  bool changed = replace(negotiated_, negotiated());
  changed |= replace(key_, present_key);
  for (Member& member : members_) {
    const PublishedState state{.status = member.status.status(),
                               .attached = attached(member),
                               .may_enable = carries(member) && enough_links_};
    changed |= replace(member.published, state);
  }
  if (changed) actions.push_back(StateChanged{});
}

void Lag::find_deadline() {
  deadline_.reset();
  for (const Member& member : members_) {
    for (const std::optional<TimePoint>& deadline :
         {member.rx.deadline(), member.status.deadline(), member.periodic.deadline(),
          member.mux.deadline(), member.transmission.deadline(), member.actor_churn.deadline(),
          member.partner_churn.deadline()}) {
      deadline_ = earlier(deadline_, deadline);
    }
  }
}

Lag::Member* Lag::find(MemberId id) { return const_cast<Member*>(std::as_const(*this).find(id)); }

const Lag::Member* Lag::find(MemberId id) const {
  for (const Member& member : members_) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

/// One key for all members, set by the first of them, or else derived.  The derived one outlives
/// the member that it came from: if the others changed theirs, all of them would have to
/// renegotiate.
std::uint16_t Lag::key() const {
  const bool set = !members_.empty() && members_.front().config.aggregation_key != 0;
  return set ? members_.front().config.aggregation_key : derived_key_;
}

Aggregation Lag::aggregation() const {
  if (config_.aggregation) return *config_.aggregation;
  return members_.size() > 1 ? Aggregation::aggregatable : Aggregation::individual;
}

/// The part of the actor that configuration decides; its state has no other flags.
PortInfo Lag::identity(const Member& member) const {
  PortInfo info{.system_priority = config_.system_priority,
                .system_id = config_.system_id,
                .key = key(),
                .port_priority = member.config.port_priority,
                .port_id = member.config.port_id,
                .state = {}};
  info.state.set(Flag::activity, config_.activity == Activity::active);
  info.state.set(Flag::timeout, config_.time == LacpTime::fast);
  info.state.set(Flag::aggregation, aggregation() == Aggregation::aggregatable);
  return info;
}

PortInfo Lag::actor(const Member& member) const {
  PortInfo info = member.identity;
  info.state.set(Flag::synchronization, attached(member));
  // While nobody is negotiated with, a port says that it collects and distributes, as scripts see
  // it; partners heed neither before both ends are in sync.
  const bool idle = !negotiated() || presumed_attached(member);
  info.state.set(Flag::collecting, member.mux.collecting() || idle);
  info.state.set(Flag::distributing, member.mux.distributing() || idle);
  // The standard's port that never heard anybody is both for three seconds; scripts see one.
  info.state.set(Flag::defaulted, member.status.status() == MemberStatus::defaulted);
  info.state.set(Flag::expired, member.status.status() == MemberStatus::expired);
  return info;
}

/// What we tell and show of the partner.
PortInfo Lag::partner(const Member& member) const {
  PortInfo info = member.rx.partner();
  if (member.status.status() == MemberStatus::defaulted) {
    if (!member.rx.enabled()) return member.config.partner_admin;  // remembered, but not for long
    // recordDefault assumes a partner in sync; scripts see a partner without any flag.
    info.state.clear(Flag::synchronization);
    if (member.rx.state() == RxState::expired) info.state.clear(Flag::timeout);
  } else if (!member.rx.enabled()) {
    info.state.set(Flag::timeout);  // as in EXPIRED, which is how this member is shown
  }
  return info;
}

Standing Lag::standing(const Member& member) const {
  const bool known = !member.rx.defaulted();
  switch (member.rx.state()) {
    case RxState::current:
      return Standing::current;
    case RxState::expired:
      if (known) return Standing::expired;
      break;
    case RxState::port_disabled:
      if (known && member.status.status() == MemberStatus::expired) return Standing::disabled;
      break;
    case RxState::initialize:
    case RxState::lacp_disabled:
    case RxState::defaulted:
      break;
  }
  if (member.speaks_lacp() && member.partner_configured()) return Standing::assumed;
  const bool falls_back = config_.fallback == Fallback::active_backup &&
                          member.status.status() == MemberStatus::defaulted;
  return falls_back ? Standing::fallback : Standing::none;
}

/// For three seconds a member that waits for its first partner is shown as attached to it; not
/// while others already carry what there is, since a bond is negotiated or in fallback, never both.
bool Lag::presumed_attached(const Member& member) const {
  return alone() && member.rx.defaulted() && member.status.status() == MemberStatus::expired &&
         !in_fallback();
}

bool Lag::in_fallback() const {
  return std::ranges::any_of(members_, [this](const Member& member) {
    return standing(member) == Standing::fallback && member.mux.attached();
  });
}

bool Lag::attached(const Member& member) const {
  return member.mux.attached() || presumed_attached(member);
}

bool Lag::carries(const Member& member) const {
  if (member.mux.distributing()) return true;
  return standing(member) == Standing::fallback && member.mux.attached();
}

bool Lag::negotiated() const {
  if (!alone()) return true;
  return std::ranges::any_of(members_,
                             [this](const Member& member) { return presumed_attached(member); });
}

Negotiation Lag::status() const {
  return negotiated_ ? Negotiation::negotiated : Negotiation::configured;
}

bool Lag::may_enable(MemberId id) const {
  const Member* member = find(id);
  return member && member->published.may_enable;
}

bool Lag::current(MemberId id) const {
  const Member* member = find(id);
  return member && member->published.status != MemberStatus::defaulted;
}

LagView Lag::view(TimePoint now) const {
  LagView view{.name = config_.name,
               .activity = config_.activity,
               .negotiated = negotiated_,
               .system_id = config_.system_id,
               .system_priority = config_.system_priority,
               .key = key_,
               .time = config_.time,
               .fallback = config_.fallback,
               .control = config_.control,
               .aggregate_wait = config_.aggregate_wait,
               .min_links = config_.min_links,
               .max_bundle = config_.max_bundle,
               .timeout_multiplier = config_.timeout_multiplier,
               .members = {}};
  for (const Member& member : members_) view.members.push_back(view_of(member, now));
  std::ranges::sort(view.members, {}, &MemberView::name);
  return view;
}

MemberView Lag::view_of(const Member& member, TimePoint now) const {
  MemberView view{.name = member.config.name,
                  .status = member.published.status,
                  .attached = member.published.attached,
                  .may_enable = member.published.may_enable,
                  .actor = actor(member),
                  .partner = partner(member),
                  .counters = member.counters,
                  .link_up = member.link == Link::up,
                  .rx = member.rx.state(),
                  .selected = member.selected,
                  .mux = member.mux.state(),
                  .periodic = member.periodic.state(),
                  .actor_churn = member.actor_churn.state(),
                  .partner_churn = member.partner_churn.state(),
                  .need_to_transmit = member.transmission.pending(),
                  .partner_times_out_in = remaining(member.rx.deadline(), now),
                  .next_periodic_in = remaining(member.periodic.deadline(), now),
                  .partner_version = member.partner_version};
  view.counters.link_defaulted = member.status.times_defaulted();
  return view;
}

}  // namespace bondway::lacp
