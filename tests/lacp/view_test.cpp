#include "vswitchd/lacp/view.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/samples.hpp"

namespace bondway::lacp {
namespace {

LagView sample() {
  MemberView e0{.name = "e0",
                .status = MemberStatus::current,
                .attached = true,
                .may_enable = true,
                .actor = our_port(),
                .partner = their_port()};
  e0.counters = {.tx_pdus = 3,
                 .rx_pdus = 9,
                 .rx_bad_pdus = 2,
                 .rx_markers = 1,
                 .link_expired = 4,
                 .link_defaulted = 5,
                 .carrier_changed = 6};
  return {.name = "bond0",
          .activity = Activity::active,
          .negotiated = true,
          .system_id = kOurSystem,
          .system_priority = 65534,
          .key = 1,
          .time = LacpTime::fast,
          .members = {e0, MemberView{.name = "e1"}}};
}

constexpr const char* kCurrentLayout = R"(---- bond0 ----
  status: active negotiated
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: 1
  lacp_time: fast

member: e0: current attached
  port_id: 1
  port_priority: 65535
  may_enable: true

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity aggregation synchronized

  partner sys_id: 02:00:00:00:00:01
  partner sys_priority: 65534
  partner port_id: 11
  partner port_priority: 65535
  partner key: 7
  partner state: activity aggregation synchronized

member: e1: defaulted detached
  port_id: 0
  port_priority: 0
  may_enable: false

  actor sys_id: 00:00:00:00:00:00
  actor sys_priority: 0
  actor port_id: 0
  actor port_priority: 0
  actor key: 0
  actor state:

  partner sys_id: 00:00:00:00:00:00
  partner sys_priority: 0
  partner port_id: 0
  partner port_priority: 0
  partner key: 0
  partner state:
)";

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

TEST(LagView, IsWrittenAsTodaysScriptsExpect) { EXPECT_EQ(to_text(sample()), kCurrentLayout); }

TEST(LagView, IsWrittenWithSlavesAndTabsForOlderScripts) {
  std::string expected = replace_all(kCurrentLayout, "  ", "\t");
  expected = replace_all(expected, "member:", "slave:");
  EXPECT_EQ(to_text(sample(), Layout::v2_0), expected);
}

TEST(LagView, IsWrittenWithoutMayEnableForTheOldestScripts) {
  std::string expected = replace_all(kCurrentLayout, "  ", "\t");
  expected = replace_all(expected, "member:", "slave:");
  expected = replace_all(expected, "\tmay_enable: true\n", "");
  expected = replace_all(expected, "\tmay_enable: false\n", "");
  EXPECT_EQ(to_text(sample(), Layout::v1_4), expected);
}

TEST(LagView, ShowsTheCounters) {
  EXPECT_EQ(stats_to_text(sample()), R"(---- bond0 statistics ----

member: e0:
  TX PDUs: 3
  RX PDUs: 9
  RX Bad PDUs: 2
  RX Marker Request PDUs: 1
  Link Expired: 4
  Link Defaulted: 5
  Carrier Status Changed: 6

member: e1:
  TX PDUs: 0
  RX PDUs: 0
  RX Bad PDUs: 0
  RX Marker Request PDUs: 0
  Link Expired: 0
  Link Defaulted: 0
  Carrier Status Changed: 0
)");
}

}  // namespace
}  // namespace bondway::lacp
