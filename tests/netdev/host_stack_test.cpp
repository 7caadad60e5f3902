#include "vswitchd/netdev/host_stack.hpp"

#include <sys/wait.h>

#include "tests/netdev/lab.hpp"
#include "vswitchd/netdev/system.hpp"

namespace bondway::netdev {
namespace {

/// A device v0 with an address, and a neighbour who asks for it.
class HostStackTest : public LabTest {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    if (IsSkipped()) return;
    sh("ip link add v0 type veth peer name v1; ip link set v1 netns " + neighbour_.path() +
       "; ip addr add 10.0.0.1/24 dev v0; ip link set v0 up");
    neighbour_.sh("ip addr add 10.0.0.2/24 dev v1; ip link set v1 up");
    ifindex_ = Links().find("v0")->ifindex;
  }

  bool host_answers() {
    bool answered = false;
    neighbour_.run([&] {
      answered = std::system("ip neigh flush dev v1; ping -c1 -W0.3 10.0.0.1 >/dev/null 2>&1") == 0;
    });
    return answered;
  }
  static std::string filters() {
    std::string text;
    FILE* pipe = popen("tc filter show dev v0 ingress; tc qdisc show dev v0 clsact", "r");
    for (int c = 0; (c = fgetc(pipe)) != EOF;) text += static_cast<char>(c);
    pclose(pipe);
    return text;
  }

  Namespace neighbour_;
  unsigned ifindex_ = 0;
};

TEST_F(HostStackTest, SystemDevicesAreKeptFromTheHost) {
  ASSERT_TRUE(host_answers());
  auto device = open_system("v0");
  ASSERT_TRUE(device);
  EXPECT_EQ((*device)->warning(), "");
  EXPECT_FALSE(host_answers());
  EXPECT_FALSE(receive(**device).empty()) << "the switch still hears the neighbour";
  device->reset();
  EXPECT_TRUE(host_answers());
}

TEST_F(HostStackTest, ABlockLastsAsLongAsItsOwner) {
  for (const auto& [name, install] : {std::pair("link", &HostStackBlock::install_link),
                                      std::pair("filter", &HostStackBlock::install_filter)}) {
    SCOPED_TRACE(name);
    {
      const auto block = install(ifindex_);
      if (!block && std::string(name) == "link") continue;  // before Linux 6.6
      ASSERT_TRUE(block) << block.error().message;
      EXPECT_FALSE(host_answers());
    }
    EXPECT_TRUE(host_answers());
    EXPECT_EQ(filters(), "");
  }
}

TEST_F(HostStackTest, LeavesTheQueueingDisciplineOfOthersAlone) {
  sh("tc qdisc add dev v0 clsact");
  {
    const auto block = HostStackBlock::install_filter(ifindex_);
    ASSERT_TRUE(block) << block.error().message;
    EXPECT_FALSE(host_answers());
  }
  EXPECT_TRUE(filters().starts_with("qdisc clsact")) << filters();
}

TEST_F(HostStackTest, LeavesWhatOthersAddedToOurs) {
  {
    const auto block = HostStackBlock::install_filter(ifindex_);
    ASSERT_TRUE(block) << block.error().message;
    sh("tc filter add dev v0 ingress prio 7 u32 match u32 0 0");
  }
  EXPECT_NE(filters().find("u32"), std::string::npos);
  EXPECT_EQ(filters().find("bondway"), std::string::npos);
}

TEST_F(HostStackTest, SweepsUpAfterAKilledProcess) {
  const pid_t child = fork();
  if (child == 0) {
    const auto block = HostStackBlock::install_filter(ifindex_);
    _exit(block ? 0 : 1);  // as if killed: no destructor runs
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_FALSE(host_answers());
  const auto ours = HostStackBlock::install_filter(ifindex_);
  HostStackBlock::sweep();
  EXPECT_EQ(filters().find(fmt::format("bondway-{}", child)), std::string::npos);
  EXPECT_NE(filters().find(fmt::format("bondway-{}", getpid())), std::string::npos);
}

TEST_F(HostStackTest, SaysWhyNot) {
  EXPECT_FALSE(HostStackBlock::install(9999));
  EXPECT_EQ(HostStackBlock::install_filter(9999).error().message, "No such device");
}

}  // namespace
}  // namespace bondway::netdev
