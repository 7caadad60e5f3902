#include "vswitchd/netdev/links.hpp"

#include <sys/socket.h>

#include "tests/netdev/lab.hpp"

namespace bondway::netdev {
namespace {

class LinksTest : public LabTest {
 protected:
  /// Events of devices whose name begins with `prefix`, as `old>new` and what differs.
  static std::vector<std::string> story(Links& links, std::string_view prefix = "v") {
    std::vector<std::string> lines;
    for (const auto& event : links.read()) {
      const Link& any = event.after ? *event.after : *event.before;
      if (!any.name.starts_with(prefix)) continue;
      lines.push_back(tell(event));
    }
    return lines;
  }

  static std::string tell(const LinkEvent& event) {
    if (!event.before) return "appeared " + event.after->name;
    if (!event.after) return "vanished " + event.before->name;
    std::string text = event.before->name;
    const Link &a = *event.before, &b = *event.after;
    if (a.name != b.name) text += " named " + b.name;
    if (a.admin_up != b.admin_up) text += b.admin_up ? " up" : " down";
    if (a.carrier != b.carrier) text += b.carrier ? " carrier" : " no-carrier";
    if (a.mtu != b.mtu) text += fmt::format(" mtu {}", b.mtu);
    if (a.mac != b.mac) text += " mac " + to_string(b.mac);
    if (a.namespace_id != b.namespace_id) text += " moved";
    return text;
  }
};

TEST_F(LinksTest, KnowsWhatWasThereBefore) {
  sh("ip link add v0 address 02:00:00:00:00:05 mtu 1400 type veth peer name v1");
  const Links links;
  const Link* link = links.find("v0");
  ASSERT_NE(link, nullptr);
  EXPECT_EQ(link->mac, MacAddress::from_number(0x020000000005));
  EXPECT_EQ(link->mtu, 1400);
  EXPECT_FALSE(link->admin_up);
  EXPECT_EQ(links.find(link->ifindex), link);
  EXPECT_EQ(links.find("v2"), nullptr);
  ASSERT_NE(links.find("lo"), nullptr);
  EXPECT_TRUE(links.find("lo")->loopback);
}

TEST_F(LinksTest, TellsEachChangeOnce) {
  Links links;
  sh("ip link add v0 type veth peer name peer");
  EXPECT_EQ(story(links), std::vector<std::string>{"appeared v0"});
  sh("ip link set peer up; ip link set v0 up");
  EXPECT_TRUE(eventually([&] {
    links.read();
    return links.find("v0")->carrier;
  }));
  sh("ip link set v0 mtu 1300");
  EXPECT_EQ(story(links), std::vector<std::string>{"v0 mtu 1300"});
  sh("ip link set v0 address 02:00:00:00:00:07");
  EXPECT_EQ(story(links), std::vector<std::string>{"v0 mac 02:00:00:00:00:07"});
  sh("ip link set v0 mtu 1300");
  EXPECT_EQ(story(links), std::vector<std::string>{});
  sh("ip link set v0 down");
  EXPECT_EQ(story(links), std::vector<std::string>{"v0 down no-carrier"});
  sh("ip link set v0 name v9");
  EXPECT_EQ(story(links), std::vector<std::string>{"v0 named v9"});
  EXPECT_EQ(links.find("v0"), nullptr);
  EXPECT_NE(links.find("v9"), nullptr);
  sh("ip link del v9");
  EXPECT_EQ(story(links), std::vector<std::string>{"vanished v9"});
  EXPECT_EQ(links.find("v9"), nullptr);
}

TEST_F(LinksTest, SeesTheCarrierFollowTheOtherEnd) {
  sh("ip link add v0 type veth peer name peer; ip link set v0 up; ip link set peer up");
  Links links;
  ASSERT_TRUE(eventually([&] {
    links.read();
    return links.find("v0")->carrier;
  }));
  sh("ip link set peer down");
  ASSERT_TRUE(eventually([&] {
    links.read();
    return !links.find("v0")->carrier;
  }));
  EXPECT_TRUE(links.find("v0")->admin_up);
}

TEST_F(LinksTest, FollowsADeviceIntoAnotherNamespace) {
  const Namespace host;
  sh("ip link add v0 type veth peer name peer");
  Links links;
  sh("ip link set v0 netns " + host.path());
  EXPECT_EQ(story(links).front(), "v0 moved");
  EXPECT_EQ(links.find("v0"), nullptr);
  host.sh("ip link set v0 up; ip link set v0 name v8");
  const auto events = story(links);
  EXPECT_EQ(events, (std::vector<std::string>{"v0 up", "v0 named v8"}));
}

TEST_F(LinksTest, IgnoresDevicesBornInOtherNamespaces) {
  const Namespace host;
  sh("ip link add v0 type veth peer name peer");
  sh("ip link set v0 netns " + host.path());
  Links links;
  host.sh("ip link add v5 type veth peer name v6; ip link set v0 up");
  EXPECT_EQ(story(links), std::vector<std::string>{});
}

TEST_F(LinksTest, FindsOutAllDifferencesAfterAnOverrun) {
  Links links;
  const int tiny = 1;
  ASSERT_EQ(setsockopt(links.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
  sh("for i in $(seq 40); do ip link add v$i type veth peer name w$i; done; ip link del v7");
  links.read();
  for (int i = 1; i <= 40; ++i) {
    EXPECT_EQ(links.find(fmt::format("v{}", i)) != nullptr, i != 7) << i;
  }
}

TEST_F(LinksTest, AsksTheDeviceForItsMiiStatus) {
  sh("ip link add v0 type veth peer name peer; ip link set v0 up; ip link set peer up");
  EXPECT_EQ(read_mii_status("v0"), true);
  sh("ip link set peer down");
  EXPECT_EQ(read_mii_status("v0"), false);
  EXPECT_EQ(read_mii_status("nothing"), std::nullopt);
}

}  // namespace
}  // namespace bondway::netdev
