#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vswitchd/bridge/settings.hpp"
#include "vswitchd/config/row.hpp"

/// From rows to checked settings, by ovs-vswitchd.conf.db(5).  Pure: what is wrong with a value is
/// said in `warnings` (lines for the log's module "bridge"), and a default or limit acts instead.
namespace bondway::config {

/// A line for the log, of the level that scripts know it by.
struct Warning {
  enum class Kind : std::uint8_t {
    warning,
    once_a_minute,  ///< a warning that may concern thousands of ports at once
    error,
  };
  std::string text{};
  Kind kind = Kind::warning;
  bool operator==(const Warning&) const = default;
};
using Warnings = std::vector<Warning>;

bridge::InterfaceSettings interface_settings(const Row& row);

/// `interfaces` are those of the port; the settings list them by name, the order in which they get
/// their numbers.
bridge::PortSettings port_settings(const Row& port, const std::vector<Row>& interfaces,
                                   Warnings& warnings);

/// Without its mirrors, which are rows of their own.
bridge::BridgeSettings bridge_settings(const Row& row, Warnings& warnings);

/// What is wrong with a port only on this bridge.
void check_port(const bridge::BridgeSettings& bridge, const bridge::PortSettings& port,
                Warnings& warnings);

/// The name of the port of a row; empty if there is no such row.
using PortName = std::function<std::optional<std::string>(const db::Uuid&)>;

bridge::MirrorSettings mirror_settings(const Row& row, const PortName& port_name);

/// What is configured for the switch as a whole, in the Open_vSwitch row.
struct SwitchSettings {
  std::int64_t next_cfg = 0;
  Duration statistics_interval = 5s;
  std::size_t workers = 0;                   ///< threads that forward; 0: one for two processors
  std::uint8_t vlan_limit = 1;               ///< 802.1Q tags that are looked at
  bond::Layout layout = bond::Layout::v3_1;  ///< of bond/show and lacp/show: appctl-format
  bool operator==(const SwitchSettings&) const = default;
};
SwitchSettings switch_settings(const Row& row, Warnings& warnings);

}  // namespace bondway::config
