#include "vswitchd/bond/view.hpp"

#include <gmock/gmock.h>

namespace bondway::bond {
namespace {

MacAddress mac(std::uint64_t number) { return MacAddress::from_number(number); }

BondView backup() {
  BondView bond;
  bond.name = "bond0";
  bond.active_mac = mac(0xaa55aa550011);
  bond.members = {{"e0", mac(0xaa55aa55000f), true, false, true, std::nullopt, {}},
                  {"e1", mac(0xaa55aa550010), true, false, false, 1400ms, {}},
                  {"e2", mac(0xaa55aa550011), true, true, true, std::nullopt, {}}};
  return bond;
}

BondView balanced(Mode mode) {
  BondView bond;
  bond.name = "bond1";
  bond.mode = mode;
  bond.recirculation_id = 3;
  bond.may_recirculate = mode == Mode::balance_tcp;
  bond.hash_basis = 4294967295;
  bond.updelay = 100ms;
  bond.next_rebalance = 6415ms;
  bond.lacp_status = LacpStatus::negotiated;
  bond.active_mac = mac(0xaa55aa550011);
  bond.members = {
      {"eth4", mac(0xaa55aa550011), true, true, true, std::nullopt, {{12, 1023}, {200, 112000}}},
      {"eth5", mac(0xaa55aa550012), false, false, true, 99ms, {}}};
  return bond;
}

TEST(BondShow, PrintsAnActiveBackupBond) {  // output of the reference
  EXPECT_EQ(show(backup()),
            "---- bond0 ----\n"
            "bond_mode: active-backup\n"
            "bond may use recirculation: no, Recirc-ID : -1\n"
            "bond-hash-basis: 0\n"
            "lb_output action: disabled, bond-id: -1\n"
            "updelay: 0 ms\n"
            "downdelay: 0 ms\n"
            "lacp_status: off\n"
            "lacp_fallback_ab: false\n"
            "active-backup primary: <none>\n"
            "active member mac: aa:55:aa:55:00:11(e2)\n"
            "\n"
            "member e0: enabled\n"
            "  may_enable: true\n"
            "\n"
            "member e1: enabled\n"
            "  downdelay expires in 1400 ms\n"
            "  may_enable: false\n"
            "\n"
            "member e2: enabled\n"
            "  active member\n"
            "  may_enable: true\n"
            "\n");
}

TEST(BondShow, PrintsABalanceTcpBond) {
  EXPECT_EQ(show(balanced(Mode::balance_tcp)),
            "---- bond1 ----\n"
            "bond_mode: balance-tcp\n"
            "bond may use recirculation: yes, Recirc-ID : 3\n"
            "bond-hash-basis: 4294967295\n"
            "lb_output action: disabled, bond-id: -1\n"
            "updelay: 100 ms\n"
            "downdelay: 0 ms\n"
            "next rebalance: 6415 ms\n"
            "lacp_status: negotiated\n"
            "lacp_fallback_ab: false\n"
            "active-backup primary: <none>\n"
            "active member mac: aa:55:aa:55:00:11(eth4)\n"
            "\n"
            "member eth4: enabled\n"
            "  active member\n"
            "  may_enable: true\n"
            "  hash 200: 109 kB load\n"
            "\n"
            "member eth5: disabled\n"
            "  updelay expires in 99 ms\n"
            "  may_enable: true\n"
            "\n");
}

TEST(BondShow, PrintsWhatOnlySomeBondsHave) {
  using testing::HasSubstr;
  BondView slb = balanced(Mode::balance_slb);
  EXPECT_THAT(show(slb), HasSubstr("recirculation: no, Recirc-ID : -1\n"));
  EXPECT_THAT(show(slb), HasSubstr("bond-id: -1\nall members active: false\nupdelay"));
  slb.all_members_active = true;
  slb.next_rebalance = -250ms;
  slb.primary = "zzz";
  slb.lacp_fallback_ab = true;
  EXPECT_THAT(show(slb), HasSubstr("all members active: true\n"));
  EXPECT_THAT(show(slb), HasSubstr("next rebalance: -250 ms\n"));
  EXPECT_THAT(show(slb), HasSubstr("lacp_fallback_ab: true\n"));
  EXPECT_THAT(show(slb), HasSubstr("active-backup primary: zzz (no such member)\n"));
  slb.primary = "eth5";
  EXPECT_THAT(show(slb), HasSubstr("active-backup primary: eth5\n"));
  BondView tcp = balanced(Mode::balance_tcp);
  tcp.lb_output = true;
  EXPECT_THAT(show(tcp), HasSubstr("lb_output action: enabled, bond-id: 3\n"));
}

TEST(BondShow, SaysThatNoMemberIsActive) {
  BondView bond = backup();
  bond.active_mac = {};
  bond.members[2].active = false;
  EXPECT_THAT(show(bond), testing::HasSubstr("active member mac: 00:00:00:00:00:00(none)\n"));
}

TEST(BondShow, PrintsTheLayoutOfRelease2_0) {
  EXPECT_EQ(show(balanced(Mode::balance_slb), Layout::v2_0),
            "---- bond1 ----\n"
            "bond_mode: balance-slb\n"
            "bond-hash-basis: 4294967295\n"
            "updelay: 100 ms\n"
            "downdelay: 0 ms\n"
            "next rebalance: 6415 ms\n"
            "lacp_status: negotiated\n"
            "\n"
            "slave eth4: enabled\n"
            "\tactive slave\n"
            "\tmay_enable: true\n"
            "\thash 12: 0 kB load\n"
            "\thash 200: 109 kB load\n"
            "\n"
            "slave eth5: disabled\n"
            "\tupdelay expires in 99 ms\n"
            "\tmay_enable: true\n"
            "\n");
}

TEST(BondShow, PrintsTheLayoutOfRelease1_4) {
  EXPECT_EQ(show(balanced(Mode::balance_slb), Layout::v1_4),
            "bond_mode: balance-slb\n"
            "bond-hash-algorithm: balance-slb\n"
            "bond-hash-basis: 4294967295\n"
            "updelay: 100 ms\n"
            "downdelay: 0 ms\n"
            "next rebalance: 6415 ms\n"
            "lacp_negotiated: true\n"
            "\n"
            "slave eth4: enabled\n"
            "\tactive slave\n"
            "\tmay_enable: true\n"
            "\thash 12: 0 kB load\n"
            "\thash 200: 109 kB load\n"
            "\n"
            "slave eth5: disabled\n"
            "\tupdelay expires in 99 ms\n"
            "\tmay_enable: true\n");
  EXPECT_EQ(show(backup(), Layout::v1_4).substr(0, 48),
            "bond_mode: active-backup\nbond-hash-basis: 0\nupde");
}

TEST(BondList, PrintsALineForEachBond) {
  const BondView bonds[] = {balanced(Mode::balance_tcp), backup()};
  EXPECT_EQ(list(bonds),
            "bond\ttype\trecircID\tmembers\n"
            "bond1\tbalance-tcp\t3\teth4, eth5\n"
            "bond0\tactive-backup\t0\te0, e1, e2\n");
  EXPECT_EQ(list(bonds, Layout::v2_0),
            "bond\ttype\tslaves\n"
            "bond1\tbalance-tcp\teth4, eth5\n"
            "bond0\tactive-backup\te0, e1, e2\n");
}

TEST(BondList, PrintsItsHeaderAlsoWithoutBonds) {
  EXPECT_EQ(list({}), "bond\ttype\trecircID\tmembers\n");
}

TEST(BondHash, ReadsItsArgumentsLeniently) {
  struct Row {
    const char* mac;
    std::optional<std::string_view> vlan, basis;
    const char* answer;
  };
  const Row rows[] = {
      {"00:11:22:33:44:55", {}, {}, "226"},
      {"00:11:22:33:44:55", "10", {}, "69"},
      {"00:11:22:33:44:55", " 10x", "7", "182"},
      {"00:11:22:33:44:55", "-1", {}, "91"},
      {"00:11:22:33:44:55", "0", "-1", "233"},
      {"00:11:22:33:44:55", "70000", {}, "138"},
      {"0:0:0:0:0:1", {}, {}, "68"},
      {"zz", "x", "y", "error: invalid vlan"},
      {"zz", "1", "y", "error: invalid basis"},
      {"zz", "1", "1", "error: invalid mac"},
      {"zz", "", {}, "error: invalid vlan"},
      {"zz", "-", {}, "error: invalid vlan"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.answer);
    const auto answer = hash_command(row.mac, row.vlan, row.basis);
    EXPECT_EQ(answer ? *answer : "error: " + answer.error().message, row.answer);
  }
}

}  // namespace
}  // namespace bondway::bond
