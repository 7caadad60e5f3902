#include "vswitchd/bond/bond.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "vswitchd/bond/rebalance.hpp"

namespace bondway::bond {
namespace {

std::string_view up_or_down(bool up) { return up ? "up" : "down"; }
std::string_view enabled_or_disabled(bool enabled) { return enabled ? "enabled" : "disabled"; }
std::uint64_t to_kb(std::uint64_t bytes) { return bytes / 1024; }

template <typename Range, typename Predicate>
auto first(Range& range, Predicate predicate) {
  const auto found = std::find_if(range.begin(), range.end(), predicate);
  return found == range.end() ? nullptr : &*found;
}

/// The primary, where the mode leaves it one; else empty.
std::string_view primary_of(const BondConfig& config) {
  const bool has_one = config.mode == Mode::active_backup || config.lacp_fallback_ab;
  return has_one ? std::string_view(config.primary) : std::string_view();
}

/// Whether the buckets mean something else, or their history does.
bool forgets_shares(const BondConfig& a, const BondConfig& b) {
  return a.mode != b.mode || a.hash_basis != b.hash_basis ||
         a.rebalance_interval != b.rebalance_interval || a.lacp_fallback_ab != b.lacp_fallback_ab ||
         primary_of(a) != primary_of(b) ||
         (a.mode == Mode::balance_tcp && a.lb_output != b.lb_output);
}

/// How many unused buckets each member has.
struct SpareCount {
  std::span<const MemberIndex> enabled;  ///< ascending
  std::vector<std::size_t> by_member;

  std::size_t& of(MemberIndex member) { return by_member[static_cast<std::size_t>(member)]; }
  MemberIndex poorest() {
    return *std::ranges::min_element(enabled, {}, [this](MemberIndex m) { return of(m); });
  }
};

/// A bucket as `bond/migrate` takes it: digits only, none at all meaning 0, of which the lowest
/// eight bits count.
std::optional<Bucket> parse_bucket(std::string_view text) {
  constexpr std::uint64_t kLimit = 0x7fff'ffff'ffff'ffff;  // as strtol(3) saturates
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number = number > (kLimit - digit) / 10 ? kLimit : number * 10 + digit;
  }
  return static_cast<Bucket>(number);
}

}  // namespace

Bond::Bond(BondConfig config, MacAddress remembered, TimePoint now)
    : config_(std::move(config)), remembered_(remembered) {
  reset_shares(now);
}

void Bond::configure(BondConfig config, TimePoint now) {
  if (config == config_) return;
  const bool forget = forgets_shares(config, config_);
  config_ = std::move(config);
  output_changed_ = true;
  if (forget) reset_shares(now);
}

void Bond::add_member(const MemberConfig& config, bool carrier) {
  if (Member* const known = find(config.id)) {
    known->config = config;
    set_carrier(config.id, carrier);
    return;
  }
  assert(members_.size() < static_cast<std::size_t>(kNoMember));
  Member& member = members_.emplace_back(Member{config, carrier, true, false, std::nullopt});
  output_changed_ = true;
  if (carrier) set_enabled(member, true);
}

void Bond::remove_member(MemberId id, TimePoint now) {
  Member* const member = find(id);
  if (member == nullptr) return;
  if (member->enabled) set_enabled(*member, false);  // arms learning packets, whoever it was
  if (active_ == id) {
    active_.reset();  // who follows is the next pass's choice, and only that is announced
    learning_armed_ = true;
  }
  const auto place = static_cast<std::uint16_t>(member - members_.data());
  members_.erase(members_.begin() + place);
  output_changed_ = deal_needed_ = true;
  next_rebalance_ = now + config_.rebalance_interval;
  if (!shares_) return;
  for (MemberIndex& index : shares_->members) {
    const auto owner = static_cast<std::uint16_t>(index);
    if (owner == place) {
      index = kNoMember;
    } else if (index != kNoMember && owner > place) {
      index = static_cast<MemberIndex>(owner - 1);
    }
  }
}

void Bond::set_carrier(MemberId id, bool up) {
  Member* const member = find(id);
  if (member == nullptr || member->carrier == up) return;
  member->carrier = up;
  output_changed_ = true;
}

void Bond::set_may_enable(MemberId id, bool may_enable) {
  Member* const member = find(id);
  if (member == nullptr || member->opinion == may_enable) return;
  member->opinion = may_enable;
  output_changed_ = true;
}

void Bond::set_lacp_status(LacpStatus status) {
  if (lacp_status_ == status) return;
  lacp_status_ = status;
  output_changed_ = true;
}

Actions Bond::update(TimePoint now) {
  if (std::exchange(was_in_fallback_, in_fallback()) && !in_fallback()) reset_shares(now);
  for (Member& member : members_) apply_link_rule(member, now);
  choose_active(now);
  if (deal_needed_) deal_shares();
  if (std::exchange(output_changed_, false)) note(OutputChanged{});
  if (announced_ != active_mac()) note(ActiveMemberChanged{*(announced_ = active_mac())});
  if (std::exchange(learning_armed_, false) && may_send_learning_packets()) {
    note(SendLearningPackets{});
  }
  return std::exchange(noted_, {});
}

std::optional<TimePoint> Bond::deadline() const {
  std::optional<TimePoint> first;
  for (const Member& member : members_) first = earlier(first, member.delay_ends);
  return first;
}

void Bond::account(Bucket bucket, std::uint64_t bytes) {
  if (!shares_ || bytes == 0) return;
  shares_->bytes[bucket] += bytes;
  shares_->used.set(bucket);
}

Actions Bond::rebalance(TimePoint now) {
  const std::optional<TimePoint> due = rebalance_deadline();
  if (!due || now < *due) return {};
  next_rebalance_ = now + config_.rebalance_interval;
  std::vector<BucketLoad> buckets;
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    if (shares_->bytes[i] == 0) continue;
    buckets.push_back({static_cast<Bucket>(i), shares_->members[i], shares_->bytes[i]});
  }
  if (buckets.empty()) return {};

  const std::vector<MemberLoad> loads = sort_loads(enabled_members(), buckets);
  log_loads(loads);
  for (const Move& move : plan_rebalance(loads)) {
    const auto name = [this](MemberIndex i) -> const std::string& {
      return members_[static_cast<std::size_t>(i)].config.name;
    };
    log("bond {}: shift {}kB of load (with hash {}) from {} to {} (now carrying {}kB and {}kB "
        "load, "
        "respectively)",
        config_.name, to_kb(move.load.bytes), move.load.bucket, name(move.load.member),
        name(move.to), to_kb(move.from_bytes), to_kb(move.to_bytes));
    move_share(move.load.bucket, move.to);
  }
  for (std::uint64_t& bytes : shares_->bytes) bytes /= 2;
  if (std::exchange(output_changed_, false)) note(OutputChanged{});
  return std::exchange(noted_, {});
}

std::optional<TimePoint> Bond::rebalance_deadline() const {
  if (!is_balanced()) return std::nullopt;
  return next_rebalance_;
}

OutputTable Bond::output() const {
  OutputTable table;
  table.spread = spread();
  table.mode = config_.mode;
  table.lacp_status = lacp_status_;
  table.all_members_active = config_.all_members_active && config_.mode == Mode::balance_slb;
  table.hash_basis = config_.hash_basis;
  table.members.reserve(members_.size());
  for (const Member& member : members_) {
    table.members.push_back({member.config.id, member.enabled, member.may_enable()});
    if (active_ == member.config.id) table.active = index_of(member);
  }
  if (shares_) table.buckets = shares_->members;
  return table;
}

MacAddress Bond::active_mac() const {
  const Member* const member = active_ ? find(*active_) : nullptr;
  return member != nullptr ? member->config.mac : MacAddress();
}

bool Bond::is_enabled(MemberId id) const {
  const Member* const member = find(id);
  return member != nullptr && member->enabled;
}

BondView Bond::view(TimePoint now) const {
  BondView view;
  view.name = config_.name;
  view.mode = config_.mode;
  view.recirculation_id = config_.mode == Mode::active_backup ? 0 : config_.recirculation_id;
  view.may_recirculate = config_.mode == Mode::balance_tcp && !in_fallback();
  view.hash_basis = config_.hash_basis;
  view.lb_output = config_.lb_output && view.may_recirculate;
  view.all_members_active = config_.all_members_active && config_.mode == Mode::balance_slb;
  view.updelay = config_.updelay;
  view.downdelay = config_.downdelay;
  if (is_balanced()) view.next_rebalance = next_rebalance_ - now;
  view.lacp_status = lacp_status_;
  view.lacp_fallback_ab = config_.lacp_fallback_ab;
  if (!primary_of(config_).empty()) view.primary = config_.primary;
  view.active_mac = active_mac();
  for (const Member& member : members_) view.members.push_back(view_of(member, now));
  std::sort(view.members.begin(), view.members.end(),
            [](const MemberView& a, const MemberView& b) { return a.name < b.name; });
  return view;
}

MemberView Bond::view_of(const Member& member, TimePoint now) const {
  MemberView view;
  view.name = member.config.name;
  view.mac = member.config.mac;
  view.enabled = member.enabled;
  view.active = active_ == member.config.id;
  view.may_enable = member.may_enable();
  if (member.delay_ends) view.delay_left = *member.delay_ends - now;
  if (!is_balanced()) return view;
  for (std::size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    if (!shares_->used[bucket] || shares_->members[bucket] != index_of(member)) continue;
    view.loads.push_back({static_cast<Bucket>(bucket), shares_->bytes[bucket]});
  }
  return view;
}

Result<std::string> Bond::migrate(std::string_view hash, std::string_view name) {
  if (config_.mode != Mode::balance_slb) return fail("not an SLB bond");
  const std::optional<Bucket> bucket = parse_bucket(hash);
  if (!bucket) return fail("bad hash");
  const Member* const member = find(name);
  if (member == nullptr) return fail("no such member");
  if (!member->enabled) return fail("cannot migrate to disabled member");
  move_share(*bucket, index_of(*member));
  return "migrated";
}

Result<std::string> Bond::set_active_member(std::string_view name) {
  Member* const member = find(name);
  if (member == nullptr) return fail("no such member");
  if (!member->enabled) return fail("cannot make disabled member active");
  if (active_ == member->config.id) return "no change";
  log("bond {}: active member is now {}", config_.name, member->config.name);
  activate(*member);
  return "done";
}

Result<std::string> Bond::enable_member(std::string_view name) {
  return set_enabled_by_command(name, true).map([](Member*) { return std::string("enabled"); });
}

Result<std::string> Bond::disable_member(std::string_view name) {
  return set_enabled_by_command(name, false).map([](Member*) { return std::string("disabled"); });
}

/// LACP waits for a partner, and meanwhile the bond runs as active-backup.
bool Bond::in_fallback() const {
  return lacp_status_ == LacpStatus::configured && config_.lacp_fallback_ab;
}

bool Bond::is_balanced() const {
  return config_.mode != Mode::active_backup && config_.rebalance_interval > Duration::zero() &&
         !in_fallback();
}

/// With a negotiated partner all links are one port of the network behind: nothing to learn.
bool Bond::may_send_learning_packets() const {
  if (!active_) return false;
  return in_fallback() || (lacp_status_ == LacpStatus::off && config_.mode != Mode::balance_tcp);
}

OutputTable::Spread Bond::spread() const {
  using Spread = OutputTable::Spread;
  const auto enabled = std::count_if(members_.begin(), members_.end(),
                                     [](const Member& member) { return member.enabled; });
  if (static_cast<std::uint32_t>(enabled) < config_.min_links) return Spread::drop;
  if (in_fallback()) return Spread::active_member;
  if (lacp_status_ == LacpStatus::configured) return Spread::drop;
  switch (config_.mode) {
    case Mode::active_backup:
      return Spread::active_member;
    case Mode::balance_slb:
      return Spread::slb_buckets;
    case Mode::balance_tcp:
      // Without LACP the other side would learn every address on every link in turn.
      return lacp_status_ == LacpStatus::negotiated ? Spread::tcp_buckets : Spread::drop;
  }
  return Spread::drop;
}

Bond::Member* Bond::find(MemberId id) {
  return first(members_, [&](const Member& member) { return member.config.id == id; });
}

const Bond::Member* Bond::find(MemberId id) const {
  return first(members_, [&](const Member& member) { return member.config.id == id; });
}

Bond::Member* Bond::find(std::string_view name) {
  return first(members_, [&](const Member& member) { return member.config.name == name; });
}

MemberIndex Bond::index_of(const Member& member) const {
  return static_cast<MemberIndex>(&member - members_.data());
}

std::vector<MemberIndex> Bond::enabled_members() const {
  std::vector<MemberIndex> enabled;
  for (const Member& member : members_) {
    if (member.enabled) enabled.push_back(index_of(member));
  }
  return enabled;
}

void Bond::reset_shares(TimePoint now) {
  shares_ = config_.mode == Mode::active_backup ? nullptr : std::make_unique<Shares>();
  next_rebalance_ = now + config_.rebalance_interval;
  deal_needed_ = output_changed_ = true;
}

/// Lets `enabled` follow the link, after the delay that belongs to the direction.
void Bond::apply_link_rule(Member& member, TimePoint now) {
  const bool up = member.may_enable();
  const std::string& name = member.config.name;
  if (up == member.enabled && member.delay_ends) {
    member.delay_ends.reset();
    log_link("member {}: link state {}", name, up_or_down(up));
    log_link("member {}: will not be {}", name, enabled_or_disabled(!up));
  } else if (up != member.enabled && !member.delay_ends) {
    const Duration delay = up ? config_.updelay : config_.downdelay;
    member.delay_ends = now + delay;
    log_link("member {}: link state {}", name, up_or_down(up));
    if (delay > Duration::zero()) {
      log_link("member {}: will be {} if it stays {} for {} ms", name, enabled_or_disabled(up),
               up_or_down(up), to_ms(delay));
    }
  }
  if (member.delay_ends && now >= *member.delay_ends) set_enabled(member, up);
}

void Bond::set_enabled(Member& member, bool enabled) {
  member.delay_ends.reset();
  if (member.enabled == enabled) return;
  member.enabled = enabled;
  output_changed_ = deal_needed_ = true;
  if (!enabled) learning_armed_ = true;
  log("member {}: {}", member.config.name, enabled_or_disabled(enabled));
}

Result<Bond::Member*> Bond::set_enabled_by_command(std::string_view name, bool enabled) {
  Member* const member = find(name);
  if (member == nullptr) return fail("no such member");
  set_enabled(*member, enabled);
  return member;
}

/// Whether the active member can stay what it is.
bool Bond::is_active_good() const {
  const Member* const active = active_ ? find(*active_) : nullptr;
  if (active == nullptr || !active->enabled) return false;
  if (config_.mode != Mode::active_backup || active->config.name == config_.primary) return true;
  return std::none_of(members_.begin(), members_.end(), [&](const Member& member) {
    return member.enabled && member.config.name == config_.primary;
  });
}

void Bond::choose_active(TimePoint now) {
  if (is_active_good()) return;
  if (Member* const member = choose_enabled()) {
    log("bond {}: active member is now {}", config_.name, member->config.name);
    activate(*member);
  } else if (Member* const waiting = choose_waiting()) {
    log("bond {}: active member is now {}, skipping remaining {} ms updelay (since no member was "
        "enabled)",
        config_.name, waiting->config.name, to_ms(*waiting->delay_ends - now));
    set_enabled(*waiting, true);
    activate(*waiting);
  } else {
    deactivate();
  }
}

/// The primary, else the one that was active last, else the first.
Bond::Member* Bond::choose_enabled() {
  Member* choice = nullptr;
  for (Member& member : members_) {
    if (!member.enabled) continue;
    if (member.config.name == primary_of(config_)) return &member;
    const bool is_remembered = !remembered_.is_zero() && member.config.mac == remembered_;
    if (choice == nullptr || (is_remembered && choice->config.mac != remembered_)) choice = &member;
  }
  return choice;
}

/// With nobody enabled: the one whose updelay ends first.
Bond::Member* Bond::choose_waiting() {
  Member* choice = nullptr;
  for (Member& member : members_) {
    if (!member.may_enable() || !member.delay_ends) continue;
    if (choice == nullptr || *member.delay_ends < *choice->delay_ends) choice = &member;
  }
  return choice;
}

void Bond::activate(Member& member) {
  active_ = member.config.id;
  remembered_ = member.config.mac;
  had_active_ = learning_armed_ = output_changed_ = true;
}

/// Forgets the last active member, but not a remembered one that had no chance to become it yet.
void Bond::deactivate() {
  if (!std::exchange(had_active_, false)) return;
  log("bond {}: all members disabled", config_.name);
  active_.reset();
  remembered_ = MacAddress();
  output_changed_ = true;
}

/// Gives the buckets of disabled members to enabled ones, and spreads the unused ones evenly with
/// as few moves as that takes: a flow may have begun since the loads were last reported.
void Bond::deal_shares() {
  deal_needed_ = false;
  if (!shares_) return;
  const std::vector<MemberIndex> enabled = enabled_members();
  if (enabled.empty()) return;
  output_changed_ = true;
  std::vector<MemberIndex*> orphans, unused;
  SpareCount spare{enabled, std::vector<std::size_t>(members_.size())};
  for (std::size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    MemberIndex& owner = shares_->members[bucket];
    const bool has_home = std::ranges::binary_search(enabled, owner);
    if (!has_home && shares_->used[bucket]) {
      owner = enabled[rotation_++ % enabled.size()];
    } else if (!has_home) {
      orphans.push_back(&owner);
    } else if (!shares_->used[bucket]) {
      unused.push_back(&owner);
      ++spare.of(owner);
    }
  }
  for (MemberIndex* const owner : orphans) ++spare.of(*owner = spare.poorest());
  for (MemberIndex* const owner : unused) {
    if (spare.of(*owner) < spare.of(spare.poorest()) + 2) continue;
    --spare.of(*owner);
    ++spare.of(*owner = spare.poorest());
  }
}

void Bond::move_share(Bucket bucket, MemberIndex to) {
  shares_->used.set(bucket);
  if (std::exchange(shares_->members[bucket], to) != to) output_changed_ = true;
}

template <typename... Args>
void Bond::log(fmt::format_string<Args...> format, Args&&... args) {
  note(Log{LogLevel::info, fmt::format(format, std::forward<Args>(args)...), false});
}

template <typename... Args>
void Bond::log_link(fmt::format_string<Args...> format, Args&&... args) {
  note(Log{LogLevel::info, fmt::format(format, std::forward<Args>(args)...), true});
}

void Bond::log_loads(std::span<const MemberLoad> loads) {
  std::string text = fmt::format("bond {}:", config_.name);
  for (const MemberLoad& load : loads) {
    text +=
        fmt::format("{} {} {}kB", &load == loads.data() ? "" : ",",
                    members_[static_cast<std::size_t>(load.member)].config.name, to_kb(load.bytes));
    for (const BucketLoad& bucket : load.buckets) {
      text += fmt::format("{}h{}: {}kB", &bucket == load.buckets.data() ? " (" : " + ",
                          bucket.bucket, to_kb(bucket.bytes));
    }
    if (!load.buckets.empty()) text += ')';
  }
  note(Log{LogLevel::debug, std::move(text), false});
}

}  // namespace bondway::bond
