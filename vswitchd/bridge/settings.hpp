#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/bond/bond.hpp"
#include "vswitchd/bridge/mirror.hpp"
#include "vswitchd/bridge/vlan.hpp"
#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/time.hpp"

namespace bondway::bridge {

using Options = std::map<std::string, std::string>;

/// One Interface row, checked: what ovs-vswitchd.conf.db(5) calls its configuration.
struct InterfaceSettings {
  std::string name;
  std::string type;                             ///< "" is the system's device of that name
  Options options;                              ///< peer, and those of dummy devices
  std::optional<MacAddress> mac;                ///< wanted; for internal interfaces only
  std::optional<std::uint16_t> ofport_request;  ///< 1 to 65279
  std::optional<std::uint16_t> remembered_ofport;
  std::optional<int> mtu_request;
  std::uint16_t lacp_port_id = 0;  ///< 0: the OpenFlow port number
  std::uint16_t lacp_port_priority = 65535;
  std::uint16_t lacp_aggregation_key = 0;  ///< 0: derived
  bool operator==(const InterfaceSettings&) const = default;
};

/// A port's LACP columns.  ovs-vswitchd.conf.db(5), Port, "Link Aggregation Control Protocol".
struct LacpSettings {
  bool active = false;
  bool fast = false;
  std::optional<MacAddress> system_id;           ///< none: the bridge's
  std::optional<std::uint16_t> system_priority;  ///< none: 65534 for a bond, else 65535
  bool fallback_ab = false;
  Duration aggregate_wait{0};
  std::uint32_t min_links = 0;
  std::uint32_t max_bundle = 0;  ///< 0: no limit
  std::uint32_t timeout_multiplier = 3;
  bool independent_control = false;
  bool operator==(const LacpSettings&) const = default;
};

/// A port's part in the spanning tree.  ovs-vswitchd.conf.db(5), Port, "Spanning Tree
/// Configuration".
struct StpPortSettings {
  bool enabled = true;
  std::optional<std::uint8_t> number;  ///< none: the next free one; 0: unusable, out of the tree
  std::uint8_t priority = 128;
  std::optional<std::uint16_t> path_cost;  ///< none: by the link's speed
  bool operator==(const StpPortSettings&) const = default;
};

/// A bridge's, while stp_enable.
struct StpSettings {
  std::optional<MacAddress> system_id;  ///< none: the bridge's address
  std::uint16_t priority = 32768;
  Duration hello_time = 2s, max_age = 20s, forward_delay = 15s;
  bool operator==(const StpSettings&) const = default;
};

/// A port's part in the rapid spanning tree.  ovs-vswitchd.conf.db(5), Port, "Rapid Spanning Tree
/// Configuration".
struct RstpPortSettings {
  bool enabled = true;
  std::optional<std::uint16_t> number;  ///< none: the next free one; 0: unusable, out of the tree
  std::optional<std::uint8_t> priority = 128;  ///< a multiple of 16; none: as it was
  std::optional<std::uint32_t> path_cost;      ///< none: by the link's speed
  bool keeps_path_cost = false;                ///< as it was: what is configured is none
  bool admin_edge = false, auto_edge = true, point_to_point = true;
  bool admin_up = true;          ///< false: disabled in the tree, whatever its link
  bool check_migration = false;  ///< once when it is set
  bool operator==(const RstpPortSettings&) const = default;
};

/// A bridge's, while rstp_enable.
struct RstpSettings {
  std::optional<MacAddress> address;                           ///< none: the bridge's address
  bool has_bad_address = false;                                ///< which is therefore none
  std::uint16_t priority = 32768;                              ///< a multiple of 4096
  std::optional<Duration> max_age = 20s, forward_delay = 15s;  ///< none: as they were
  bool rapid = true;
  std::uint32_t transmit_hold_count = 6;
  bool operator==(const RstpSettings&) const = default;
};

enum class DetectMode : std::uint8_t { carrier, miimon };

/// One Port row with its interfaces, in the order in which they get their numbers.
struct PortSettings {
  std::string name;
  std::vector<InterfaceSettings> interfaces;
  VlanRules vlan;
  bool is_protected = false;
  std::optional<LacpSettings> lacp;  ///< none: off
  bond::BondConfig bond;             ///< in effect while two or more interfaces could be opened
  std::optional<MacAddress> remembered_active;  ///< bond_active_slave as it was found
  DetectMode detect = DetectMode::carrier;
  Duration miimon_interval = 200ms;
  std::optional<MacAddress> mac;  ///< a candidate for the bridge's own address
  bool fake_interface = false;    ///< bond_fake_iface
  StpPortSettings stp;
  RstpPortSettings rstp;
  bool operator==(const PortSettings&) const = default;
};

/// One Bridge row without its ports.
struct BridgeSettings {
  std::string name;
  bool secure = false;  ///< fail_mode secure: no flow forwards anything
  std::string datapath_type;
  std::optional<MacAddress> hwaddr;
  std::optional<std::uint64_t> datapath_id;
  Duration mac_ageing = 300s;
  std::size_t mac_table_size = 8192;
  bool forward_bpdu = false;
  VlanSet flood_vlans;
  std::vector<MirrorSettings> mirrors;
  std::optional<StpSettings> stp;    ///< none: off
  std::optional<RstpSettings> rstp;  ///< none: off; then stp is off
  bool operator==(const BridgeSettings&) const = default;
};

}  // namespace bondway::bridge
