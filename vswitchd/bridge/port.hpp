#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "vswitchd/bond/bond.hpp"
#include "vswitchd/bridge/plan.hpp"
#include "vswitchd/bridge/settings.hpp"
#include "vswitchd/lacp/lag.hpp"

namespace bondway::bridge {

/// Transmit this frame of our own through an interface.
struct SendFrame {
  InterfaceId interface {};
  std::vector<std::uint8_t> octets;
  bool operator==(const SendFrame&) const = default;
};

/// The port's plan() has changed: publish it.
struct PlanChanged {
  bool operator==(const PlanChanged&) const = default;
};

/// A status column of the port or of its interfaces may have changed.
struct StatusChanged {
  bool operator==(const StatusChanged&) const = default;
};

/// Tell the switches behind the bond where the bridge's other stations are now.
struct Announce {
  bool operator==(const Announce&) const = default;
};

/// Ask the device for its carrier again.
struct CheckLink {
  InterfaceId interface {};
  bool operator==(const CheckLink&) const = default;
};

/// A line for the log.
struct Log {
  enum class Level : std::uint8_t { debug, info, warning, error };
  const char* module = "bridge";
  Level level = Level::info;
  std::string text;
  bool limited = false;  ///< others of its kind and level may be too many for the log
  bool operator==(const Log&) const = default;
};

using Action = std::variant<SendFrame, PlanChanged, StatusChanged, Announce, CheckLink, Log>;
using Actions = std::vector<Action>;

/// An interface that could be opened, as its port sees it.
struct Member {
  InterfaceId id{};
  std::string name;
  MacAddress mac;
  std::uint16_t ofport = 0;
  bool link_up = false;  ///< administratively up, with carrier
  /// False for a dummy device: as in the reference it has no carrier to lose, so LACP does not hear
  /// of its going down, only the bond does.
  bool has_carrier = true;
  std::uint64_t speed = 0;  ///< bits per second; 0: unknown
  bool operator==(const Member&) const = default;
};

/// Numbers for the bonds in a balance mode, of all bridges of a switch, only for show.
class RecirculationIds {
 public:
  std::uint32_t next() { return ++last_; }

 private:
  std::uint32_t last_ = 0;
};

/// The control side of one port: its LACP and, while it has two members or more, its bond.
///
/// Opens nothing and reads no clock.  Every event answers what is to be done; the caller does it in
/// order, and calls expire() no later than deadline().
class Port {
 public:
  /// A port without members.  `bridge_mac` is the default LACP system identifier.
  Port(PortSettings settings, MacAddress bridge_mac, std::shared_ptr<RecirculationIds> ids);

  const PortSettings& settings() const { return settings_; }
  const std::vector<Member>& members() const { return members_; }
  const Member* find(InterfaceId id) const;
  bool is_bond() const { return bond_ != nullptr; }

  Actions configure(PortSettings settings, TimePoint now);
  Actions set_bridge_mac(const MacAddress& mac, TimePoint now);

  /// Adds members, or takes note of their new names, addresses and numbers; all at once, so that a
  /// new bond chooses among all of them.  Members keep the order of the settings' interfaces.
  Actions add_members(std::span<const Member> members, TimePoint now);
  Actions remove_member(InterfaceId id, TimePoint now);

  Actions link_changed(InterfaceId id, bool up, TimePoint now);
  /// A slow-protocol frame arrived.  Ignored without LACP.
  Actions receive(InterfaceId id, std::span<const std::uint8_t> frame, TimePoint now);
  Actions expire(TimePoint now);
  std::optional<TimePoint> deadline() const;

  /// Whether forwarding counts octets by bucket for this port.
  bool counts_load() const { return load_ != nullptr; }
  /// Takes note of the octets that forwarding has counted by bucket since the last call.  The
  /// caller holds the forwarding lock.
  void collect();

  PortPlan plan() const;

  const lacp::Lag* lag() const { return lag_.get(); }
  bond::Bond* bond() { return bond_.get(); }
  const bond::Bond* bond() const { return bond_.get(); }

  /// Brings the bond up to date after a command changed it.
  Actions settle(TimePoint now);

 private:
  lacp::LagConfig lag_config() const;
  lacp::Link lacp_link(const Member& member);
  lacp::MemberConfig lag_member(const Member& member) const;
  bond::BondConfig bond_config() const;
  void update_lag(TimePoint now, Actions& actions);
  void introduce_newcomers(TimePoint now, Actions& actions);
  /// LACP's opinion, or what is said to be it.
  void tell_bond(const std::function<bool(InterfaceId)>& may_enable);
  void update_recirculation_id();
  void update_bond(TimePoint now, Actions& actions);
  void take(const lacp::Actions& decided, Actions& actions);
  Actions finish(Actions actions, TimePoint now);

  PortSettings settings_;
  MacAddress bridge_mac_;
  std::vector<Member> members_;
  std::unique_ptr<lacp::Lag> lag_;
  std::vector<InterfaceId> newcomers_;  ///< to LACP, whom the bond has not met yet
  std::set<InterfaceId> seen_up_;       ///< without carrier, but up since LACP was switched on
  std::unique_ptr<bond::Bond> bond_;
  std::optional<MacAddress> last_active_;  ///< who carried when there was a bond last
  std::shared_ptr<BucketLoad> load_;  ///< while there is a bond that spreads traffic by buckets
  std::shared_ptr<RecirculationIds> ids_;
  std::uint32_t recirculation_id_ = 0;  ///< from ids_ while the bond balances, else 0
};

}  // namespace bondway::bridge
