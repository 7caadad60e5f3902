#include "vswitchd/config/reconcile.hpp"

#include "tests/config/rows.hpp"

namespace bondway::config {
namespace {

std::string describe(const Step& step) {
  struct Describe {
    std::string operator()(const AddBridge& s) { return "add bridge " + s.settings.name; }
    std::string operator()(const ChangeBridge& s) { return "change bridge " + s.settings.name; }
    std::string operator()(const RemoveBridge&) { return "remove bridge"; }
    std::string operator()(const AddPort& s) { return "add port " + s.settings.name; }
    std::string operator()(const ChangePort& s) { return "change port " + s.settings.name; }
    std::string operator()(const RemovePort&) { return "remove port"; }
    std::string operator()(const ChangeSwitch&) { return "change switch"; }
    std::string operator()(const Warn&) { return "warn"; }
  };
  return std::visit(Describe(), step);
}

class ReconcileTest : public RowsTest {
 protected:
  using Words = std::vector<std::string>;

  /// What the changes since the last call make the switch do.
  Words steps() {
    Words words;
    for (const Step& step : reconciler.apply(std::exchange(changes, {}))) {
      words.push_back(describe(step));
    }
    return words;
  }

  db::Changes changes;
  db::Subscription subscription = database.observe(
      [this](const db::Changes& more) { changes.insert(changes.end(), more.begin(), more.end()); });
  Reconciler reconciler{database};
};

TEST_F(ReconcileTest, OnlyWhatChangedIsDone) {
  add_bridge();
  EXPECT_EQ(steps(), (Words{"add bridge br0", "change switch"}));
  add_port("p1", {"p1"});
  EXPECT_EQ(steps(), (Words{"add port p1"}));
  add_port("bond0", {"e0", "e1"}, R"(,"bond_mode":"balance-slb")");
  EXPECT_EQ(steps(), (Words{"add port bond0"}));
  transact(R"([{"op":"update","table":"Port","where":[["name","==","bond0"]],
                "row":{"lacp":"active"}}])");
  EXPECT_EQ(steps(), (Words{"change port bond0"}));
  transact(R"([{"op":"update","table":"Interface","where":[["name","==","e1"]],
                "row":{"type":"patch"}}])");
  EXPECT_EQ(steps(), (Words{"change port bond0"}));
}

TEST_F(ReconcileTest, StatusColumnsAreNobodysBusiness) {
  add_bridge();
  add_port("p1", {"p1"});
  steps();
  transact(R"([{"op":"update","table":"Interface","where":[["name","==","p1"]],
                "row":{"link_state":"up","ofport":1,"external_ids":["map",[["a","b"]]]}},
               {"op":"update","table":"Port","where":[["name","==","p1"]],
                "row":{"bond_active_slave":"00:00:00:00:00:01"}}])");
  EXPECT_EQ(steps(), Words{});
}

TEST_F(ReconcileTest, AWarningIsGivenOnceAlsoWhenTheDefaultGoesOnActing) {
  add_bridge();
  add_port("p1", {"p1"});
  steps();
  transact(R"([{"op":"update","table":"Port","where":[["name","==","p1"]],
                "row":{"other_config":["map",[["bond-detect-mode","guess"]]]}}])");
  EXPECT_EQ(steps(), Words{"warn"});
  transact(R"([{"op":"update","table":"Port","where":[["name","==","p1"]],
                "row":{"other_config":["map",[["bond-detect-mode","guess"],["a","b"]]]}}])");
  EXPECT_EQ(steps(), Words{});
}

TEST_F(ReconcileTest, FloodVlansConcernBondsThatBalanceBySource) {
  add_bridge();
  add_port("bond0", {"e0", "e1"}, R"(,"bond_mode":"balance-slb")");
  add_port("bond1", {"e2", "e3"}, R"(,"bond_mode":"balance-tcp")");
  steps();
  transact(R"([{"op":"update","table":"Bridge","where":[["name","==","br0"]],
                "row":{"flood_vlans":5}}])");
  EXPECT_EQ(steps(), (Words{"change bridge br0", "warn"}));
}

TEST_F(ReconcileTest, NextCfgIsReportedLast) {
  transact(R"([{"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"br0"}},
               {"op":"mutate","table":"Open_vSwitch","where":[],
                "mutations":[["bridges","insert",["named-uuid","b"]],["next_cfg","+=",1]]}])");
  EXPECT_EQ(steps(), (Words{"add bridge br0", "change switch"}));
  transact(R"([{"op":"mutate","table":"Open_vSwitch","where":[],
                "mutations":[["next_cfg","+=",1]]}])");
  EXPECT_EQ(steps(), (Words{"change switch"}));
}

TEST_F(ReconcileTest, RemovalsComeFirst) {
  add_bridge();
  add_port("p1", {"p1"});
  steps();
  transact(R"([{"op":"update","table":"Bridge","where":[["name","==","br0"]],
                "row":{"ports":["set",[]]}}])");
  EXPECT_EQ(steps(), (Words{"remove port"}));
  add_port("p2", {"p2"});
  steps();
  transact(R"([{"op":"update","table":"Open_vSwitch","where":[],
                "row":{"bridges":["set",[]]}}])");
  EXPECT_EQ(steps(), (Words{"remove port", "remove bridge"}));
}

TEST_F(ReconcileTest, AMirrorIsPartOfItsBridge) {
  add_bridge();
  add_port("p1", {"p1"});
  steps();
  transact(R"([{"op":"insert","table":"Mirror","uuid-name":"m",
                "row":{"name":"m0","select_all":true,"output_vlan":30}},
               {"op":"update","table":"Bridge","where":[["name","==","br0"]],
                "row":{"mirrors":["named-uuid","m"]}}])");
  EXPECT_EQ(steps(), (Words{"change bridge br0"}));
  transact(R"([{"op":"update","table":"Mirror","where":[],"row":{"snaplen":64}}])");
  EXPECT_EQ(steps(), (Words{"change bridge br0"}));
  transact(R"([{"op":"update","table":"Mirror","where":[],
                "row":{"statistics":["map",[["tx_packets",1]]]}}])");
  EXPECT_EQ(steps(), Words{}) << "what the daemon reports";
}

TEST_F(ReconcileTest, PortsWithANumberOfTheirOwnComeBeforeTheOthers) {
  add_bridge();
  add_port("a", {"a"});
  add_port("b", {"b"});
  transact(R"([{"op":"update","table":"Interface","where":[["name","==","b"]],
                "row":{"ofport_request":1}}])");
  Words words;
  for (const Step& step : Reconciler(database).start()) words.push_back(describe(step));
  EXPECT_EQ(words, (Words{"add bridge br0", "add port b", "add port a", "change switch"}));
}

TEST_F(ReconcileTest, EveryStepOfAStartIsOneOfTheConfiguration) {
  add_bridge();
  add_port("p1", {"p1"});
  Reconciler fresh(database);
  EXPECT_EQ(fresh.start().size(), 3u);
  EXPECT_TRUE(fresh.apply({}).empty());
}

}  // namespace
}  // namespace bondway::config
