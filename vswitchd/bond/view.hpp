#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/bond/order.hpp"
#include "vswitchd/bond/output_table.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::bond {

/// What `bond/show` and `bond/list` say about one member.
struct MemberView {
  struct Load {
    Bucket bucket = 0;
    std::uint64_t bytes = 0;
    bool operator==(const Load&) const = default;
  };

  std::string name;
  MacAddress mac;
  bool enabled = false, active = false, may_enable = false;
  std::optional<Duration> delay_left;  ///< downdelay if enabled, else updelay
  std::vector<Load> loads;             ///< by bucket, also empty ones; none unless balanced
  bool operator==(const MemberView&) const = default;
};

/// A bond at one instant, members sorted by name.
struct BondView {
  std::string name;
  Mode mode = Mode::active_backup;
  std::uint32_t recirculation_id = 0;  ///< 0: none
  bool may_recirculate = false;        ///< balance-tcp, not in fallback
  std::uint32_t hash_basis = 0;
  bool lb_output = false;  ///< in effect
  bool all_members_active = false;
  Duration updelay{}, downdelay{};
  std::optional<Duration> next_rebalance;  ///< negative when overdue; none unless balanced
  LacpStatus lacp_status = LacpStatus::off;
  bool lacp_fallback_ab = false;
  std::optional<std::string> primary;
  MacAddress active_mac;
  std::vector<MemberView> members;
  bool operator==(const BondView&) const = default;
};

/// Whose layout an answer has; scripts written for old releases parse `slave`.
enum class Layout : std::uint8_t { v3_1, v2_0, v1_4 };

/// The word for a mode in configuration and output.
std::string_view to_string(Mode mode);
std::string_view to_string(LacpStatus status);

/// `bond/show`: one bond's block.
std::string show(const BondView& bond, Layout layout = Layout::v3_1);
/// `bond/list`: the header and a line for each bond, in the order given.
std::string list(std::span<const BondView> bonds, Layout layout = Layout::v3_1);

/// The answer to `bond/hash MAC [VLAN] [BASIS]`, or its error.
Result<std::string> hash_command(std::string_view mac, std::optional<std::string_view> vlan,
                                 std::optional<std::string_view> basis);

}  // namespace bondway::bond
