#include "vswitchd/bond/output_table.hpp"

#include <gtest/gtest.h>

namespace bondway::bond {
namespace {

constexpr MemberIndex kFirst{0}, kSecond{1};
const MacAddress kHost = MacAddress::from_number(0x505400000001);
const MacAddress kOther = MacAddress::from_number(0x505400000002);

/// Two enabled members of which the first is active; buckets alternate.
OutputTable table(OutputTable::Spread spread, Mode mode, LacpStatus lacp = LacpStatus::off) {
  OutputTable table;
  table.spread = spread;
  table.mode = mode;
  table.lacp_status = lacp;
  table.active = kFirst;
  table.members = {{MemberId{10}, true, true}, {MemberId{20}, true, true}};
  for (std::size_t i = 0; i < kBucketCount; ++i) table.buckets[i] = i % 2 == 0 ? kFirst : kSecond;
  return table;
}

OutputTable active_backup() {
  return table(OutputTable::Spread::active_member, Mode::active_backup);
}
OutputTable slb() { return table(OutputTable::Spread::slb_buckets, Mode::balance_slb); }
OutputTable tcp() {
  return table(OutputTable::Spread::tcp_buckets, Mode::balance_tcp, LacpStatus::negotiated);
}
OutputTable dropping() { return table(OutputTable::Spread::drop, Mode::balance_tcp); }

Headers frame(MacAddress destination = kOther) {
  Headers headers;
  headers.source = kHost;
  headers.destination = destination;
  return headers;
}

Headers gratuitous_arp() {
  Headers headers = frame(kBroadcastMac);
  headers.gratuitous_arp = true;
  return headers;
}

TEST(Choose, SendsThroughTheActiveMemberOfAnActiveBackupBond) {
  EXPECT_EQ(choose(active_backup(), frame(), {}), (Output{kFirst, std::nullopt}));
}

TEST(Choose, SendsNothingWithoutAnActiveMember) {
  OutputTable bond = active_backup();
  bond.active = kNoMember;
  EXPECT_EQ(choose(bond, frame(), {}), std::nullopt);
}

TEST(Choose, SendsNothingThroughABondThatDrops) {
  EXPECT_EQ(choose(dropping(), frame(), {}), std::nullopt);
}

TEST(Choose, HashesTheSourceAndTheVlanOnTheWireInSlb) {
  const VlanId vlan = VlanId::from(10).value();
  EXPECT_EQ(choose(slb(), frame(), {}), (Output{kFirst, Bucket{144}}));
  const Bucket tagged = slb_bucket(kHost, 10, 0);
  EXPECT_EQ(choose(slb(), frame(), vlan)->bucket, tagged);
  EXPECT_EQ(choose(slb(), frame(kBroadcastMac), {}), choose(slb(), frame(), {}));
}

TEST(Choose, IgnoresMacAddressesAndVlansInTcp) {
  Headers other = frame();
  other.source = kOther;
  EXPECT_EQ(choose(tcp(), frame(), {}), choose(tcp(), other, VlanId::from(10).value()));
  EXPECT_EQ(choose(tcp(), frame(), {})->bucket, tcp_bucket({}, 0));
}

TEST(Choose, NeverSendsThroughADisabledMember) {
  OutputTable bond = slb();
  bond.members[0].enabled = false;
  EXPECT_EQ(choose(bond, frame(), {}), std::nullopt);
}

TEST(Admit, FollowsTheRulesInTheirOrder) {
  constexpr auto accept = Admission::accept, drop = Admission::drop,
                 ask = Admission::accept_unless_reflected;
  const OutputTable negotiated_slb =
      table(OutputTable::Spread::slb_buckets, Mode::balance_slb, LacpStatus::negotiated);
  const OutputTable negotiated_backup =
      table(OutputTable::Spread::active_member, Mode::active_backup, LacpStatus::negotiated);
  const OutputTable fallback_slb =
      table(OutputTable::Spread::active_member, Mode::balance_slb, LacpStatus::configured);
  const OutputTable fallback_tcp =
      table(OutputTable::Spread::active_member, Mode::balance_tcp, LacpStatus::configured);
  OutputTable disabled = tcp();
  disabled.members[1].enabled = false;
  OutputTable down = disabled;
  down.members[1].may_enable = false;
  OutputTable all_active = slb();
  all_active.all_members_active = true;

  struct Row {
    const char* what;
    OutputTable bond;
    Admission unicast_first, unicast_second, broadcast_first, broadcast_second;
  };
  const Row rows[] = {
      {"active-backup", active_backup(), accept, drop, accept, drop},
      {"slb", slb(), ask, ask, ask, drop},
      {"slb, all members active", all_active, ask, ask, ask, ask},
      {"dropping", dropping(), drop, drop, drop, drop},
      {"negotiated: any mode, any member", negotiated_backup, accept, accept, accept, accept},
      {"negotiated slb: no reflection check", negotiated_slb, accept, accept, accept, accept},
      {"negotiated tcp", tcp(), accept, accept, accept, accept},
      {"negotiated, not yet enabled", disabled, accept, accept, accept, accept},
      {"negotiated, neither enabled nor able", down, accept, drop, accept, drop},
      {"fallback slb", fallback_slb, ask, ask, ask, drop},
      {"fallback tcp", fallback_tcp, accept, drop, accept, drop},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_EQ(admit(row.bond, kFirst, frame()), row.unicast_first);
    EXPECT_EQ(admit(row.bond, kSecond, frame()), row.unicast_second);
    EXPECT_EQ(admit(row.bond, kFirst, frame(kBroadcastMac)), row.broadcast_first);
    EXPECT_EQ(admit(row.bond, kSecond, frame(kBroadcastMac)), row.broadcast_second);
    EXPECT_EQ(admit(row.bond, MemberIndex{2}, frame()), drop);
    EXPECT_EQ(admit(row.bond, kNoMember, frame()), drop);
  }
}

TEST(Reflection, IsAFrameWhoseSourceIsKnownOnAnotherPort) {
  EXPECT_FALSE(is_reflected(frame(), {.known_elsewhere = false}));
  EXPECT_TRUE(is_reflected(frame(), {.known_elsewhere = true}));
}

TEST(Reflection, DoesNotStopAStationThatAnnouncesItsMove) {
  EXPECT_FALSE(is_reflected(gratuitous_arp(), {.known_elsewhere = true}));
  EXPECT_TRUE(is_reflected(gratuitous_arp(), {.known_elsewhere = true, .locked = true}));
  EXPECT_FALSE(is_reflected(gratuitous_arp(), {.known_elsewhere = false, .locked = true}));
}

TEST(LearningFrame, IsAReverseArpRequestOf42Octets) {  // RFC 903
  const std::vector<std::uint8_t> expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x50, 0x54, 0, 0, 0, 1, 0x80, 0x35,  //
      0,    1,    8,    0,    6,    4,    0,    3,                             //
      0x50, 0x54, 0,    0,    0,    1,    0,    0,    0, 0,                    //
      0x50, 0x54, 0,    0,    0,    1,    0,    0,    0, 0};
  EXPECT_EQ(learning_frame({kHost, {}}).octets, expected);
}

TEST(LearningFrame, CarriesTheVlanOfTheEntryAsATag) {
  const Frame tagged = learning_frame({kHost, VlanId::from(0x123).value()});
  Frame expected = learning_frame({kHost, {}});
  const std::uint8_t tag[] = {0x81, 0x00, 0x01, 0x23};
  expected.octets.insert(expected.octets.begin() + 12, std::begin(tag), std::end(tag));
  EXPECT_EQ(tagged, expected);
  EXPECT_EQ(tagged.octets.size(), 46U);
}

TEST(LearningPackets, LeaveThroughTheMemberThatCarriesTheAddress) {
  const Address addresses[] = {{kHost, {}}, {kOther, VlanId::from(10).value()}};
  const auto packets = learning_packets(slb(), addresses);
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0], (LearningPacket{kFirst, Bucket{144}, learning_frame(addresses[0])}));
  const Bucket bucket = slb_bucket(kOther, 10, 0);
  EXPECT_EQ(packets[1].bucket, bucket);
  EXPECT_EQ(packets[1].member, bucket % 2 == 0 ? kFirst : kSecond);
}

TEST(LearningPackets, AreNotSentByABondThatDrops) {
  const Address addresses[] = {{kHost, {}}};
  EXPECT_TRUE(learning_packets(dropping(), addresses).empty());
}

TEST(OutputTable, FindsAMemberByItsHandle) {
  EXPECT_EQ(slb().index_of(MemberId{20}), kSecond);
  EXPECT_EQ(slb().index_of(MemberId{30}), std::nullopt);
  EXPECT_EQ(slb().find(kNoMember), nullptr);
}

}  // namespace
}  // namespace bondway::bond
