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
  for (const auto& [name, install] : {std::pair("chain", &HostStackBlock::install_chain),
                                      std::pair("link", &HostStackBlock::install_link)}) {
    SCOPED_TRACE(name);
    {
      const auto block = install(ifindex_);
      if (!block && std::string(name) == "link") continue;  // before Linux 6.6
      ASSERT_TRUE(block) << block.error().message;
      EXPECT_FALSE(host_answers());
    }
    EXPECT_TRUE(host_answers());
  }
}

TEST_F(HostStackTest, EndsBeforeItsDescriptorIsClosed) {
  auto block = HostStackBlock::install_chain(ifindex_);
  ASSERT_TRUE(block) << block.error().message;
  EXPECT_FALSE(host_answers());
  const UniqueFd fd = std::move(*block).take_descriptor();
  EXPECT_TRUE(host_answers());
}

TEST_F(HostStackTest, OneDeviceMayHaveSeveral) {
  auto first = HostStackBlock::install_chain(ifindex_);
  {
    const auto second = HostStackBlock::install_chain(ifindex_);
    ASSERT_TRUE(first && second) << second.error().message;
  }
  EXPECT_FALSE(host_answers());
}

TEST_F(HostStackTest, EndsWithAProcessThatIsKilled) {
  const pid_t child = fork();
  if (child == 0) {
    const auto block = HostStackBlock::install(ifindex_);
    _exit(block && !host_answers() ? 0 : 1);  // as if killed: no destructor runs
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(host_answers());
}

TEST_F(HostStackTest, SaysWhyNot) {
  EXPECT_EQ(HostStackBlock::install(9999).error().message, "No such device");
}

}  // namespace
}  // namespace bondway::netdev
