#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vswitchd/bond/output_table.hpp"
#include "vswitchd/bond/view.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::bond {

struct MemberLoad;

/// A bond's settings, checked and clamped; ovs-vswitchd.conf.db(5), "Bonding Configuration".
/// Settings without effect in the given mode (all_members_active outside balance-slb, lb_output
/// outside balance-tcp, primary in a balance mode without fallback) may be left set: the bond
/// ignores them.
struct BondConfig {
  std::string name;
  Mode mode = Mode::active_backup;
  std::uint32_t hash_basis = 0;
  Duration rebalance_interval = 10s;  ///< zero: never
  Duration updelay{}, downdelay{};
  std::string primary;  ///< a member's name; empty: none
  bool all_members_active = false;
  bool lb_output = false;  ///< requested, and the datapath supports it
  bool lacp_fallback_ab = false;
  std::uint32_t min_links = 0;  ///< with fewer enabled members the bond carries nothing
  /// Only shown.  The owner counts up from 1, takes the next number when a bond enters a balance
  /// mode and never uses one twice.
  std::uint32_t recirculation_id = 0;
  bool operator==(const BondConfig&) const = default;
};

struct MemberConfig {
  MemberId id{};
  std::string name;
  MacAddress mac;  ///< of its device; by this a former active member is recognised
  bool operator==(const MemberConfig&) const = default;
};

/// output() has changed: publish it anew.
struct OutputChanged {
  bool operator==(const OutputChanged&) const = default;
};

/// The active member is another one: `mac` goes to Port.bond_active_slave, zero when there is none.
struct ActiveMemberChanged {
  MacAddress mac;
  bool operator==(const ActiveMemberChanged&) const = default;
};

/// Send learning_packets() of the new output() for every address that the bridge has learned on
/// another port than this bond.
struct SendLearningPackets {
  bool operator==(const SendLearningPackets&) const = default;
};

enum class LogLevel : std::uint8_t { debug, info, warning };

/// A line for the log of module "bond".
struct Log {
  LogLevel level = LogLevel::info;
  std::string text;
  bool limited = false;  ///< of a kind that a flapping link could fill the log with
  bool operator==(const Log&) const = default;
};

using Action = std::variant<OutputChanged, ActiveMemberChanged, SendLearningPackets, Log>;
using Actions = std::vector<Action>;

/// One bond: which members carry traffic, which of them is active, and which bucket of traffic goes
/// where.
///
/// Opens nothing and reads no clock: `now` is the caller's and never goes backwards.  Setters and
/// commands only note what happened; the caller runs update() after them, and no later than
/// deadline(), and performs the actions it returns in order.
class Bond {
 public:
  /// `remembered` is Port.bond_active_slave as an earlier daemon left it: the member with this MAC
  /// becomes active when there is a choice.  (Release 3.1 of the reference reads the value and
  /// does not use it; it was always meant to be used.)
  Bond(BondConfig config, MacAddress remembered, TimePoint now);

  /// Takes new settings.  A change of mode, basis, rebalance interval, fallback, or of a primary or
  /// lb_output in effect forgets all bucket assignments and loads; new delays apply to the next
  /// link change.
  void configure(BondConfig config, TimePoint now);
  const BondConfig& config() const { return config_; }

  /// Adds a member, or takes the new name and MAC of one that exists.  A new member is enabled by
  /// its carrier alone, without delay, and then subject to the ordinary rule: with LACP, say
  /// set_may_enable(false) before the next update().
  void add_member(const MemberConfig& member, bool carrier);
  /// The buckets of the others stay with them; the rebalance timer restarts.  (The reference deals
  /// all buckets anew, which moves stations that the removal does not concern.)
  void remove_member(MemberId member, TimePoint now);
  std::size_t member_count() const { return members_.size(); }

  /// The device's carrier (or, with bond-detect-mode=miimon, what was polled instead).
  void set_carrier(MemberId member, bool up);
  /// Whether everybody else lets the member carry traffic: LACP's opinion, true without LACP.
  void set_may_enable(MemberId member, bool may_enable);
  void set_lacp_status(LacpStatus status);

  /// One pass: new buckets when fallback has ended, the link rule for each member, choice of the
  /// active member, assignment of buckets, learning packets.  Cost: members, unless an enabled
  /// member came or went.
  Actions update(TimePoint now);
  /// When update() next has something to do by itself; empty when only an event can change it.
  std::optional<TimePoint> deadline() const;

  /// Octets that were sent through a bucket since the last call for it.
  void account(Bucket bucket, std::uint64_t bytes);
  /// Balances the load if the time for it has come, and halves the remembered loads.  Give
  /// account() the latest counts before.  Moved buckets cause no learning packets.
  Actions rebalance(TimePoint now);
  /// When rebalance() is due; empty when the bond does not balance.
  std::optional<TimePoint> rebalance_deadline() const;

  OutputTable output() const;
  /// The active member's MAC, or zero.
  MacAddress active_mac() const;
  std::optional<MemberId> active() const { return active_; }
  bool is_enabled(MemberId member) const;
  BondView view(TimePoint now) const;

  // The commands of ovs-appctl: the text of the answer, or the error's.  Run update() afterwards.
  Result<std::string> migrate(std::string_view hash, std::string_view member);
  Result<std::string> set_active_member(std::string_view member);
  Result<std::string> enable_member(std::string_view member);
  Result<std::string> disable_member(std::string_view member);

 private:
  struct Member {
    MemberConfig config;
    bool carrier = false, opinion = true;
    bool enabled = false;
    std::optional<TimePoint> delay_ends;  ///< when `enabled` flips unless the link does before

    bool may_enable() const { return carrier && opinion; }
  };

  /// What is known of the buckets.
  struct Shares {
    std::array<std::uint64_t, kBucketCount> bytes{};  ///< sent lately, halved with each rebalance
    Buckets members = no_buckets();
    /// Carried traffic or was migrated: stays where it is while it can.  The others are dealt anew
    /// when a member comes or goes, so that a bond whose links come up one by one uses them all.
    std::bitset<kBucketCount> used;
  };

  bool in_fallback() const;
  bool is_balanced() const;
  bool may_send_learning_packets() const;
  OutputTable::Spread spread() const;

  Member* find(MemberId id);
  const Member* find(MemberId id) const;
  Member* find(std::string_view name);
  MemberIndex index_of(const Member& member) const;
  std::vector<MemberIndex> enabled_members() const;
  MemberView view_of(const Member& member, TimePoint now) const;

  void reset_shares(TimePoint now);
  void apply_link_rule(Member& member, TimePoint now);
  void set_enabled(Member& member, bool enabled);
  Result<Member*> set_enabled_by_command(std::string_view name, bool enabled);
  bool is_active_good() const;
  void choose_active(TimePoint now);
  Member* choose_enabled();
  Member* choose_waiting();
  void activate(Member& member);
  void deactivate();
  void deal_shares();
  void move_share(Bucket bucket, MemberIndex to);

  void note(Action action) { noted_.push_back(std::move(action)); }
  template <typename... Args>
  void log(fmt::format_string<Args...> format, Args&&... args);
  template <typename... Args>
  void log_link(fmt::format_string<Args...> format, Args&&... args);
  void log_loads(std::span<const MemberLoad> loads);

  BondConfig config_;
  std::vector<Member> members_;  ///< in the order they were added
  LacpStatus lacp_status_ = LacpStatus::off;
  std::optional<MemberId> active_;
  MacAddress remembered_;           ///< whom to prefer when an active member is chosen
  std::unique_ptr<Shares> shares_;  ///< only in a balance mode
  TimePoint next_rebalance_{};
  std::size_t rotation_ = 0;  ///< counts the buckets dealt
  bool deal_needed_ = false;
  bool was_in_fallback_ = false;  ///< in the last pass
  bool had_active_ = false;       ///< after the last choice, whatever became of that member
  bool learning_armed_ = false;
  std::optional<MacAddress> announced_;  ///< by the last ActiveMemberChanged
  bool output_changed_ = true;           ///< since OutputChanged was last announced
  Actions noted_;                        ///< decided since the last update()
};

}  // namespace bondway::bond
