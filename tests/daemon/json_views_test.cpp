#include "vswitchd/daemon/json_views.hpp"

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "vswitchd/rstp/variables.hpp"

namespace bondway::daemon {
namespace {

using nlohmann::json;

MacAddress mac(std::uint64_t number) { return MacAddress::from_number(number); }

bond::BondView sample_bond() {
  bond::BondView bond;
  bond.name = "bond0";
  bond.mode = bond::Mode::balance_tcp;
  bond.recirculation_id = 3;
  bond.may_recirculate = true;
  bond.hash_basis = 4294967295;
  bond.updelay = 100ms;
  bond.next_rebalance = -2ms;
  bond.lacp_status = bond::LacpStatus::negotiated;
  bond.active_mac = mac(0xaa55aa550011);
  bond.members = {
      {"e0", mac(0xaa55aa550011), true, true, true, std::nullopt, {{12, 1023}, {13, 0}}},
      {"e1", mac(0xaa55aa550012), false, false, true, 99ms, {}}};
  return bond;
}

lacp::LagView sample_lag() {
  lacp::MemberView e0{.name = "e0",
                      .status = lacp::MemberStatus::current,
                      .attached = true,
                      .may_enable = true,
                      .actor = {.system_priority = 65534,
                                .system_id = mac(0xaa55aa550000),
                                .key = 1,
                                .port_priority = 65535,
                                .port_id = 1,
                                .state = lacp::PortState(0x3d)},
                      .partner = {}};
  e0.counters = {.tx_pdus = 3,
                 .rx_pdus = 9,
                 .rx_bad_pdus = 2,
                 .rx_markers = 1,
                 .link_expired = 4,
                 .link_defaulted = 5,
                 .carrier_changed = 6,
                 .marker_responses = 7,
                 .actor_churn = 8,
                 .partner_churn = 10};
  e0.link_up = true;
  e0.rx = lacp::RxState::current;
  e0.selected = lacp::Selected::selected;
  e0.mux = lacp::MuxState::collecting_distributing;
  e0.periodic = lacp::PeriodicState::fast;
  e0.partner_times_out_in = 2500ms;
  e0.partner_version = 1;
  return {.name = "bond0",
          .activity = lacp::Activity::active,
          .negotiated = true,
          .system_id = mac(0xaa55aa550000),
          .system_priority = 65534,
          .key = 1,
          .time = lacp::LacpTime::fast,
          .members = {e0}};
}

const fdb::TableView kTable{{{5, 10, MacAddress::from_number(0x505400000001), 3999ms},
                             {fdb::kLocalPort, 0, MacAddress::from_number(0x505400000002), {}}}};
constexpr fdb::Statistics kStatistics{2, 8192, 1, 10, 4, 3, 5};

TEST(JsonViews, ShowsABond) {
  EXPECT_EQ(bond_show_json(std::array{sample_bond()}), json::parse(R"({
    "schema_version": 1,
    "bonds": [{
      "name": "bond0", "mode": "balance-tcp", "recirculation_id": 3, "may_use_recirculation": true,
      "hash_basis": 4294967295, "lb_output_action": false, "all_members_active": false,
      "updelay_ms": 100, "downdelay_ms": 0, "next_rebalance_in_ms": -2,
      "lacp_status": "negotiated", "lacp_fallback_ab": false, "primary": null,
      "active_member_mac": "aa:55:aa:55:00:11",
      "members": [
        {"name": "e0", "mac": "aa:55:aa:55:00:11", "enabled": true, "active": true,
         "may_enable": true, "delay_expires_in_ms": null, "hashes": [{"hash": 12, "bytes": 1023}]},
        {"name": "e1", "mac": "aa:55:aa:55:00:12", "enabled": false, "active": false,
         "may_enable": true, "delay_expires_in_ms": 99, "hashes": []}]}]})"));
}

TEST(JsonViews, ListsBonds) {
  EXPECT_EQ(bond_list_json(std::array{sample_bond()}), json::parse(R"({
    "schema_version": 1,
    "bonds": [{"name": "bond0", "mode": "balance-tcp", "recirculation_id": 3,
               "members": ["e0", "e1"]}]})"));
  EXPECT_EQ(bond_list_json({}), json::parse(R"({"schema_version": 1, "bonds": []})"));
}

TEST(JsonViews, ShowsLacpAndItsMachines) {
  EXPECT_EQ(lacp_show_json(std::array{sample_lag()}), json::parse(R"({
    "schema_version": 1,
    "ports": [{
      "name": "bond0", "activity": "active", "negotiated": true,
      "system_id": "aa:55:aa:55:00:00", "system_priority": 65534, "key": 1, "lacp_time": "fast",
      "fallback_ab": false, "independent_control": false, "aggregate_wait_ms": 0, "min_links": 0,
      "max_bundle": 0, "timeout_multiplier": 3,
      "members": [{
        "name": "e0", "status": "current", "attached": true, "may_enable": true, "link_up": true,
        "actor": {"system_id": "aa:55:aa:55:00:00", "system_priority": 65534, "port_id": 1,
                  "port_priority": 65535, "key": 1,
                  "state": ["activity", "aggregation", "synchronized", "collecting",
                            "distributing"]},
        "partner": {"system_id": "00:00:00:00:00:00", "system_priority": 0, "port_id": 0,
                    "port_priority": 0, "key": 0, "state": []},
        "machines": {"receive": "current", "periodic": "fast_periodic", "selection": "selected",
                     "mux": "collecting_distributing", "actor_churn": "monitor",
                     "partner_churn": "monitor", "transmission_held_back": false,
                     "partner_times_out_in_ms": 2500, "next_periodic_in_ms": null,
                     "partner_version": 1}}]}]})"));
}

TEST(JsonViews, ShowsLacpCounters) {
  EXPECT_EQ(lacp_stats_json(std::array{sample_lag()}), json::parse(R"({
    "schema_version": 1,
    "ports": [{"name": "bond0", "members": [
      {"name": "e0", "tx_pdus": 3, "rx_pdus": 9, "rx_bad_pdus": 2, "rx_marker_request_pdus": 1,
       "tx_marker_response_pdus": 7, "link_expired": 4, "link_defaulted": 5,
       "carrier_status_changed": 6, "actor_churn": 8, "partner_churn": 10}]}]})"));
}

/// A bridge beside the root, in either spanning tree.
stp::TreeView sample_tree(stp::TreeView::Port port) {
  stp::TreeView view;
  view.name = "br1";
  view.root = {{4096, mac(0x020000000001)}, 2s, 20s, 15s};
  view.bridge = {{32768, mac(0x020000000002)}, 1500ms, 30s, 16s};
  view.root_port = "p1";
  view.root_path_cost = 19;
  view.ports = {std::move(port)};
  return view;
}
stp::TreeView sample_stp() {
  return sample_tree(
      {"p1", to_string(stp::Role::root), to_string(stp::State::learning), 19, 128, 3});
}
stp::TreeView sample_rstp() {
  auto view = sample_tree(
      {"p1", to_string(rstp::Role::designated), to_string(rstp::State::forwarding), 2000, 128, 3});
  view.root_port.reset();
  return view;
}

TEST(JsonViews, ShowsSpanningTrees) {
  json expected = json::parse(R"({
    "schema_version": 1,
    "bridges": [{
      "name": "br1", "root_port": "p1", "root_path_cost": 19,
      "root": {"priority": 4096, "system_id": "02:00:00:00:00:01", "hello_time_ms": 2000,
               "max_age_ms": 20000, "forward_delay_ms": 15000},
      "bridge": {"priority": 32768, "system_id": "02:00:00:00:00:02", "hello_time_ms": 1500,
                 "max_age_ms": 30000, "forward_delay_ms": 16000},
      "ports": [{"name": "p1", "role": "root", "state": "learning", "path_cost": 19,
                 "priority": 128, "number": 3}]}]})");
  EXPECT_EQ(tree_show_json(std::array{sample_stp()}), expected);
  json& bridge = expected["bridges"][0];
  bridge["root_port"] = nullptr;
  bridge["ports"][0].update({{"role", "Designated"}, {"state", "Forwarding"}, {"path_cost", 2000}});
  EXPECT_EQ(tree_show_json(std::array{sample_rstp()}), expected);
}

TEST(JsonViews, ShowsMacsAsLaterReleasesDo) {
  EXPECT_EQ(fdb_show_json("br0", kTable), json::parse(R"({
    "br0": [{"port": 5, "vlan": 10, "mac": "50:54:00:00:00:01", "age": 3},
            {"port": 65534, "vlan": 0, "mac": "50:54:00:00:00:02", "static": true}]})"));
}

TEST(JsonViews, ShowsMacCounters) {
  EXPECT_EQ(fdb_stats_json("br0", kStatistics), json::parse(R"({
    "schema_version": 1,
    "statistics": {"bridge": "br0", "entries": 2, "max_entries": 8192, "static_entries": 1,
                   "learned": 10, "expired": 4, "evicted": 3, "moved": 5}})"));
}

/// Calls `visit` with the name of every object member, at any depth.
template <typename Visit>
void each_key(const json& value, const Visit& visit) {
  for (auto element = value.begin(); element != value.end(); ++element) {
    if (value.is_object()) visit(element.key());
    if (element->is_structured()) each_key(*element, visit);
  }
}

TEST(JsonViews, AreDocumentedToTheLastMember) {
  std::ifstream file(BONDWAY_DOCS "/appctl-json.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(text.empty());
  for (const json& answer :
       {bond_show_json(std::array{sample_bond()}), lacp_show_json(std::array{sample_lag()}),
        lacp_stats_json(std::array{sample_lag()}), fdb_show_json("BRIDGE", kTable),
        fdb_stats_json("br0", kStatistics), tree_show_json(std::array{sample_stp()})}) {
    each_key(answer, [&](const std::string& key) {
      const bool quoted = text.find('`' + key + '`') != std::string::npos;
      EXPECT_TRUE(quoted || text.find('"' + key + '"') != std::string::npos || key == "BRIDGE")
          << key;
    });
  }
}

}  // namespace
}  // namespace bondway::daemon
