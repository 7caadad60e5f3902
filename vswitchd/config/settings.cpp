#include "vswitchd/config/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace bondway::config {
namespace {

using bridge::VlanMode;
using bridge::VlanRules;
using bridge::VlanSet;

template <typename To>
To narrow(std::int64_t number) {
  return static_cast<To>(number);
}

VlanSet vlan_set(const std::vector<std::int64_t>& vlans) {
  VlanSet set;
  for (const std::int64_t number : vlans) {
    if (const auto vlan = VlanId::from(number)) set.insert(*vlan);
  }
  return set;
}

VlanSet all_if_empty(const VlanSet& set) { return set.empty() ? VlanSet::all() : set; }

VlanMode vlan_mode(const Row& port) {
  const std::string mode = port.text("vlan_mode");
  if (mode == "access") return VlanMode::access;
  if (mode == "trunk") return VlanMode::trunk;
  if (mode == "native-tagged") return VlanMode::native_tagged;
  if (mode == "native-untagged") return VlanMode::native_untagged;
  if (mode == "dot1q-tunnel") return VlanMode::dot1q_tunnel;
  return port.optional_number("tag") ? VlanMode::access : VlanMode::trunk;
}

bridge::PriorityTags priority_tags(const Keys& keys) {
  const std::string value = keys.text("priority-tags").value_or("");
  if (value == "if-nonzero" || value == "true") return bridge::PriorityTags::if_nonzero;
  if (value == "always") return bridge::PriorityTags::always;
  return bridge::PriorityTags::never;
}

VlanRules vlan_rules(const Row& port, const Keys& keys, Warnings& warnings) {
  VlanRules rules;
  rules.mode = vlan_mode(port);
  if (const auto tag = VlanId::from(port.number("tag"))) rules.tag = *tag;
  const VlanSet trunks = vlan_set(port.numbers("trunks"));
  if (port.text("vlan_mode").empty() && rules.mode == VlanMode::access && !trunks.empty()) {
    warnings.push_back(
        {fmt::format("port {}: ignoring trunks in favor of implicit vlan", port.text("name"))});
  }
  rules.trunks = all_if_empty(trunks);
  const bool has_native_vlan =
      rules.mode == VlanMode::native_tagged || rules.mode == VlanMode::native_untagged;
  if (has_native_vlan && !rules.tag.is_untagged()) {  // VLAN 0 counts only if the trunks list it
    rules.trunks.erase(VlanId());
    rules.trunks.insert(rules.tag);
  }
  rules.cvlans = all_if_empty(vlan_set(port.numbers("cvlans")));
  // What the mode does not use changes nothing: the port's stations stay known.
  const bool has_trunks = rules.mode != VlanMode::access && rules.mode != VlanMode::dot1q_tunnel;
  if (!has_trunks) rules.trunks = VlanSet::all();
  if (rules.mode != VlanMode::dot1q_tunnel) rules.cvlans = VlanSet::all();
  if (rules.mode == VlanMode::trunk) rules.tag = VlanId();
  rules.qinq_tpid = keys.text("qinq-ethtype") == "802.1q" ? 0x8100 : 0x88a8;
  rules.priority_tags = priority_tags(keys);
  return rules;
}

/// The configured system identifier; `usable` turns false when it is none.
std::optional<MacAddress> lacp_system_id(const std::string& port, const Keys& keys, bool& usable,
                                         Warnings& warnings) {
  const auto text = keys.text("lacp-system-id");
  if (!text) return std::nullopt;
  const auto mac = MacAddress::parse(*text);
  usable = mac && !mac->is_zero();
  if (!mac) {
    warnings.push_back(
        {fmt::format("port {}: LACP system ID ({}) must be an Ethernet address.", port, *text)});
  } else if (mac->is_zero()) {
    warnings.push_back({fmt::format("port {}: Invalid zero LACP system ID.", port)});
  }
  return mac;
}

std::optional<bridge::LacpSettings> lacp_settings(const Row& port, const Keys& keys,
                                                  Warnings& warnings) {
  const std::string mode = port.text("lacp");
  if (mode.empty() || mode == "off") return std::nullopt;
  bridge::LacpSettings lacp;
  bool usable = true;
  lacp.system_id = lacp_system_id(port.text("name"), keys, usable, warnings);
  if (!usable) return std::nullopt;
  lacp.active = mode == "active";
  lacp.fast = equal_ignoring_case(keys.text("lacp-time").value_or(""), "fast");
  if (const auto priority = keys.number("lacp-system-priority", 1, 65535)) {
    lacp.system_priority = narrow<std::uint16_t>(*priority);
  }
  lacp.fallback_ab = keys.is_true("lacp-fallback-ab");
  // Keys of our own: what the reference does not know cannot be wrong there without a word.
  const auto number = [&](const std::string& key, std::int64_t least, std::int64_t most,
                          std::int64_t otherwise) {
    const auto text = keys.text(key);
    const auto valid = keys.number(key, least, most);
    if (text && !valid) {
      warnings.push_back({fmt::format("port {}: {} {} is not an integer from {} to {}, using {}",
                                      port.text("name"), key, *text, least, most, otherwise)});
    }
    return valid.value_or(otherwise);
  };
  lacp.aggregate_wait = std::chrono::milliseconds(number("lacp-aggregate-wait", 0, 3'600'000, 0));
  lacp.min_links = narrow<std::uint32_t>(number("lacp-min-links", 0, 255, 0));
  lacp.max_bundle = narrow<std::uint32_t>(number("lacp-max-bundle", 0, 255, 0));
  lacp.timeout_multiplier = narrow<std::uint32_t>(number("lacp-timeout-multiplier", 1, 1000, 3));
  lacp.independent_control = keys.is_true("lacp-independent-control");
  return lacp;
}

bond::Mode bond_mode(const Row& port, bool is_bond, Warnings& warnings) {
  const std::string mode = port.text("bond_mode");
  if (mode == "balance-slb") return bond::Mode::balance_slb;
  if (mode == "balance-tcp") return bond::Mode::balance_tcp;
  if (mode.empty() && is_bond) {
    warnings.push_back(
        {fmt::format("port {}: Using the default bond_mode active-backup. Note that in previous "
                     "versions, the default bond_mode was balance-slb",
                     port.text("name")),
         Warning::Kind::once_a_minute});
  }
  return bond::Mode::active_backup;
}

/// A number of which the reference keeps the lowest bits, whatever it is; 0 for no number.
template <typename To>
std::optional<To> low_bits(const Keys& keys, const char* key) {
  if (!keys.text(key)) return std::nullopt;
  return narrow<To>(keys.number(key).value_or(0));
}

bridge::StpPortSettings stp_port_settings(const Keys& keys) {
  bridge::StpPortSettings stp;
  stp.enabled = !keys.is_false("stp-enable");
  if (keys.text("stp-port-num")) {
    stp.number = narrow<std::uint8_t>(keys.number("stp-port-num", 1, 255).value_or(0));
  }
  stp.priority = low_bits<std::uint8_t>(keys, "stp-port-priority").value_or(stp.priority);
  stp.path_cost = low_bits<std::uint16_t>(keys, "stp-path-cost");
  return stp;
}

bridge::RstpPortSettings rstp_port_settings(const Keys& keys) {
  bridge::RstpPortSettings rstp;
  rstp.enabled = !keys.is_false("rstp-enable");
  if (keys.text("rstp-port-num")) {
    rstp.number = narrow<std::uint16_t>(keys.number("rstp-port-num", 1, 4095).value_or(0));
  }
  if (const auto priority = low_bits<std::uint8_t>(keys, "rstp-port-priority")) {
    rstp.priority.reset();
    if (*priority <= 240) rstp.priority = narrow<std::uint8_t>(*priority / 16 * 16);
  }
  if (const auto cost = keys.number("rstp-path-cost", 1, 200'000'000)) {
    rstp.path_cost = narrow<std::uint32_t>(*cost);
  }
  rstp.keeps_path_cost = keys.text("rstp-path-cost") && !rstp.path_cost;
  rstp.admin_edge = keys.is_true("rstp-port-admin-edge");
  rstp.auto_edge = !keys.is_false("rstp-port-auto-edge");
  rstp.point_to_point = keys.number("rstp-admin-p2p-mac").value_or(1) != 2;
  rstp.admin_up = !keys.is_false("rstp-admin-port-state");
  rstp.check_migration = keys.is_true("rstp-port-mcheck");
  return rstp;
}

/// Seconds, of which the reference keeps the lowest 16 bits; empty when they are out of range, as
/// in IEEE 802.1D-2004, Table 17-1.
std::optional<Duration> rapid_tree_time(const Keys& keys, const char* key, std::uint16_t least,
                                        std::uint16_t most, std::uint16_t absent) {
  const auto number = narrow<std::uint16_t>(keys.number(key).value_or(absent));
  if (number < least || number > most) return std::nullopt;
  return std::chrono::seconds(number);
}

bridge::RstpSettings rstp_settings(const Keys& keys) {
  bridge::RstpSettings rstp;
  if (const auto text = keys.text("rstp-address")) {
    rstp.address = MacAddress::parse(*text);
    rstp.has_bad_address = !rstp.address;
  }
  rstp.priority = narrow<std::uint16_t>(keys.number("rstp-priority").value_or(32768) & 0xf000);
  rstp.max_age = rapid_tree_time(keys, "rstp-max-age", 6, 40, 20);
  rstp.forward_delay = rapid_tree_time(keys, "rstp-forward-delay", 4, 30, 15);
  rstp.rapid = keys.number("rstp-force-protocol-version").value_or(2) != 0;
  rstp.transmit_hold_count =
      narrow<std::uint32_t>(keys.number("rstp-transmit-hold-count", 1, 10).value_or(6));
  return rstp;
}

/// A time of the spanning tree, within its limits: as many times `unit` as the key says, counted in
/// 16 bits of milliseconds, as the reference does.
Duration tree_time(const Keys& keys, const char* key, std::int64_t unit, Duration min, Duration max,
                   Duration absent) {
  const auto number = keys.number(key);
  const std::chrono::milliseconds wanted(narrow<std::uint16_t>(number.value_or(0) * unit));
  return std::clamp<Duration>(number ? Duration(wanted) : absent, min, max);
}

bridge::StpSettings stp_settings(const std::string& bridge, const Keys& keys, Warnings& warnings) {
  bridge::StpSettings stp;
  if (const auto text = keys.text("stp-system-id")) {
    stp.system_id = MacAddress::parse(*text);
    if (!stp.system_id) {
      warnings.push_back({fmt::format(
          "bridge {}: invalid stp-system-id, defaulting to bridge MAC address", bridge)});
    }
  }
  stp.priority = narrow<std::uint16_t>(keys.number("stp-priority").value_or(stp.priority));
  // The hello time is in milliseconds, whatever the manual page says.  The others depend on those
  // before them: IEEE 802.1D-1998, 8.10.2.
  stp.hello_time = tree_time(keys, "stp-hello-time", 1, 1s, 10s, stp.hello_time);
  stp.max_age = tree_time(keys, "stp-max-age", 1000,
                          std::max<Duration>(6s, 2 * (stp.hello_time + 1s)), 40s, stp.max_age);
  stp.forward_delay =
      tree_time(keys, "stp-forward-delay", 1000, std::max<Duration>(4s, stp.max_age / 2 + 1s), 30s,
                stp.forward_delay);
  return stp;
}

Duration rebalance_interval(const Keys& keys) {
  const std::int64_t ms = keys.number("bond-rebalance-interval").value_or(10000);
  if (ms == 0) return 0ms;
  return std::chrono::milliseconds(std::max<std::int64_t>(ms, 1000));
}

Duration delay(const Row& port, std::string_view column) {
  return std::chrono::milliseconds(std::max<std::int64_t>(port.number(column), 0));
}

bond::BondConfig bond_config(const Row& port, const Keys& keys, bool is_bond, Warnings& warnings) {
  bond::BondConfig config;
  config.name = port.text("name");
  config.mode = bond_mode(port, is_bond, warnings);
  config.hash_basis = narrow<std::uint32_t>(keys.number("bond-hash-basis").value_or(0));
  config.rebalance_interval = rebalance_interval(keys);
  config.updelay = delay(port, "bond_updelay");
  config.downdelay = delay(port, "bond_downdelay");
  config.primary = keys.text("bond-primary").value_or("");
  config.all_members_active = keys.is_true("all-members-active");
  config.lb_output = keys.is_true("lb-output-action");
  config.lacp_fallback_ab = keys.is_true("lacp-fallback-ab");
  return config;
}

bridge::DetectMode detect_mode(const Row& port, const Keys& keys, Warnings& warnings) {
  const auto mode = keys.text("bond-detect-mode");
  if (!mode || *mode == "carrier") return bridge::DetectMode::carrier;
  if (*mode == "miimon") return bridge::DetectMode::miimon;
  warnings.push_back({fmt::format("port {}: unsupported bond-detect-mode {}, defaulting to carrier",
                                  port.text("name"), *mode)});
  return bridge::DetectMode::carrier;
}

std::optional<MacAddress> usable_mac(const std::optional<std::string>& text) {
  const auto mac = text ? MacAddress::parse(*text) : std::nullopt;
  return mac && !mac->is_zero() && !mac->is_multicast() ? mac : std::nullopt;
}

/// A number that is absent or zero stands for `absent`; others are kept within the limits.
std::int64_t within(std::optional<std::int64_t> number, std::int64_t absent, std::int64_t min,
                    std::int64_t max) {
  if (!number || *number == 0) return absent;
  return std::clamp(*number, min, max);
}

std::optional<std::uint64_t> hex_number(const std::optional<std::string>& text) {
  if (!text || text->size() != 16) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + 16, number, 16);
  if (error != std::errc() || end != text->data() + 16) return std::nullopt;
  return number;
}

/// Why a port stays out of the bridge's spanning tree, though it should be in it.
void check_tree_port(const bridge::BridgeSettings& bridge, const bridge::PortSettings& port,
                     Warnings& warnings) {
  const bool wants_rapid = bridge.rstp && port.rstp.enabled;
  if (!wants_rapid && !(bridge.stp && port.stp.enabled)) return;
  const auto complain = [&](std::string_view what) {
    warnings.push_back({fmt::format("port {}: {}", port.name, what), Warning::Kind::error});
  };
  if (port.interfaces.size() > 1) {
    return complain(wants_rapid ? "cannot enable RSTP on bonds, disabling"
                                : "cannot enable STP on bonds, disabling");
  }
  if (wants_rapid && port.rstp.number == 0) complain("invalid rstp-port-num");
  if (!wants_rapid && port.stp.number == 0) complain("invalid stp-port-num");
}

}  // namespace

bridge::InterfaceSettings interface_settings(const Row& row) {
  const Keys keys(row.strings("other_config"));
  bridge::InterfaceSettings settings;
  settings.name = row.text("name");
  settings.type = row.text("type");
  if (settings.type == "system") settings.type.clear();
  settings.options = row.strings("options");
  if (const auto mac = row.optional_text("mac")) settings.mac = MacAddress::parse(*mac);
  if (const auto number = row.optional_number("ofport_request")) {
    settings.ofport_request = narrow<std::uint16_t>(*number);
  }
  const std::int64_t remembered = row.number("ofport");
  if (remembered > 0 && remembered <= 65279) {
    settings.remembered_ofport = narrow<std::uint16_t>(remembered);
  }
  if (const auto mtu = row.optional_number("mtu_request")) settings.mtu_request = narrow<int>(*mtu);
  settings.lacp_port_id = narrow<std::uint16_t>(keys.number("lacp-port-id", 1, 65535).value_or(0));
  settings.lacp_port_priority =
      narrow<std::uint16_t>(keys.number("lacp-port-priority", 1, 65535).value_or(65535));
  settings.lacp_aggregation_key =
      narrow<std::uint16_t>(keys.number("lacp-aggregation-key", 0, 65535).value_or(0));
  return settings;
}

bridge::PortSettings port_settings(const Row& port, const std::vector<Row>& interfaces,
                                   Warnings& warnings) {
  const Keys keys(port.strings("other_config"));
  bridge::PortSettings settings;
  settings.name = port.text("name");
  for (const Row& row : interfaces) settings.interfaces.push_back(interface_settings(row));
  std::ranges::sort(settings.interfaces, {}, &bridge::InterfaceSettings::name);
  settings.vlan = vlan_rules(port, keys, warnings);
  settings.is_protected = port.flag("protected");
  settings.lacp = lacp_settings(port, keys, warnings);
  settings.bond = bond_config(port, keys, interfaces.size() > 1, warnings);
  settings.remembered_active = usable_mac(port.optional_text("bond_active_slave"));
  settings.detect = detect_mode(port, keys, warnings);
  const std::int64_t miimon = keys.number("bond-miimon-interval").value_or(0);
  settings.miimon_interval = std::chrono::milliseconds(miimon > 0 ? miimon : 200);
  settings.mac = usable_mac(port.optional_text("mac"));
  settings.fake_interface = port.flag("bond_fake_iface");
  settings.stp = stp_port_settings(keys);
  settings.rstp = rstp_port_settings(keys);
  return settings;
}

bridge::BridgeSettings bridge_settings(const Row& row, Warnings& warnings) {
  const Keys keys(row.strings("other_config"));
  bridge::BridgeSettings settings;
  settings.name = row.text("name");
  settings.secure = row.text("fail_mode") == "secure";
  settings.datapath_type = row.text("datapath_type");
  const auto hwaddr = keys.text("hwaddr");
  settings.hwaddr = usable_mac(hwaddr);
  if (const auto mac = hwaddr ? MacAddress::parse(*hwaddr) : std::nullopt;
      mac && !settings.hwaddr) {
    const std::string what =
        mac->is_zero() ? "zero" : fmt::format("multicast address {}", to_string(*mac));
    warnings.push_back({fmt::format("bridge {}: cannot set MAC address to {}", settings.name, what),
                        Warning::Kind::error});
  }
  settings.datapath_id = hex_number(keys.text("datapath-id"));
  settings.mac_ageing = std::chrono::seconds(within(keys.number("mac-aging-time"), 300, 15, 3600));
  settings.mac_table_size =
      narrow<std::size_t>(within(keys.number("mac-table-size"), 8192, 10, 1'000'000));
  settings.forward_bpdu = keys.is_true("forward-bpdu");
  settings.flood_vlans = vlan_set(row.numbers("flood_vlans"));
  if (row.flag("rstp_enable")) {
    settings.rstp = rstp_settings(keys);
    if (row.flag("stp_enable")) {
      warnings.push_back(
          {fmt::format("{}: RSTP and STP are mutually exclusive but both are "
                       "configured; enabling RSTP",
                       settings.name)});
    }
  } else if (row.flag("stp_enable")) {
    settings.stp = stp_settings(settings.name, keys, warnings);
  }
  return settings;
}

bridge::MirrorSettings mirror_settings(const Row& row, const PortName& port_name) {
  const auto names = [&](std::string_view column) {
    std::vector<std::string> found;
    for (const db::Uuid& port : row.references(column)) {
      if (auto name = port_name(port)) found.push_back(std::move(*name));
    }
    return found;
  };
  bridge::MirrorSettings settings;
  settings.id = to_string(row.uuid());
  settings.name = row.text("name");
  settings.select_all = row.flag("select_all");
  settings.source_ports = names("select_src_port");
  settings.destination_ports = names("select_dst_port");
  settings.vlans = all_if_empty(vlan_set(row.numbers("select_vlan")));
  const auto output = names("output_port");
  if (!output.empty()) settings.output_port = output.front();
  if (const auto number = row.optional_number("output_vlan")) {
    if (const auto vlan = VlanId::from(*number)) settings.output_vlan = *vlan;
  }
  settings.snaplen = narrow<std::uint16_t>(row.number("snaplen"));
  return settings;
}

void check_port(const bridge::BridgeSettings& bridge, const bridge::PortSettings& port,
                Warnings& warnings) {
  check_tree_port(bridge, port, warnings);
  for (const bridge::InterfaceSettings& interface : port.interfaces) {
    if (!interface.mac) continue;
    const auto complain = [&](std::string_view what) {
      warnings.push_back(
          {fmt::format("interface {}: {}", interface.name, what), Warning::Kind::error});
    };
    if (interface.name == bridge.name) {
      complain("ignoring mac in Interface record (use Bridge record to set local port's mac)");
    } else if (interface.type == "internal" && interface.mac->is_zero()) {
      complain("cannot set MAC to all zero address");
    } else if (interface.type == "internal" && interface.mac->is_multicast()) {
      complain("cannot set MAC to multicast address");
    }
  }
  const bool balances_by_source =
      port.interfaces.size() > 1 && port.bond.mode == bond::Mode::balance_slb;
  if (balances_by_source && !bridge.flood_vlans.empty()) {
    warnings.push_back({fmt::format(
        "port {}: SLB bonds are incompatible with flood_vlans, please use another bond "
        "type or disable flood_vlans",
        port.name)});
  }
}

SwitchSettings switch_settings(const Row& row, Warnings& warnings) {
  const Keys keys(row.strings("other_config"));
  SwitchSettings settings;
  settings.next_cfg = row.number("next_cfg");
  const std::int64_t interval = keys.number("stats-update-interval").value_or(5000);
  settings.statistics_interval = std::chrono::milliseconds(std::max<std::int64_t>(interval, 5000));
  settings.workers = narrow<std::size_t>(within(keys.number("n-workers"), 0, 0, 64));
  const std::int64_t limit = keys.number("vlan-limit").value_or(1);
  settings.vlan_limit = limit == 1 ? 1 : 2;
  const std::string layout = keys.text("appctl-format").value_or("3.1");
  if (layout == "2.0") settings.layout = bond::Layout::v2_0;
  if (layout == "1.4") settings.layout = bond::Layout::v1_4;
  if (layout != "3.1" && settings.layout == bond::Layout::v3_1) {
    warnings.push_back({fmt::format("appctl-format {} is none of 1.4, 2.0 and 3.1", layout)});
  }
  return settings;
}

}  // namespace bondway::config
