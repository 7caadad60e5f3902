// What a person is told about settings that will not do what they say.

#include "ctl/advice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bondway::ctl {
namespace {

struct Case {
  std::string_view table, key, value, advice;  ///< no advice: empty
};

// ovs-vswitchd.conf.db(5), and what vswitchd/config makes of it.
constexpr Case kCases[] = {
    {"Port", "lacp-time", "fast", ""},
    {"Port", "lacp-time", "FAST", ""},
    {"Port", "lacp-time", "quick", "lacp-time=quick will act as slow"},
    {"Port", "lacp-tme", "fast",
     "other_config:lacp-tme is not a key of Port; did you mean lacp-time?"},
    {"Port", "mac-aging-time", "5", "other_config:mac-aging-time is not a key of Port"},
    {"Port", "zzz", "5", "other_config:zzz is not a key of Port"},
    {"Port", "bond-rebalance-interval", "0", ""},
    {"Port", "bond-rebalance-interval", "500", "bond-rebalance-interval=500 will act as 1000"},
    {"Port", "bond-rebalance-interval", "-1", "bond-rebalance-interval=-1 will act as 1000"},
    {"Port", "bond-rebalance-interval", "1s", "bond-rebalance-interval=1s will act as 10000"},
    {"Port", "bond-rebalance-interval", "+1500", ""},
    {"Port", "bond-detect-mode", "Carrier", "bond-detect-mode=Carrier will act as carrier"},
    {"Port", "lacp-system-priority", "65536", "lacp-system-priority=65536 will act as the default"},
    {"Port", "lacp-min-links", "256", "lacp-min-links=256 will act as 0"},
    {"Port", "lacp-max-bundle", "2", ""},
    {"Port", "lacp-timeout-multiplier", "0", "lacp-timeout-multiplier=0 will act as 3"},
    {"Port", "lacp-aggregate-wait", "2000", ""},
    {"Port", "lacp-independent-control", "yes", "lacp-independent-control=yes will act as false"},
    {"Bridge", "mac-aging-time", "0", "mac-aging-time=0 will act as 300"},
    {"Bridge", "mac-aging-time", "5", "mac-aging-time=5 will act as 15"},
    {"Bridge", "mac-aging-time", "4000", "mac-aging-time=4000 will act as 3600"},
    {"Bridge", "forward-bpdu", "True", ""},
    {"Interface", "lacp-port-id", "0", "lacp-port-id=0 will act as the OpenFlow port number"},
    {"Open_vSwitch", "appctl-format", "1.4", ""},
    {"Open_vSwitch", "appctl-format", "2", "appctl-format=2 will act as 3.1"},
    {"Open_vSwitch", "n-workers", "2", ""},
    {"Open_vSwitch", "n-workers", "many", "n-workers=many will be ignored"},
    {"Open_vSwitch", "stats-update-interval", "1000",
     "stats-update-interval=1000 will act as 5000"},
    {"QoS", "max-rate", "x", ""},  // its keys are its type's business
};

TEST(Advice, TellsWhatTheSwitchWillMakeOfAKey) {
  for (const Case& row : kCases) {
    SCOPED_TRACE(std::string(row.table) + " " + std::string(row.key) + "=" +
                 std::string(row.value));
    EXPECT_EQ(advise(row.table, "other_config", row.key, row.value).value_or(""), row.advice);
  }
}

TEST(Advice, IsAboutOtherConfigAlone) {
  EXPECT_FALSE(advise("Port", "external_ids", "lacp-tme", "fast"));
  EXPECT_FALSE(advise("Interface", "options", "peer", "x"));
}

TEST(Advice, KnowsEachKeyOnce) {
  std::vector<std::pair<std::string_view, std::string_view>> names;
  for (const KnownKey& key : known_keys()) names.emplace_back(key.table, key.name);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace bondway::ctl
