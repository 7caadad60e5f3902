#include "vswitchd/lacp/rx_machine.hpp"

#include <tuple>

namespace bondway::lacp {
namespace {

auto identity(const PortInfo& port) {
  return std::make_tuple(port.system_priority, port.system_id, port.key, port.port_priority,
                         port.port_id, port.state.has(Flag::aggregation));
}

/// "The link is running LACP": at least one end talks without being talked to.
bool lacp_active(const Lacpdu& pdu, const PortInfo& actor) {
  return pdu.actor.state.has(Flag::activity) ||
         (actor.state.has(Flag::activity) && pdu.partner.state.has(Flag::activity));
}

}  // namespace

bool same_port(const PortInfo& a, const PortInfo& b) { return identity(a) == identity(b); }

bool needs_no_correction(const PortInfo& heard, const PortInfo& actor) {
  if (!same_port(heard, actor)) return false;
  for (const Flag flag : {Flag::activity, Flag::timeout, Flag::synchronization}) {
    if (heard.state.has(flag) != actor.state.has(flag)) return false;
  }
  return true;
}

bool partner_in_sync(const Lacpdu& pdu, const PortInfo& actor) {
  if (!lacp_active(pdu, actor) || !pdu.actor.state.has(Flag::synchronization)) return false;
  return same_port(pdu.partner, actor) || !pdu.actor.state.has(Flag::aggregation);
}

RxEffects RxMachine::enable(TimePoint now) {
  if (state_ == RxState::lacp_disabled) enter_port_disabled();
  if (enabled()) return {};
  return enter_expired(now);
}

RxEffects RxMachine::enable_without_lacp(const PortInfo& partner_admin) {
  if (state_ == RxState::lacp_disabled) return {};
  return enter_lacp_disabled(partner_admin);
}

RxEffects RxMachine::disable() {
  if (!enabled()) return {};
  return enter_port_disabled();
}

RxEffects RxMachine::port_moved(const PortInfo& partner_admin) {
  if (enabled()) return {};
  return enter_initialize(partner_admin);
}

RxEffects RxMachine::receive(const Lacpdu& pdu, const PortInfo& actor, Duration timeout,
                             TimePoint now) {
  if (!enabled() || state_ == RxState::lacp_disabled) return {};
  return enter_current(pdu, actor, now + timeout);
}

RxEffects RxMachine::restart(TimePoint now) {
  if (!enabled() || state_ == RxState::lacp_disabled) return {};
  return enter_expired(now);
}

RxEffects RxMachine::expire(const PortInfo& partner_admin, TimePoint now) {
  if (!current_while_ || now < *current_while_) return {};
  if (state_ == RxState::current) return enter_expired(now);
  return enter_defaulted(partner_admin);
}

RxEffects RxMachine::enter_initialize(const PortInfo& partner_admin) {
  record_default(partner_admin);
  enter_port_disabled();
  return {.unselect = true};
}

RxEffects RxMachine::enter_port_disabled() {
  state_ = RxState::port_disabled;
  partner_.state.clear(Flag::synchronization);
  expired_ = false;
  current_while_.reset();
  return {};
}

RxEffects RxMachine::enter_expired(TimePoint now) {
  state_ = RxState::expired;
  partner_.state.clear(Flag::synchronization);
  partner_.state.set(Flag::timeout);
  current_while_ = now + kShortTimeout;
  expired_ = true;
  return {};
}

RxEffects RxMachine::enter_lacp_disabled(const PortInfo& partner_admin) {
  state_ = RxState::lacp_disabled;
  record_default(partner_admin);
  partner_.state.clear(Flag::aggregation);
  expired_ = false;
  current_while_.reset();
  return {.unselect = true};
}

RxEffects RxMachine::enter_defaulted(const PortInfo& partner_admin) {
  const RxEffects effects{.unselect = !same_port(partner_admin, partner_)};
  state_ = RxState::defaulted;
  record_default(partner_admin);
  expired_ = false;
  current_while_.reset();
  return effects;
}

RxEffects RxMachine::enter_current(const Lacpdu& pdu, const PortInfo& actor, TimePoint until) {
  const RxEffects effects{.unselect = !same_port(pdu.actor, partner_),
                          .need_to_transmit = !needs_no_correction(pdu.partner, actor)};
  state_ = RxState::current;
  record_pdu(pdu, actor);
  current_while_ = until;
  expired_ = false;
  return effects;
}

void RxMachine::record_default(const PortInfo& partner_admin) {
  partner_ = partner_admin;
  partner_.state.set(Flag::synchronization);
  defaulted_ = true;
}

void RxMachine::record_pdu(const Lacpdu& pdu, const PortInfo& actor) {
  partner_ = pdu.actor;
  partner_.state.set(Flag::synchronization, partner_in_sync(pdu, actor));
  defaulted_ = false;
}

}  // namespace bondway::lacp
