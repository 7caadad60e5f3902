#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "vswitchd/lacp/config.hpp"
#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/lacp/rate_limit.hpp"
#include "vswitchd/lacp/selection.hpp"
#include "vswitchd/lacp/view.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::lacp {

/// A member, by a number of the caller's choice.
enum class MemberId : std::uint32_t {};

/// Transmit this frame (124 octets, source address and all) on the member, behind whatever was
/// handed to it before.
struct SendPdu {
  MemberId member{};
  std::vector<std::uint8_t> frame{};
  bool operator==(const SendPdu&) const = default;
};

/// Something that others see changed: status(), may_enable(), current() or key.  At most one in an
/// answer, its last action.
struct StateChanged {
  bool operator==(const StateChanged&) const = default;
};

/// A LACPDU arrived on a member whose link is said to be down: ask the device again.
struct CheckLink {
  MemberId member{};
  bool operator==(const CheckLink&) const = default;
};

/// The echo of a marker sent with send_marker(): all data sent before it has arrived.
struct MarkerReturned {
  MemberId member{};
  std::uint32_t transaction = 0;
  Duration round_trip{0};
  bool operator==(const MarkerReturned&) const = default;
};

/// A line for the log's module "lacp".  What a peer can provoke at will is already limited here to
/// one line a second and port.
struct LogEvent {
  enum class Level : std::uint8_t { warn, info, dbg };
  Level level = Level::info;
  std::string text{};
  bool operator==(const LogEvent&) const = default;
};

using Action = std::variant<SendPdu, StateChanged, CheckLink, MarkerReturned, LogEvent>;
using Actions = std::vector<Action>;

/// What the bond makes of LACP.  "Off" is the absence of a Lag.
enum class Negotiation : std::uint8_t { configured, negotiated };

/// LACP of one port of a bridge, a bond or a single link: the machines of IEEE 802.1AX-2014, clause
/// 6.4, for each of its members and the one Aggregator that the members compete for.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.  The caller
/// performs the returned actions in order, and calls expire() no later than deadline().  A frame
/// may be delivered to its receiver before or after the remaining actions are performed, but not
/// while a call on the same Lag runs.  A MemberId that was not added, or was removed, is ignored.
class Lag {
 public:
  explicit Lag(LagConfig config);
  ~Lag();
  Lag(const Lag&);
  Lag(Lag&&) noexcept;
  Lag& operator=(const Lag&);
  Lag& operator=(Lag&&) noexcept;

  /// New settings.  None of them resets a negotiation by itself; what partners see of them is sent.
  Actions configure(LagConfig config, TimePoint now);
  const LagConfig& config() const;

  /// A new member, or, if the member exists, the same as configure_member() and link_changed().
  Actions add_member(MemberId member, MemberConfig config, Link link, TimePoint now);

  /// A change of port id, port priority or key makes a negotiating member start over (expired).
  Actions configure_member(MemberId member, MemberConfig config, TimePoint now);
  Actions remove_member(MemberId member, TimePoint now);

  /// The link's carrier as the device reports it; also to be called when it went down and up again
  /// unseen (down, then up).  No change is no event.
  Actions link_changed(MemberId member, Link link, TimePoint now);

  /// A frame of EtherType 0x8809, from the destination address on, arrived on the member.  Give it
  /// all those for which is_link_aggregation() holds, and forward none of them.
  Actions receive(MemberId member, std::span<const std::uint8_t> frame, TimePoint now);

  /// Asks the partner to echo a marker, as a probe of the link.  Nothing is sent while the link is
  /// down, or when ten marker frames were sent on it within the last second.
  Actions send_marker(MemberId member, TimePoint now);

  /// Time has passed.  Harmless when early.
  Actions expire(TimePoint now);

  /// When expire() next has something to do; empty when only an event can change anything.
  std::optional<TimePoint> deadline() const;

  bool contains(MemberId member) const { return find(member) != nullptr; }
  Negotiation status() const;
  bool may_enable(MemberId member) const;  ///< may carry a bond's traffic, as far as LACP goes
  bool current(MemberId member) const;     ///< column lacp_current: not defaulted
  LagView view(TimePoint now) const;

 private:
  struct Member;  // one port and its machines

  Member* find(MemberId id);
  const Member* find(MemberId id) const;
  void apply(const MemberConfig& config, Member& member, TimePoint now);
  void set_link(Member& member, Link link, TimePoint now);
  void receive_lacpdu(Member& member, const Lacpdu& pdu, TimePoint now, Actions& actions);
  void receive_marker(Member& member, const MarkerPdu& pdu, TimePoint now, Actions& actions);
  void forget_moved_partner(const Member& member);
  void expire_machines(Member& member, TimePoint now, Actions& actions);

  void settle(TimePoint now, Actions& actions);
  void renew_actors();
  void run_selection(TimePoint now, Actions& actions);
  void run_mux(TimePoint now);
  void run_periodic_and_churn(Member& member, TimePoint now);
  void transmit(Member& member, TimePoint now, Actions& actions);
  void publish(Actions& actions);
  void find_deadline();

  std::uint16_t key() const;
  Aggregation aggregation() const;
  PortInfo identity(const Member& member) const;
  PortInfo actor(const Member& member) const;
  PortInfo partner(const Member& member) const;
  Standing standing(const Member& member) const;
  bool alone() const { return !holder_; }
  bool presumed_attached(const Member& member) const;
  bool in_fallback() const;
  bool attached(const Member& member) const;
  bool carries(const Member& member) const;
  bool negotiated() const;
  MemberView view_of(const Member& member, TimePoint now) const;

  LagConfig config_;
  std::vector<Member> members_;         // in the order they were added
  std::optional<GroupId::End> holder_;  // the partner that the aggregator leads to
  std::uint16_t derived_key_ = 0;       // port id of the first member there was
  bool enough_links_ = true;            // at least min_links carry traffic
  bool negotiated_ = false;             // as last published
  std::optional<std::uint16_t> key_;
  std::optional<TimePoint> deadline_;
  RateLimit<1> bad_pdu_log_{1s}, loopback_log_{1s}, link_down_log_{1s};
};

}  // namespace bondway::lacp
