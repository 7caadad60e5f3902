#include "vswitchd/daemon/json_views.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "process/show_command.hpp"

namespace bondway::daemon {
namespace {

using nlohmann::json;
using process::versioned;

json or_null(const std::optional<Duration>& duration) {
  return duration ? json(to_ms(*duration)) : json(nullptr);
}

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

template <typename Values, typename Render>
json array_of(const Values& values, Render render) {
  json array = json::array();
  for (const auto& value : values) array.push_back(render(value));
  return array;
}

std::string text(const MacAddress& mac) { return to_string(mac); }

json member_json(const bond::MemberView& member) {
  json hashes = json::array();
  for (const auto& [bucket, bytes] : member.loads) {
    if (bytes != 0) hashes.push_back({{"hash", bucket}, {"bytes", bytes}});
  }
  return {{"name", member.name},
          {"mac", text(member.mac)},
          {"enabled", member.enabled},
          {"active", member.active},
          {"may_enable", member.may_enable},
          {"delay_expires_in_ms", or_null(member.delay_left)},
          {"hashes", std::move(hashes)}};
}

json bond_json(const bond::BondView& bond) {
  return {{"name", bond.name},
          {"mode", to_string(bond.mode)},
          {"recirculation_id", bond.recirculation_id},
          {"may_use_recirculation", bond.may_recirculate},
          {"hash_basis", bond.hash_basis},
          {"lb_output_action", bond.lb_output},
          {"all_members_active", bond.all_members_active},
          {"updelay_ms", to_ms(bond.updelay)},
          {"downdelay_ms", to_ms(bond.downdelay)},
          {"next_rebalance_in_ms", or_null(bond.next_rebalance)},
          {"lacp_status", to_string(bond.lacp_status)},
          {"lacp_fallback_ab", bond.lacp_fallback_ab},
          {"primary", or_null(bond.primary)},
          {"active_member_mac", text(bond.active_mac)},
          {"members", array_of(bond.members, member_json)}};
}

json list_json(const bond::BondView& bond) {
  return {{"name", bond.name},
          {"mode", to_string(bond.mode)},
          {"recirculation_id", bond.recirculation_id},
          {"members", array_of(bond.members, [](const auto& member) { return member.name; })}};
}

json state_json(lacp::PortState state) {
  json words = json::array();
  std::istringstream stream(lacp::to_string(state));
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

json end_json(const lacp::PortInfo& end) {
  return {{"system_id", text(end.system_id)},
          {"system_priority", end.system_priority},
          {"port_id", end.port_id},
          {"port_priority", end.port_priority},
          {"key", end.key},
          {"state", state_json(end.state)}};
}

json machines_json(const lacp::MemberView& member) {
  return {{"receive", to_string(member.rx)},
          {"periodic", to_string(member.periodic)},
          {"selection", to_string(member.selected)},
          {"mux", to_string(member.mux)},
          {"actor_churn", to_string(member.actor_churn)},
          {"partner_churn", to_string(member.partner_churn)},
          {"transmission_held_back", member.need_to_transmit},
          {"partner_times_out_in_ms", or_null(member.partner_times_out_in)},
          {"next_periodic_in_ms", or_null(member.next_periodic_in)},
          {"partner_version", or_null(member.partner_version)}};
}

json lag_member_json(const lacp::MemberView& member) {
  return {{"name", member.name},
          {"status", to_string(member.status)},
          {"attached", member.attached},
          {"may_enable", member.may_enable},
          {"link_up", member.link_up},
          {"actor", end_json(member.actor)},
          {"partner", end_json(member.partner)},
          {"machines", machines_json(member)}};
}

json lag_json(const lacp::LagView& port) {
  return {{"name", port.name},
          {"activity", to_string(port.activity)},
          {"negotiated", port.negotiated},
          {"system_id", text(port.system_id)},
          {"system_priority", port.system_priority},
          {"key", or_null(port.key)},
          {"lacp_time", to_string(port.time)},
          {"fallback_ab", port.fallback == lacp::Fallback::active_backup},
          {"independent_control", port.control == lacp::MuxControl::independent},
          {"aggregate_wait_ms", to_ms(port.aggregate_wait)},
          {"min_links", port.min_links},
          {"max_bundle", port.max_bundle},
          {"timeout_multiplier", port.timeout_multiplier},
          {"members", array_of(port.members, lag_member_json)}};
}

json tree_bridge_json(const stp::TreeView::Bridge& bridge) {
  return {{"priority", bridge.id.priority},
          {"system_id", text(bridge.id.mac)},
          {"hello_time_ms", to_ms(bridge.hello_time)},
          {"max_age_ms", to_ms(bridge.max_age)},
          {"forward_delay_ms", to_ms(bridge.forward_delay)}};
}

json tree_json(const stp::TreeView& view) {
  const auto port_json = [](const stp::TreeView::Port& port) {
    return json{{"name", port.name},         {"role", port.role},
                {"state", port.state},       {"path_cost", port.path_cost},
                {"priority", port.priority}, {"number", port.number}};
  };
  return {{"name", view.name},
          {"root", tree_bridge_json(view.root)},
          {"bridge", tree_bridge_json(view.bridge)},
          {"root_port", or_null(view.root_port)},
          {"root_path_cost", view.root_path_cost},
          {"ports", array_of(view.ports, port_json)}};
}

json counters_json(const lacp::MemberView& member) {
  const lacp::Counters& counters = member.counters;
  return {{"name", member.name},
          {"tx_pdus", counters.tx_pdus},
          {"rx_pdus", counters.rx_pdus},
          {"rx_bad_pdus", counters.rx_bad_pdus},
          {"rx_marker_request_pdus", counters.rx_markers},
          {"tx_marker_response_pdus", counters.marker_responses},
          {"link_expired", counters.link_expired},
          {"link_defaulted", counters.link_defaulted},
          {"carrier_status_changed", counters.carrier_changed},
          {"actor_churn", counters.actor_churn},
          {"partner_churn", counters.partner_churn}};
}

}  // namespace

json bond_list_json(std::span<const bond::BondView> bonds) {
  return versioned("bonds", array_of(bonds, list_json));
}

json bond_show_json(std::span<const bond::BondView> bonds) {
  return versioned("bonds", array_of(bonds, bond_json));
}

json lacp_show_json(std::span<const lacp::LagView> ports) {
  return versioned("ports", array_of(ports, lag_json));
}

json lacp_stats_json(std::span<const lacp::LagView> ports) {
  return versioned(
      "ports", array_of(ports, [](const lacp::LagView& port) {
        return json{{"name", port.name}, {"members", array_of(port.members, counters_json)}};
      }));
}

json tree_show_json(std::span<const stp::TreeView> bridges) {
  return versioned("bridges", array_of(bridges, tree_json));
}

json fdb_show_json(std::string_view bridge, const fdb::TableView& table) {
  json answer = json::object();
  answer[std::string(bridge)] = array_of(table.rows, [](const fdb::TableView::Row& row) {
    json entry{{"port", row.port}, {"vlan", row.vlan}, {"mac", text(row.mac)}};
    if (row.age) {
      entry["age"] = to_ms(*row.age) / 1000;
    } else {
      entry["static"] = true;
    }
    return entry;
  });
  return answer;
}

json fdb_stats_json(std::string_view bridge, const fdb::Statistics& statistics) {
  return versioned("statistics", {{"bridge", bridge},
                                  {"entries", statistics.entries},
                                  {"max_entries", statistics.max_entries},
                                  {"static_entries", statistics.static_entries},
                                  {"learned", statistics.learned},
                                  {"expired", statistics.expired},
                                  {"evicted", statistics.evicted},
                                  {"moved", statistics.moved}});
}

}  // namespace bondway::daemon
