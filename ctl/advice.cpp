#include "ctl/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

namespace bondway::ctl {
namespace {

using Rule = KnownKey::Rule;

constexpr long long kNoLimit = std::numeric_limits<long long>::max();
constexpr std::string_view kZeroIsItself = "0";
constexpr std::string_view kZeroActsAsLeast = "";

constexpr KnownKey text(std::string_view table, std::string_view name) { return {table, name}; }

constexpr KnownKey words(std::string_view table, std::string_view name, std::string_view values,
                         std::string_view otherwise) {
  return {table, name, Rule::words, values, 0, 0, otherwise};
}
constexpr KnownKey choice(std::string_view table, std::string_view name, std::string_view values) {
  return words(table, name, values, "");
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
constexpr KnownKey rising(std::string_view table, std::string_view name, long long least,
                          std::string_view zero) {
  return {table, name, Rule::clamped, "", least, kNoLimit, zero};
}
constexpr KnownKey clamped(std::string_view table, std::string_view name, long long least,
                           long long most, std::string_view zero) {
  return {table, name, Rule::clamped, "", least, most, zero};
}

// One key, one line.
// clang-format off
constexpr KnownKey kKnownKeys[] = {
    ranged("Bridge", "controller-queue-size", 1, 512),
    text("Bridge", "datapath-id"),
    words("Bridge", "disable-in-band", "true false", "false"),
    text("Bridge", "dp-desc"),
    text("Bridge", "dp-sn"),
    words("Bridge", "forward-bpdu", "true false", "false"),
    text("Bridge", "hwaddr"),
    ranged("Bridge", "in-band-queue", 0, 4294967295),
    clamped("Bridge", "mac-aging-time", 15, 3600, "300"),
    clamped("Bridge", "mac-table-size", 10, 1000000, "8192"),
    clamped("Bridge", "mcast-snooping-aging-time", 15, 3600, "300"),
    words("Bridge", "mcast-snooping-disable-flood-unregistered", "true false", "false"),
    clamped("Bridge", "mcast-snooping-table-size", 10, 1000000, "2048"),
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
    words("Interface", "cfm_demand", "true false", "false"),
    words("Interface", "cfm_extended", "true false", "false"),
    integer("Interface", "cfm_interval"),
    choice("Interface", "cfm_opstate", "down up"),
    choice("Interface", "emc-enable", "true false"),
    defaulting("Interface", "lacp-aggregation-key", 0, 65535, "a key of the bond's own"),
    defaulting("Interface", "lacp-port-id", 1, 65535, "the OpenFlow port number"),
    defaulting("Interface", "lacp-port-priority", 1, 65535, "65535"),
    text("Interface", "pmd-rxq-affinity"),
    choice("Interface", "tx-steering", "hash thread"),
    words("Open_vSwitch", "appctl-format", "3.1 2.0 1.4", "3.1"),
    ranged("Open_vSwitch", "bundle-idle-timeout", 1, kNoLimit),
    text("Open_vSwitch", "ca_cert"),
    text("Open_vSwitch", "certificate"),
    ranged("Open_vSwitch", "dpdk-alloc-mem", 0, kNoLimit),
    text("Open_vSwitch", "dpdk-extra"),
    text("Open_vSwitch", "dpdk-hugepage-dir"),
    choice("Open_vSwitch", "dpdk-init", "false true try"),
    text("Open_vSwitch", "dpdk-lcore-mask"),
    text("Open_vSwitch", "dpdk-socket-limit"),
    text("Open_vSwitch", "dpdk-socket-mem"),
    ranged("Open_vSwitch", "emc-insert-inv-prob", 0, 4294967295),
    words("Open_vSwitch", "enable-statistics", "true false", "false"),
    ranged("Open_vSwitch", "flow-limit", 0, kNoLimit),
    words("Open_vSwitch", "flow-restore-wait", "true false", "false"),
    words("Open_vSwitch", "hw-offload", "true false", "false"),
    text("Open_vSwitch", "ipsec_skb_mark"),
    ranged("Open_vSwitch", "max-idle", 500, kNoLimit),
    ranged("Open_vSwitch", "max-revalidator", 100, kNoLimit),
    ranged("Open_vSwitch", "min-revalidate-pps", 1, kNoLimit),
    ranged("Open_vSwitch", "n-handler-threads", 1, kNoLimit),
    ranged("Open_vSwitch", "n-offload-threads", 1, 10),
    ranged("Open_vSwitch", "n-revalidator-threads", 1, kNoLimit),
    words("Open_vSwitch", "offload-rebalance", "true false", "false"),
    words("Open_vSwitch", "per-port-memory", "true false", "false"),
    words("Open_vSwitch", "pmd-auto-lb", "true false", "false"),
    ranged("Open_vSwitch", "pmd-auto-lb-improvement-threshold", 0, 100),
    ranged("Open_vSwitch", "pmd-auto-lb-load-threshold", 0, 100),
    ranged("Open_vSwitch", "pmd-auto-lb-rebal-interval", 0, 20000),
    text("Open_vSwitch", "pmd-cpu-mask"),
    ranged("Open_vSwitch", "pmd-maxsleep", 0, 10000),
    words("Open_vSwitch", "pmd-perf-metrics", "true false", "false"),
    choice("Open_vSwitch", "pmd-rxq-assign", "cycles group roundrobin"),
    words("Open_vSwitch", "pmd-rxq-isolate", "true false", "false"),
    text("Open_vSwitch", "private_key"),
    text("Open_vSwitch", "shared-mempool-config"),
    words("Open_vSwitch", "smc-enable", "true false", "false"),
    rising("Open_vSwitch", "stats-update-interval", 5000, kZeroActsAsLeast),
    choice("Open_vSwitch", "tc-policy", "none skip_hw skip_sw"),
    ranged("Open_vSwitch", "tx-flush-interval", 0, 1000000),
    words("Open_vSwitch", "userspace-tso-enable", "true false", "false"),
    words("Open_vSwitch", "vhost-iommu-support", "true false", "false"),
    words("Open_vSwitch", "vhost-postcopy-support", "true false", "false"),
    text("Open_vSwitch", "vhost-sock-dir"),
    ranged("Open_vSwitch", "vlan-limit", 0, kNoLimit),
    words("Port", "all-members-active", "true false", "false"),
    words("Port", "bond-detect-mode", "carrier miimon", "carrier"),
    integer("Port", "bond-hash-basis"),
    defaulting("Port", "bond-miimon-interval", 1, 2147483647, "200"),
    text("Port", "bond-primary"),
    rising("Port", "bond-rebalance-interval", 1000, kZeroIsItself),
    defaulting("Port", "lacp-aggregate-wait", 0, 3600000, "0"),
    words("Port", "lacp-fallback-ab", "true false", "false"),
    words("Port", "lacp-independent-control", "true false", "false"),
    defaulting("Port", "lacp-max-bundle", 0, 255, "0"),
    defaulting("Port", "lacp-min-links", 0, 255, "0"),
    text("Port", "lacp-system-id"),
    defaulting("Port", "lacp-system-priority", 1, 65535, "the default"),
    words("Port", "lacp-time", "fast slow", "slow"),
    defaulting("Port", "lacp-timeout-multiplier", 1, 1000, "3"),
    words("Port", "lb-output-action", "true false", "false"),
    words("Port", "mcast-snooping-flood", "true false", "false"),
    words("Port", "mcast-snooping-flood-reports", "true false", "false"),
    words("Port", "priority-tags", "always if-nonzero never true false", "never"),
    words("Port", "qinq-ethtype", "802.1ad 802.1q", "802.1ad"),
    words("Port", "rstp-enable", "true false", "false"),
    integer("Port", "rstp-path-cost"),
    words("Port", "rstp-port-admin-edge", "true false", "false"),
    words("Port", "rstp-port-auto-edge", "true false", "false"),
    words("Port", "rstp-port-mcheck", "true false", "false"),
    ranged("Port", "rstp-port-num", 1, 4095),
    ranged("Port", "rstp-port-priority", 0, 240),
    words("Port", "stp-enable", "true false", "false"),
    ranged("Port", "stp-path-cost", 0, 65535),
    ranged("Port", "stp-port-num", 1, 255),
    ranged("Port", "stp-port-priority", 0, 255),
    words("Port", "transient", "true false", "false"),
};
// clang-format on

std::vector<std::string_view> split(std::string_view words) {
  std::vector<std::string_view> found;
  while (!words.empty()) {
    const std::size_t length = std::min(words.find(' '), words.size());
    found.push_back(words.substr(0, length));
    words.remove_prefix(std::min(length + 1, words.size()));
  }
  return found;
}

std::optional<long long> parse_number(std::string_view text) {
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

std::optional<std::string> advise_clamped(const KnownKey& key, std::string_view value,
                                          std::optional<long long> number) {
  const bool is_zero = !number || *number == 0;  // what is no number counts as 0
  if (is_zero && key.otherwise == kZeroIsItself) {
    return number ? std::nullopt : std::optional(acts_as(key, value, "0"));
  }
  if (is_zero && !key.otherwise.empty()) return acts_as(key, value, key.otherwise);
  const long long effective = std::clamp(number.value_or(0), key.least, key.most);
  if (number && *number == effective) return std::nullopt;
  return acts_as(key, value, fmt::format("{}", effective));
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
  const std::optional<long long> number = parse_number(value);
  switch (known->rule) {
    case Rule::anything:
      break;
    case Rule::words: {
      const auto allowed = split(known->values);
      if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) break;
      return acts_as(*known, value, known->otherwise);
    }
    case Rule::number:
      if (number && *number >= known->least && *number <= known->most) break;
      return acts_as(*known, value, known->otherwise);
    case Rule::clamped:
      return advise_clamped(*known, value, number);
  }
  return std::nullopt;
}

}  // namespace bondway::ctl
