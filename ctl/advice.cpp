#include "ctl/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "ctl/parse.hpp"

namespace bondway::ctl {
namespace {

using Rule = KnownKey::Rule;
using Zero = KnownKey::Zero;

constexpr long long kNoLimit = std::numeric_limits<long long>::max();

constexpr long long kLeast32 = std::numeric_limits<std::int32_t>::min();
constexpr long long kMost32 = std::numeric_limits<std::int32_t>::max();

constexpr KnownKey text(std::string_view table, std::string_view name) { return {table, name}; }

/// Words in exactly this spelling; anything else acts as `otherwise`.
constexpr KnownKey words(std::string_view table, std::string_view name, std::string_view values,
                         std::string_view otherwise) {
  return {table, name, Rule::words, values, 0, 0, otherwise};
}
/// Words in upper or lower case.
constexpr KnownKey any_case(std::string_view table, std::string_view name, std::string_view values,
                            std::string_view otherwise) {
  return {table, name, Rule::words_in_any_case, values, 0, 0, otherwise};
}
constexpr KnownKey boolean(std::string_view table, std::string_view name) {
  return any_case(table, name, "true false", "false");
}
constexpr KnownKey defaulting(std::string_view table, std::string_view name, long long least,
                              long long most, std::string_view otherwise) {
  return {table, name, Rule::number, "", least, most, otherwise};
}
constexpr KnownKey ranged(std::string_view table, std::string_view name, long long least,
                          long long most) {
  return defaulting(table, name, least, most, "");
}
constexpr KnownKey integer(std::string_view table, std::string_view name) {
  return ranged(table, name, -kNoLimit, kNoLimit);
}
/// A number that is moved between the limits; what is none acts as `otherwise`.
constexpr KnownKey clamped(std::string_view table, std::string_view name, long long least,
                           long long most, std::string_view otherwise, KnownKey::Zero zero) {
  return {table, name, Rule::clamped, "", least, most, otherwise, zero};
}

// One key, one line.
// clang-format off
constexpr KnownKey kKnownKeys[] = {
    ranged("Bridge", "controller-queue-size", 1, 512),
    text("Bridge", "datapath-id"),
    boolean("Bridge", "disable-in-band"),
    text("Bridge", "dp-desc"),
    text("Bridge", "dp-sn"),
    boolean("Bridge", "forward-bpdu"),
    text("Bridge", "hwaddr"),
    ranged("Bridge", "in-band-queue", 0, 4294967295),
    clamped("Bridge", "mac-aging-time", 15, 3600, "300", Zero::otherwise),
    clamped("Bridge", "mac-table-size", 10, 1000000, "8192", Zero::otherwise),
    clamped("Bridge", "mcast-snooping-aging-time", 15, 3600, "300", Zero::otherwise),
    boolean("Bridge", "mcast-snooping-disable-flood-unregistered"),
    clamped("Bridge", "mcast-snooping-table-size", 10, 1000000, "2048", Zero::otherwise),
    text("Bridge", "rstp-address"),
    ranged("Bridge", "rstp-ageing-time", 10, 1000000),
    integer("Bridge", "rstp-force-protocol-version"),
    ranged("Bridge", "rstp-forward-delay", 4, 30),
    ranged("Bridge", "rstp-max-age", 6, 40),
    ranged("Bridge", "rstp-priority", 0, 61440),
    ranged("Bridge", "rstp-transmit-hold-count", 1, 10),
    ranged("Bridge", "stp-forward-delay", 4, 30),
    ranged("Bridge", "stp-hello-time", 1, 10),
    ranged("Bridge", "stp-max-age", 6, 40),
    ranged("Bridge", "stp-priority", 0, 65535),
    text("Bridge", "stp-system-id"),
    ranged("Interface", "cfm_ccm_pcp", 1, 7),
    ranged("Interface", "cfm_ccm_vlan", 1, 4095),
    boolean("Interface", "cfm_demand"),
    boolean("Interface", "cfm_extended"),
    integer("Interface", "cfm_interval"),
    words("Interface", "cfm_opstate", "down up", ""),
    words("Interface", "emc-enable", "true false", ""),
    defaulting("Interface", "lacp-aggregation-key", 0, 65535, "a key of the bond's own"),
    defaulting("Interface", "lacp-port-id", 1, 65535, "the OpenFlow port number"),
    defaulting("Interface", "lacp-port-priority", 1, 65535, "65535"),
    text("Interface", "pmd-rxq-affinity"),
    words("Interface", "tx-steering", "hash thread", ""),
    words("Open_vSwitch", "appctl-format", "1.4 2.0 3.1", "3.1"),
    ranged("Open_vSwitch", "bundle-idle-timeout", 1, kNoLimit),
    text("Open_vSwitch", "ca_cert"),
    text("Open_vSwitch", "certificate"),
    ranged("Open_vSwitch", "dpdk-alloc-mem", 0, kNoLimit),
    text("Open_vSwitch", "dpdk-extra"),
    text("Open_vSwitch", "dpdk-hugepage-dir"),
    words("Open_vSwitch", "dpdk-init", "false true try", ""),
    text("Open_vSwitch", "dpdk-lcore-mask"),
    text("Open_vSwitch", "dpdk-socket-limit"),
    text("Open_vSwitch", "dpdk-socket-mem"),
    ranged("Open_vSwitch", "emc-insert-inv-prob", 0, 4294967295),
    boolean("Open_vSwitch", "enable-statistics"),
    ranged("Open_vSwitch", "flow-limit", 0, kNoLimit),
    boolean("Open_vSwitch", "flow-restore-wait"),
    boolean("Open_vSwitch", "hw-offload"),
    text("Open_vSwitch", "ipsec_skb_mark"),
    ranged("Open_vSwitch", "max-idle", 500, kNoLimit),
    ranged("Open_vSwitch", "max-revalidator", 100, kNoLimit),
    ranged("Open_vSwitch", "min-revalidate-pps", 1, kNoLimit),
    ranged("Open_vSwitch", "n-handler-threads", 1, kNoLimit),
    ranged("Open_vSwitch", "n-offload-threads", 1, 10),
    ranged("Open_vSwitch", "n-revalidator-threads", 1, kNoLimit),
    ranged("Open_vSwitch", "n-workers", 1, kNoLimit),
    boolean("Open_vSwitch", "offload-rebalance"),
    boolean("Open_vSwitch", "per-port-memory"),
    boolean("Open_vSwitch", "pmd-auto-lb"),
    ranged("Open_vSwitch", "pmd-auto-lb-improvement-threshold", 0, 100),
    ranged("Open_vSwitch", "pmd-auto-lb-load-threshold", 0, 100),
    ranged("Open_vSwitch", "pmd-auto-lb-rebal-interval", 0, 20000),
    text("Open_vSwitch", "pmd-cpu-mask"),
    ranged("Open_vSwitch", "pmd-maxsleep", 0, 10000),
    boolean("Open_vSwitch", "pmd-perf-metrics"),
    words("Open_vSwitch", "pmd-rxq-assign", "cycles group roundrobin", ""),
    boolean("Open_vSwitch", "pmd-rxq-isolate"),
    text("Open_vSwitch", "private_key"),
    text("Open_vSwitch", "shared-mempool-config"),
    boolean("Open_vSwitch", "smc-enable"),
    clamped("Open_vSwitch", "stats-update-interval", 5000, kNoLimit, "5000", Zero::number),
    words("Open_vSwitch", "tc-policy", "none skip_hw skip_sw", ""),
    ranged("Open_vSwitch", "tx-flush-interval", 0, 1000000),
    boolean("Open_vSwitch", "userspace-tso-enable"),
    boolean("Open_vSwitch", "vhost-iommu-support"),
    boolean("Open_vSwitch", "vhost-postcopy-support"),
    text("Open_vSwitch", "vhost-sock-dir"),
    ranged("Open_vSwitch", "vlan-limit", 0, kNoLimit),
    boolean("Port", "all-members-active"),
    words("Port", "bond-detect-mode", "carrier miimon", "carrier"),
    defaulting("Port", "bond-hash-basis", kLeast32, kMost32, "0"),
    defaulting("Port", "bond-miimon-interval", 1, kMost32, "200"),
    text("Port", "bond-primary"),
    clamped("Port", "bond-rebalance-interval", 1000, kNoLimit, "10000", Zero::itself),
    defaulting("Port", "lacp-aggregate-wait", 0, 3600000, "0"),
    boolean("Port", "lacp-fallback-ab"),
    boolean("Port", "lacp-independent-control"),
    defaulting("Port", "lacp-max-bundle", 0, 255, "0"),
    defaulting("Port", "lacp-min-links", 0, 255, "0"),
    text("Port", "lacp-system-id"),
    defaulting("Port", "lacp-system-priority", 1, 65535, "the default"),
    any_case("Port", "lacp-time", "fast slow", "slow"),
    defaulting("Port", "lacp-timeout-multiplier", 1, 1000, "3"),
    boolean("Port", "lb-output-action"),
    boolean("Port", "mcast-snooping-flood"),
    boolean("Port", "mcast-snooping-flood-reports"),
    words("Port", "priority-tags", "always if-nonzero never true false", "never"),
    words("Port", "qinq-ethtype", "802.1ad 802.1q", "802.1ad"),
    boolean("Port", "rstp-enable"),
    integer("Port", "rstp-path-cost"),
    boolean("Port", "rstp-port-admin-edge"),
    boolean("Port", "rstp-port-auto-edge"),
    boolean("Port", "rstp-port-mcheck"),
    ranged("Port", "rstp-port-num", 1, 4095),
    ranged("Port", "rstp-port-priority", 0, 240),
    boolean("Port", "stp-enable"),
    ranged("Port", "stp-path-cost", 0, 65535),
    ranged("Port", "stp-port-num", 1, 255),
    ranged("Port", "stp-port-priority", 0, 255),
    boolean("Port", "transient"),
};
// clang-format on

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// As the switch reads numbers: with a sign if one likes, and nothing else.
std::optional<long long> parse_number(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// How many letters have to be inserted, removed or replaced to get from one word to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string unknown_key(std::string_view table, std::string_view column, std::string_view key) {
  const KnownKey* nearest = nullptr;
  std::size_t best = std::max<std::size_t>(2, key.size() / 3) + 1;
  for (const KnownKey& known : kKnownKeys) {
    if (known.table != table) continue;
    const std::size_t far = distance(key, known.name);
    if (far < best) {
      best = far;
      nearest = &known;
    }
  }
  std::string text = fmt::format("{}:{} is not a key of {}", column, key, table);
  if (nearest != nullptr) text += fmt::format("; did you mean {}?", nearest->name);
  return text;
}

std::string acts_as(const KnownKey& key, std::string_view value, std::string_view meaning) {
  if (meaning.empty()) return fmt::format("{}={} will be ignored", key.name, value);
  return fmt::format("{}={} will act as {}", key.name, value, meaning);
}

std::optional<std::string> advise_word(const KnownKey& key, std::string_view value) {
  const auto same = [](char a, char b) { return a == b || lower(a) == b; };
  for (const std::string_view word : words_of(key.values)) {
    if (word == value) return std::nullopt;
    if (key.rule != Rule::words_in_any_case) continue;
    if (std::equal(value.begin(), value.end(), word.begin(), word.end(), same)) return std::nullopt;
  }
  return acts_as(key, value, key.otherwise);
}

std::optional<std::string> advise_number(const KnownKey& key, std::string_view value) {
  const std::optional<long long> number = parse_number(value);
  const bool is_within = number && *number >= key.least && *number <= key.most;
  if (key.rule == Rule::number) {
    if (is_within) return std::nullopt;
    return acts_as(key, value, key.otherwise);
  }
  const bool fits = number && *number == static_cast<std::int32_t>(*number);
  if (!fits) return acts_as(key, value, key.otherwise);
  if (*number == 0 && key.zero == Zero::otherwise) return acts_as(key, value, key.otherwise);
  if (is_within || (*number == 0 && key.zero == Zero::itself)) return std::nullopt;
  return acts_as(key, value, fmt::format("{}", std::clamp(*number, key.least, key.most)));
}

}  // namespace

std::span<const KnownKey> known_keys() { return kKnownKeys; }

std::optional<std::string> advise(std::string_view table, std::string_view column,
                                  std::string_view key, std::string_view value) {
  const auto of_table = [table](const KnownKey& known) { return known.table == table; };
  if (column != "other_config") return std::nullopt;
  if (std::none_of(std::begin(kKnownKeys), std::end(kKnownKeys), of_table)) return std::nullopt;
  const auto* known =
      std::find_if(std::begin(kKnownKeys), std::end(kKnownKeys),
                   [&](const KnownKey& row) { return of_table(row) && row.name == key; });
  if (known == std::end(kKnownKeys)) return unknown_key(table, column, key);
  switch (known->rule) {
    case Rule::anything:
      break;
    case Rule::words:
    case Rule::words_in_any_case:
      return advise_word(*known, value);
    case Rule::number:
    case Rule::clamped:
      return advise_number(*known, value);
  }
  return std::nullopt;
}

}  // namespace bondway::ctl
