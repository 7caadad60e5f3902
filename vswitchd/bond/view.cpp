#include "vswitchd/bond/view.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <iterator>

namespace bondway::bond {
namespace {

using Text = std::back_insert_iterator<std::string>;

std::string_view yes_or_no(bool value) { return value ? "true" : "false"; }
std::string_view enabled_or_disabled(bool value) { return value ? "enabled" : "disabled"; }

/// A number that has no meaning at the moment is shown as -1.
std::string id_or_none(bool valid, std::uint32_t id) { return valid ? fmt::to_string(id) : "-1"; }

std::string primary_of(const BondView& bond) {
  if (!bond.primary) return "<none>";
  const bool is_member =
      std::any_of(bond.members.begin(), bond.members.end(),
                  [&](const MemberView& member) { return member.name == *bond.primary; });
  return *bond.primary + (is_member ? "" : " (no such member)");
}

std::string_view active_name(const BondView& bond) {
  const auto active = std::find_if(bond.members.begin(), bond.members.end(),
                                   [](const MemberView& member) { return member.active; });
  return active == bond.members.end() ? std::string_view("none") : active->name;
}

/// The part of a member's block that all layouts share, apart from words and indentation.
void write_member(Text out, const MemberView& member, std::string_view word,
                  std::string_view indent, std::uint64_t least_bytes) {
  fmt::format_to(out, FMT_COMPILE("\n{} {}: {}\n"), word, member.name,
                 enabled_or_disabled(member.enabled));
  if (member.active) fmt::format_to(out, FMT_COMPILE("{}active {}\n"), indent, word);
  if (member.delay_left) {
    fmt::format_to(out, FMT_COMPILE("{}{} expires in {} ms\n"), indent,
                   member.enabled ? "downdelay" : "updelay", to_ms(*member.delay_left));
  }
  fmt::format_to(out, FMT_COMPILE("{}may_enable: {}\n"), indent, yes_or_no(member.may_enable));
  for (const auto& [bucket, bytes] : member.loads) {
    if (bytes < least_bytes) continue;
    fmt::format_to(out, FMT_COMPILE("{}hash {}: {} kB load\n"), indent, bucket, bytes / 1024);
  }
}

void write_delays(Text out, const BondView& bond) {
  fmt::format_to(out, FMT_COMPILE("updelay: {} ms\ndowndelay: {} ms\n"), to_ms(bond.updelay),
                 to_ms(bond.downdelay));
  if (bond.next_rebalance) {
    fmt::format_to(out, FMT_COMPILE("next rebalance: {} ms\n"), to_ms(*bond.next_rebalance));
  }
}

std::string show_3_1(const BondView& bond) {
  std::string text;
  const Text out(text);
  fmt::format_to(out, FMT_COMPILE("---- {} ----\nbond_mode: {}\n"), bond.name,
                 to_string(bond.mode));
  fmt::format_to(out, FMT_COMPILE("bond may use recirculation: {}, Recirc-ID : {}\n"),
                 bond.may_recirculate ? "yes" : "no",
                 id_or_none(bond.may_recirculate, bond.recirculation_id));
  fmt::format_to(out, FMT_COMPILE("bond-hash-basis: {}\n"), bond.hash_basis);
  fmt::format_to(out, FMT_COMPILE("lb_output action: {}, bond-id: {}\n"),
                 enabled_or_disabled(bond.lb_output),
                 id_or_none(bond.lb_output, bond.recirculation_id));
  if (bond.mode == Mode::balance_slb) {
    fmt::format_to(out, FMT_COMPILE("all members active: {}\n"),
                   yes_or_no(bond.all_members_active));
  }
  write_delays(out, bond);
  fmt::format_to(out, FMT_COMPILE("lacp_status: {}\nlacp_fallback_ab: {}\n"),
                 to_string(bond.lacp_status), yes_or_no(bond.lacp_fallback_ab));
  fmt::format_to(out, FMT_COMPILE("active-backup primary: {}\n"), primary_of(bond));
  fmt::format_to(out, FMT_COMPILE("active member mac: {}({})\n"), to_string(bond.active_mac),
                 active_name(bond));
  for (const MemberView& member : bond.members) write_member(out, member, "member", "  ", 1024);
  text += '\n';
  return text;
}

std::string show_2_0(const BondView& bond) {
  std::string text;
  const Text out(text);
  fmt::format_to(out, "---- {} ----\nbond_mode: {}\nbond-hash-basis: {}\n", bond.name,
                 to_string(bond.mode), bond.hash_basis);
  write_delays(out, bond);
  fmt::format_to(out, "lacp_status: {}\n", to_string(bond.lacp_status));
  for (const MemberView& member : bond.members) write_member(out, member, "slave", "\t", 0);
  text += '\n';
  return text;
}

std::string show_1_4(const BondView& bond) {
  std::string text;
  const Text out(text);
  fmt::format_to(out, "bond_mode: {}\n", to_string(bond.mode));
  if (bond.mode != Mode::active_backup) {
    fmt::format_to(out, "bond-hash-algorithm: {}\n", to_string(bond.mode));
  }
  fmt::format_to(out, "bond-hash-basis: {}\n", bond.hash_basis);
  write_delays(out, bond);
  fmt::format_to(out, "lacp_negotiated: {}\n",
                 yes_or_no(bond.lacp_status == LacpStatus::negotiated));
  for (const MemberView& member : bond.members) write_member(out, member, "slave", "\t", 0);
  return text;
}

/// A number as sscanf("%u") reads it: white space, a sign, digits, and whatever follows.  A
/// negative one and one too large wrap.
std::optional<std::uint32_t> parse_leading_number(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  constexpr std::uint64_t kLimit = ~std::uint64_t{0};
  std::uint64_t number = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (number > (kLimit - digit) / 10) return static_cast<std::uint32_t>(kLimit);
    number = number * 10 + digit;
  }
  return static_cast<std::uint32_t>(negative ? 0 - number : number);
}

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::active_backup:
      return "active-backup";
    case Mode::balance_slb:
      return "balance-slb";
    case Mode::balance_tcp:
      return "balance-tcp";
  }
  assert(false);
  return {};
}

std::string_view to_string(LacpStatus status) {
  switch (status) {
    case LacpStatus::off:
      return "off";
    case LacpStatus::configured:
      return "configured";
    case LacpStatus::negotiated:
      return "negotiated";
  }
  assert(false);
  return {};
}

std::string show(const BondView& bond, Layout layout) {
  switch (layout) {
    case Layout::v3_1:
      return show_3_1(bond);
    case Layout::v2_0:
      return show_2_0(bond);
    case Layout::v1_4:
      return show_1_4(bond);
  }
  assert(false);
  return {};
}

std::string list(std::span<const BondView> bonds, Layout layout) {
  const bool modern = layout == Layout::v3_1;
  std::string text = modern ? "bond\ttype\trecircID\tmembers\n" : "bond\ttype\tslaves\n";
  for (const BondView& bond : bonds) {
    fmt::format_to(Text(text), "{}\t{}\t", bond.name, to_string(bond.mode));
    if (modern) fmt::format_to(Text(text), "{}\t", bond.recirculation_id);
    for (const MemberView& member : bond.members) {
      if (&member != &bond.members.front()) text += ", ";
      text += member.name;
    }
    text += '\n';
  }
  return text;
}

Result<std::string> hash_command(std::string_view mac, std::optional<std::string_view> vlan,
                                 std::optional<std::string_view> basis) {
  const auto vlan_number = vlan ? parse_leading_number(*vlan) : 0;
  if (!vlan_number) return fail("invalid vlan");
  const auto basis_number = basis ? parse_leading_number(*basis) : 0;
  if (!basis_number) return fail("invalid basis");
  const auto address = MacAddress::parse(mac);
  if (!address) return fail("invalid mac");
  return fmt::to_string(
      slb_bucket(*address, static_cast<std::uint16_t>(*vlan_number), *basis_number));
}

}  // namespace bondway::bond
