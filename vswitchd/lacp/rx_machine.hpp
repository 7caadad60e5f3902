#pragma once

#include <cstdint>
#include <optional>

#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

inline constexpr Duration kFastPeriodicTime = 1s;   ///< IEEE 802.1AX-2014, 6.4.4
inline constexpr Duration kSlowPeriodicTime = 30s;  ///< 6.4.4
inline constexpr Duration kShortTimeout = 3s;       ///< 6.4.4

enum class RxState : std::uint8_t {
  initialize,  ///< never stayed in
  port_disabled,
  expired,
  lacp_disabled,
  defaulted,
  current,
};

/// What a step of the receive machine asks of the other machines of the same port.
struct RxEffects {
  bool unselect = false;          ///< Selected := UNSELECTED
  bool need_to_transmit = false;  ///< NTT := TRUE
  bool operator==(const RxEffects&) const = default;
};

/// Whether the two name the same port of the same system, equally able to aggregate: the comparison
/// of update_Selected and update_Default_Selected.  6.4.9.
bool same_port(const PortInfo& a, const PortInfo& b);

/// Whether a partner's idea of us needs no correction: the comparison of update_NTT.  6.4.9.
bool needs_no_correction(const PortInfo& heard, const PortInfo& actor);

/// Whether the port that sent this LACPDU is in step with us: LACP runs on the link, it is attached
/// to its aggregator, and it means us or is an individual link.  recordPDU, 6.4.9.
bool partner_in_sync(const Lacpdu& pdu, const PortInfo& actor);

/// The receive machine of one aggregation port: how much of what we know of the partner still
/// holds.  IEEE 802.1AX-2014, 6.4.12.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.
class RxMachine {
 public:
  /// BEGIN: the port is disabled and nothing is known but the administrative values.
  explicit RxMachine(const PortInfo& partner_admin = {}) : partner_(partner_admin) {
    record_default(partner_admin);
    partner_.state.clear(Flag::synchronization);
  }

  /// The port became able to carry frames.  LACP is spoken on it, or (half duplex) not.
  RxEffects enable(TimePoint now);
  RxEffects enable_without_lacp(const PortInfo& partner_admin);

  /// The port lost its link.  What is known of the partner is remembered.
  RxEffects disable();

  /// The partner remembered by this disabled port was heard on another one.
  RxEffects port_moved(const PortInfo& partner_admin);

  /// A well-formed LACPDU arrived.  Ignored while the port is disabled.  `actor` is what we are,
  /// `timeout` how long the information lasts: the short or long timeout, by actor's timeout flag.
  RxEffects receive(const Lacpdu& pdu, const PortInfo& actor, Duration timeout, TimePoint now);

  /// An enabled port must hear its partner anew, as after a loss of link.
  RxEffects restart(TimePoint now);

  /// Time has passed: current becomes expired, expired becomes defaulted.
  RxEffects expire(const PortInfo& partner_admin, TimePoint now);

  /// When expire() next has something to do: current_while.
  std::optional<TimePoint> deadline() const { return current_while_; }

  RxState state() const { return state_; }
  bool enabled() const { return state_ != RxState::port_disabled; }
  bool expired() const { return expired_; }      ///< Actor_Oper_Port_State.Expired
  bool defaulted() const { return defaulted_; }  ///< Actor_Oper_Port_State.Defaulted
  const PortInfo& partner() const { return partner_; }

 private:
  RxEffects enter_initialize(const PortInfo& partner_admin);
  RxEffects enter_port_disabled();
  RxEffects enter_expired(TimePoint now);
  RxEffects enter_lacp_disabled(const PortInfo& partner_admin);
  RxEffects enter_defaulted(const PortInfo& partner_admin);
  RxEffects enter_current(const Lacpdu& pdu, const PortInfo& actor, TimePoint until);
  void record_default(const PortInfo& partner_admin);
  void record_pdu(const Lacpdu& pdu, const PortInfo& actor);

  RxState state_ = RxState::port_disabled;
  bool expired_ = false;
  bool defaulted_ = true;
  PortInfo partner_;
  std::optional<TimePoint> current_while_;
};

}  // namespace bondway::lacp
