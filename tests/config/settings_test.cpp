#include "vswitchd/config/settings.hpp"

#include <map>
#include <tuple>

#include "tests/config/rows.hpp"

namespace bondway::config {
namespace {

class SettingsTest : public RowsTest {
 protected:
  /// A bond's settings, from Port columns in JSON.
  bridge::PortSettings bond(const std::string& columns) {
    RowsTest::add_bridge();
    add_port("bond0", {"e1", "e0"}, columns.empty() ? "" : "," + columns);
    const db::RowPtr port = row("Port", "bond0"), e1 = row("Interface", "e1"),
                     e0 = row("Interface", "e0");
    const db::Table& interfaces = table("Interface");
    warnings.clear();
    auto settings = port_settings(Row(table("Port"), *port),
                                  {Row(interfaces, *e1), Row(interfaces, *e0)}, warnings);
    transact(R"([{"op":"update","table":"Open_vSwitch","where":[],
                  "row":{"bridges":["set",[]]}}])");
    return settings;
  }
  bridge::PortSettings with_keys(const std::string& pairs) {
    return bond(R"("lacp":"active","bond_mode":"balance-tcp","other_config":["map",[)" + pairs +
                "]]");
  }

  Warnings warnings;
};

TEST_F(SettingsTest, InterfacesAreListedByName) {
  const auto settings = bond("");
  ASSERT_EQ(settings.interfaces.size(), 2u);
  EXPECT_EQ(settings.interfaces[0].name, "e0");
}

TEST_F(SettingsTest, ABondWithoutModeIsActiveBackupAndSaysSo) {
  EXPECT_EQ(bond("").bond.mode, bond::Mode::active_backup);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].text,
            "port bond0: Using the default bond_mode active-backup. Note that in previous "
            "versions, the default bond_mode was balance-slb");
}

TEST_F(SettingsTest, IntegersThatAreNoneCountAsAbsent) {
  struct Row {
    const char* text;
    std::int64_t ms;
  };
  for (const Row& row : {Row{"5000", 5000}, Row{"abc", 10000}, Row{"5x", 10000}, Row{"", 10000},
                         Row{"99999999999", 10000}, Row{"0", 0}, Row{"500", 1000}, Row{"-7", 1000},
                         Row{"+2000", 2000}}) {
    SCOPED_TRACE(row.text);
    const auto settings =
        with_keys(std::string(R"(["bond-rebalance-interval",")") + row.text + "\"]");
    EXPECT_EQ(to_ms(settings.bond.rebalance_interval), row.ms);
  }
}

TEST_F(SettingsTest, NegativeDelaysAreZeroAndANegativeBasisWraps) {
  const auto settings = bond(R"("bond_updelay":-5,"bond_downdelay":70,"bond_mode":"balance-slb",
                               "other_config":["map",[["bond-hash-basis","-1"]]])");
  EXPECT_EQ(settings.bond.updelay, 0ms);
  EXPECT_EQ(settings.bond.downdelay, 70ms);
  EXPECT_EQ(settings.bond.hash_basis, 4294967295u);
}

TEST_F(SettingsTest, LacpTimeIgnoresCaseAndKnowsOnlyFast) {
  EXPECT_TRUE(with_keys(R"(["lacp-time","FAST"])").lacp->fast);
  EXPECT_FALSE(with_keys(R"(["lacp-time","1000"])").lacp->fast);
}

TEST_F(SettingsTest, PrioritiesOutOfRangeFallBackToTheDefault) {
  EXPECT_EQ(with_keys(R"(["lacp-system-priority","7"])").lacp->system_priority, 7);
  for (const char* bad : {"0", "65536", "-1", "x"}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(
        with_keys(std::string(R"(["lacp-system-priority",")") + bad + "\"]").lacp->system_priority);
  }
}

TEST_F(SettingsTest, AnUnusableSystemIdSwitchesLacpOff) {
  EXPECT_EQ(with_keys(R"(["lacp-system-id","aa:bb:cc:dd:ee:f"])").lacp->system_id,
            MacAddress::from_number(0xaabbccddee0f));
  EXPECT_FALSE(with_keys(R"(["lacp-system-id","nonsense"])").lacp);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].text, "port bond0: LACP system ID (nonsense) must be an Ethernet address.");
  EXPECT_FALSE(with_keys(R"(["lacp-system-id","00:00:00:00:00:00"])").lacp);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].text, "port bond0: Invalid zero LACP system ID.");
}

TEST_F(SettingsTest, KeysThatTheReferenceDoesNotKnowSayWhatIsWrongWithThem) {
  struct Row {
    const char* key;
    const char* value;
    std::int64_t acts;
    const char* warning;
  };
  const Row rows[] = {
      {"lacp-min-links", "2", 2, ""},
      {"lacp-min-links", "-1", 0,
       "port bond0: lacp-min-links -1 is not an integer from 0 to 255, using 0"},
      {"lacp-max-bundle", "8", 8, ""},
      {"lacp-max-bundle", "many", 0,
       "port bond0: lacp-max-bundle many is not an integer from 0 to 255, using 0"},
      {"lacp-timeout-multiplier", "10", 10, ""},
      {"lacp-timeout-multiplier", "0", 3,
       "port bond0: lacp-timeout-multiplier 0 is not an integer from 1 to 1000, using 3"},
      {"lacp-aggregate-wait", "2000", 2000, ""},
      {"lacp-aggregate-wait", "2s", 0,
       "port bond0: lacp-aggregate-wait 2s is not an integer from 0 to 3600000, using 0"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.key) + "=" + row.value);
    const auto lacp = with_keys(std::string("[\"") + row.key + "\",\"" + row.value + "\"]").lacp;
    ASSERT_TRUE(lacp);
    const std::map<std::string, std::int64_t> acting{
        {"lacp-min-links", lacp->min_links},
        {"lacp-max-bundle", lacp->max_bundle},
        {"lacp-timeout-multiplier", lacp->timeout_multiplier},
        {"lacp-aggregate-wait", to_ms(lacp->aggregate_wait)}};
    EXPECT_EQ(acting.at(row.key), row.acts);
    EXPECT_EQ(warnings.empty() ? "" : warnings.front().text, row.warning);
  }
  EXPECT_TRUE(with_keys(R"(["lacp-independent-control","True"])").lacp->independent_control);
  EXPECT_FALSE(with_keys(R"(["lacp-independent-control","1"])").lacp->independent_control);
}

TEST_F(SettingsTest, MalformedValuesOfAnyKeyLeaveTheDefault) {
  const auto defaults = with_keys("");
  for (const char* key :
       {"bond-hash-basis", "bond-rebalance-interval", "bond-miimon-interval", "lacp-time",
        "all-members-active", "lb-output-action", "lacp-fallback-ab", "lacp-system-priority",
        "lacp-min-links", "lacp-max-bundle", "lacp-timeout-multiplier", "lacp-aggregate-wait",
        "lacp-independent-control", "priority-tags"}) {
    for (const char* bad : {"", " ", "5 5", "0x10", "1e3", "--1", "99999999999999999999",
                            "-99999999999999999999", "%s%n", "\u00e4"}) {
      SCOPED_TRACE(std::string(key) + "=" + bad);
      EXPECT_EQ(with_keys(std::string("[\"") + key + "\",\"" + bad + "\"]"), defaults);
    }
  }
}

TEST_F(SettingsTest, WhatAnInterfaceCannotHaveAsItsMacIsAnError) {
  bridge::PortSettings port;
  bridge::InterfaceSettings local{.name = "br0", .mac = MacAddress::from_number(0x020000000001)};
  bridge::InterfaceSettings many{
      .name = "i1", .type = "internal", .mac = MacAddress::from_number(0x010000000001)};
  bridge::InterfaceSettings zero{.name = "i2", .type = "internal", .mac = MacAddress()};
  bridge::InterfaceSettings system{.name = "e0", .mac = MacAddress()};
  port.interfaces = {local, many, zero, system};
  bridge::BridgeSettings bridge;
  bridge.name = "br0";
  check_port(bridge, port, warnings);
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_EQ(warnings[0].text,
            "interface br0: ignoring mac in Interface record (use Bridge record to set local "
            "port's mac)");
  EXPECT_EQ(warnings[1].text, "interface i1: cannot set MAC to multicast address");
  EXPECT_EQ(warnings[2].text, "interface i2: cannot set MAC to all zero address");
  for (const Warning& warning : warnings) EXPECT_EQ(warning.kind, Warning::Kind::error);
}

TEST_F(SettingsTest, ASwitchThatDoesNotKnowTheLayoutSaysSo) {
  for (const auto& [value, layout, warned] :
       {std::tuple("3.1", bond::Layout::v3_1, false), std::tuple("2.0", bond::Layout::v2_0, false),
        std::tuple("1.4", bond::Layout::v1_4, false),
        std::tuple("2.5", bond::Layout::v3_1, true)}) {
    SCOPED_TRACE(value);
    transact(std::string(R"([{"op":"update","table":"Open_vSwitch","where":[],
                 "row":{"other_config":["map",[["appctl-format",")") +
             value + R"("]]]}}])");
    warnings.clear();
    const auto& [uuid, found] = *database.rows(table("Open_vSwitch")).begin();
    EXPECT_EQ(switch_settings(Row(table("Open_vSwitch"), *found), warnings).layout, layout);
    EXPECT_EQ(!warnings.empty(), warned);
  }
}

TEST_F(SettingsTest, NoVlanModeMeansAccessWithATagAndTrunkWithout) {
  const auto access = bond(R"("tag":10,"trunks":["set",[1,2]])");
  EXPECT_EQ(access.vlan.mode, bridge::VlanMode::access);
  EXPECT_EQ(access.vlan.tag.number(), 10);
  EXPECT_EQ(warnings.front().text, "port bond0: ignoring trunks in favor of implicit vlan");
  const auto trunk = bond(R"("trunks":["set",[1,2]])");
  EXPECT_EQ(trunk.vlan.mode, bridge::VlanMode::trunk);
  EXPECT_TRUE(trunk.vlan.trunks.contains(VlanId::from(2).value()));
  EXPECT_FALSE(trunk.vlan.trunks.contains(VlanId()));
}

// A port without a tag has native VLAN 0, which does not make its trunks carry it: so the
// reference.
TEST_F(SettingsTest, NativeVlanZeroLeavesTheTrunksAsTheyAre) {
  const auto settings = bond(R"("vlan_mode":"native-tagged","trunks":["set",[10,20]])");
  EXPECT_FALSE(settings.vlan.carries(VlanId()));
  EXPECT_TRUE(
      bond(R"("vlan_mode":"native-untagged","trunks":["set",[0,10]])").vlan.carries(VlanId()));
}

TEST_F(SettingsTest, NativeTrunksHoldTheNativeVlanAndNotZero) {
  const auto settings = bond(R"("vlan_mode":"native-tagged","tag":10)");
  EXPECT_TRUE(settings.vlan.trunks.contains(VlanId::from(10).value()));
  EXPECT_TRUE(settings.vlan.trunks.contains(VlanId::from(4095).value()));
  EXPECT_FALSE(settings.vlan.trunks.contains(VlanId()));
}

TEST_F(SettingsTest, WhatTheModeDoesNotUseChangesNoVlanRules) {
  EXPECT_EQ(bond(R"("vlan_mode":"trunk","tag":10)").vlan, bond(R"("vlan_mode":"trunk")").vlan);
}

TEST_F(SettingsTest, BridgeLimitsAreKept) {
  add_bridge(R"(,"other_config":["map",[["mac-aging-time","5"],["mac-table-size","3"],
                 ["hwaddr","00:11:22:33:44:55"]]],"fail_mode":"secure")");
  const db::RowPtr br0 = row("Bridge", "br0");
  const auto settings = bridge_settings(Row(table("Bridge"), *br0), warnings);
  EXPECT_EQ(settings.mac_ageing, 15s);
  EXPECT_EQ(settings.mac_table_size, 10u);
  EXPECT_EQ(settings.hwaddr, MacAddress::from_number(0x001122334455));
  EXPECT_TRUE(settings.secure);
}

TEST_F(SettingsTest, TimesOfTheRapidTreeOutOfRangeAreNone) {  // IEEE 802.1D-2004, Table 17-1
  add_bridge(R"(,"rstp_enable":true,"stp_enable":true,"other_config":["map",[
                 ["rstp-max-age","41"],["rstp-forward-delay","4"],["rstp-address","x"]]])");
  const db::RowPtr br0 = row("Bridge", "br0");
  const auto settings = bridge_settings(Row(table("Bridge"), *br0), warnings);
  ASSERT_TRUE(settings.rstp);
  EXPECT_FALSE(settings.stp);
  EXPECT_EQ(settings.rstp->max_age, std::nullopt);
  EXPECT_EQ(settings.rstp->forward_delay, 4s);
  EXPECT_TRUE(settings.rstp->has_bad_address);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].text,
            "br0: RSTP and STP are mutually exclusive but both are configured; enabling RSTP");
}

TEST_F(SettingsTest, SaysWhyAPortIsNotInTheSpanningTree) {
  bridge::BridgeSettings on;
  on.rstp.emplace();
  bridge::PortSettings port;
  port.name = "p";
  port.interfaces.resize(1);
  const auto complaint = [&] {
    warnings.clear();
    check_port(on, port, warnings);
    return warnings.empty() ? "" : warnings[0].text;
  };
  EXPECT_EQ(complaint(), "");
  port.rstp.number = 0;
  EXPECT_EQ(complaint(), "port p: invalid rstp-port-num");
  port.interfaces.resize(2);
  EXPECT_EQ(complaint(), "port p: cannot enable RSTP on bonds, disabling");
  port.rstp.enabled = false;
  EXPECT_EQ(complaint(), "");
  on.rstp.reset();
  on.stp.emplace();
  EXPECT_EQ(complaint(), "port p: cannot enable STP on bonds, disabling");
  port.interfaces.resize(1);
  EXPECT_EQ(complaint(), "");
  port.stp.number = 0;
  EXPECT_EQ(complaint(), "port p: invalid stp-port-num");
}

TEST_F(SettingsTest, NumbersOfASpanningTreePortKeepTheirLowestBits) {
  struct Case {
    const char* value;
    int number, priority, cost;
  };
  for (const Case& port : {Case{"7", 7, 7, 7}, Case{"256", 0, 0, 256}, Case{"70000", 0, 112, 4464},
                           Case{"-1", 0, 255, 65535}, Case{"x", 0, 0, 0}}) {
    SCOPED_TRACE(port.value);
    const std::string value = std::string("\"") + port.value + "\"]";
    const bridge::StpPortSettings settings =
        with_keys("[\"stp-port-num\"," + value + ",[\"stp-port-priority\"," + value +
                  ",[\"stp-path-cost\"," + value)
            .stp;
    EXPECT_EQ(settings.number, port.number);
    EXPECT_EQ(settings.priority, port.priority);
    EXPECT_EQ(settings.path_cost, port.cost);
  }
}

TEST_F(SettingsTest, ABridgeRefusesAnAddressThatNobodyCanHave) {
  for (const auto& [address, what] :
       {std::pair("01:00:00:00:00:01", "multicast address 01:00:00:00:00:01"),
        std::pair("00:00:00:00:00:00", "zero")}) {
    add_bridge(std::string(R"(,"other_config":["map",[["hwaddr",")") + address + "\"]]]");
    warnings.clear();
    const db::RowPtr br0 = row("Bridge", "br0");
    EXPECT_FALSE(bridge_settings(Row(table("Bridge"), *br0), warnings).hwaddr);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].text, std::string("bridge br0: cannot set MAC address to ") + what);
    transact(R"([{"op":"update","table":"Open_vSwitch","where":[],
                  "row":{"bridges":["set",[]]}}])");
  }
}

}  // namespace
}  // namespace bondway::config
