#include "vswitchd/config/settings.hpp"

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
    auto settings = port_settings(
        Row(table("Port"), *port), {Row(interfaces, *e1), Row(interfaces, *e0)}, warnings);
    transact(R"([{"op":"update","table":"Open_vSwitch","where":[],
                  "row":{"bridges":["set",[]]}}])");
    return settings;
  }
  bridge::PortSettings with_keys(const std::string& pairs) {
    return bond(R"("lacp":"active","bond_mode":"balance-tcp","other_config":["map",[)" + pairs + "]]");
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
  EXPECT_EQ(warnings[0],
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
    EXPECT_FALSE(with_keys(std::string(R"(["lacp-system-priority",")") + bad + "\"]")
                     .lacp->system_priority);
  }
}

TEST_F(SettingsTest, AnUnusableSystemIdSwitchesLacpOff) {
  EXPECT_EQ(with_keys(R"(["lacp-system-id","aa:bb:cc:dd:ee:f"])").lacp->system_id,
            MacAddress::from_number(0xaabbccddee0f));
  EXPECT_FALSE(with_keys(R"(["lacp-system-id","nonsense"])").lacp);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "port bond0: LACP system ID (nonsense) must be an Ethernet address.");
  EXPECT_FALSE(with_keys(R"(["lacp-system-id","00:00:00:00:00:00"])").lacp);
}

TEST_F(SettingsTest, NoVlanModeMeansAccessWithATagAndTrunkWithout) {
  const auto access = bond(R"("tag":10,"trunks":["set",[1,2]])");
  EXPECT_EQ(access.vlan.mode, bridge::VlanMode::access);
  EXPECT_EQ(access.vlan.tag.number(), 10);
  EXPECT_EQ(warnings.front(), "port bond0: ignoring trunks in favor of implicit vlan_mode");
  const auto trunk = bond(R"("trunks":["set",[1,2]])");
  EXPECT_EQ(trunk.vlan.mode, bridge::VlanMode::trunk);
  EXPECT_TRUE(trunk.vlan.trunks.contains(VlanId::from(2).value()));
  EXPECT_FALSE(trunk.vlan.trunks.contains(VlanId()));
}

TEST_F(SettingsTest, NativeTrunksHoldTheNativeVlanAndNotZero) {
  const auto settings = bond(R"("vlan_mode":"native-tagged","tag":10)");
  EXPECT_TRUE(settings.vlan.trunks.contains(VlanId::from(10).value()));
  EXPECT_TRUE(settings.vlan.trunks.contains(VlanId::from(4095).value()));
  EXPECT_FALSE(settings.vlan.trunks.contains(VlanId()));
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

}  // namespace
}  // namespace bondway::config
