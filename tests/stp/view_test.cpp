#include "vswitchd/stp/view.hpp"

#include <gtest/gtest.h>

namespace bondway::stp {
namespace {

TreeView sample() {
  TreeView view;
  view.name = "br1";
  view.root = {{32768, MacAddress::from_number(0x0200'0000'0001)}, 2s, 20s, 15s};
  view.bridge = {{32768, MacAddress::from_number(0x0200'0000'0002)}, 2s, 20s, 15s};
  view.root_port = "l0b";
  view.root_path_cost = 2;
  view.ports = {{"longinterface0", "designated", "forwarding", 2, 128, 1},
                {"l0b", "root", "learning", 19, 128, 3}};
  return view;
}

TEST(StpShow, LooksAsTheReferencesDoes) {
  EXPECT_EQ(to_text(sample()),
            "---- br1 ----\n"
            "Root ID:\n"
            "  stp-priority  32768\n"
            "  stp-system-id   02:00:00:00:00:01\n"
            "  stp-hello-time  2s\n"
            "  stp-max-age     20s\n"
            "  stp-fwd-delay   15s\n"
            "  root-port       l0b\n"
            "  root-path-cost  2\n"
            "\n"
            "Bridge ID:\n"
            "  stp-priority  32768\n"
            "  stp-system-id   02:00:00:00:00:02\n"
            "  stp-hello-time  2s\n"
            "  stp-max-age     20s\n"
            "  stp-fwd-delay   15s\n"
            "\n"
            "  Interface  Role       State      Cost  Pri.Nbr \n"
            "  ---------- ---------- ---------- ----- -------\n"
            "  longinterf designated forwarding 2     128.1\n"
            "  l0b        root       learning   19    128.3\n"
            "\n");
}

TEST(StpShow, LeavesOutPortsThatAreDown) {
  TreeView view = sample();
  const std::string before = to_text(view);
  view.ports.insert(view.ports.begin(), {"down", "designated", "disabled", 2, 128, 2});
  EXPECT_EQ(to_text(view), before);
}

TEST(RstpShow, LeavesNoSpaceBehindTheGreatestCost) {
  TreeView view = sample();
  view.is_rapid = true;
  view.ports = {{"p", "Designated", "Discarding", 200'000'000, 128, 1}};
  EXPECT_TRUE(to_text(view).ends_with("  p          Designated Discarding 200000000128.1\n\n"))
      << to_text(view);
}

TEST(RstpShow, IsSetALittleWider) {
  TreeView view = sample();
  view.is_rapid = true;
  view.ports.resize(1);
  const std::string text = to_text(view);
  EXPECT_NE(text.find("Root ID:\n  stp-priority    32768\n"), std::string::npos);
  EXPECT_TRUE(
      text.ends_with("  Interface  Role       State      Cost     Pri.Nbr \n"
                     "  ---------- ---------- ---------- -------- -------\n"
                     "  longinterf designated forwarding 2        128.1\n"
                     "\n"))
      << text;
}

TEST(StpShow, SaysSoWhenTheBridgeIsTheRoot) {
  TreeView view = sample();
  view.root_port.reset();
  EXPECT_NE(to_text(view).find("  stp-fwd-delay   15s\n  This bridge is the root\n\nBridge ID:\n"),
            std::string::npos);
}

TEST(StpIdentifier, IsPriorityAndAddressInHex) {
  EXPECT_EQ(to_text(BridgeId{32768, MacAddress::from_number(0xaabb'ccdd'eef0)}),
            "8000.aabbccddeef0");
}

}  // namespace
}  // namespace bondway::stp
