// A bridge's ports in its spanning tree: who takes part, and under which number.

#include <gtest/gtest.h>

#include <algorithm>

#include "vswitchd/bridge/bridge.hpp"

namespace bondway::bridge {
namespace {

using Numbers = std::vector<int>;

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    settings.name = "br0";
    settings.stp.emplace();
    configure();
  }

  void configure() { note(bridge.configure(settings, now)); }

  static PortSettings port_settings(const std::string& name,
                                    std::optional<std::uint16_t> number = std::nullopt) {
    PortSettings port;
    port.name = name;
    port.interfaces.resize(1);
    port.interfaces[0].name = name;
    if (number) port.stp.number = static_cast<std::uint8_t>(*number);
    port.rstp.number = number;
    return port;
  }

  fdb::PortId add(const PortSettings& port) {
    const fdb::PortId id = bridge.add_port(port);
    const auto place = static_cast<std::uint32_t>(id);
    const Member member{InterfaceId{place}, port.name,
                        MacAddress::from_number(0x0200'0000'0100 + place),
                        static_cast<std::uint16_t>(place + 1), true};
    note(bridge.add_members(id, {&member, 1}, now));
    return id;
  }

  void change(fdb::PortId id, const PortSettings& port) {
    note(bridge.configure_port(id, port, now));
  }

  /// What is due after all changes of a moment.
  void settle() { note(bridge.settle_tree_numbers(now)); }

  void note(const PortActions& actions) {
    for (const PortAction& action : actions) {
      if (const auto* log = std::get_if<Log>(&action.action)) logged.push_back(log->text);
    }
  }

  std::vector<std::string> new_lines() { return std::exchange(logged, {}); }

  Numbers numbers() const {
    Numbers numbers;
    for (const auto& [handle, port] : bridge.tree()->ports()) numbers.push_back(port.config.number);
    return numbers;
  }
  Numbers rapid_numbers() const {
    Numbers numbers;
    for (const auto& [handle, port] : bridge.rapid_tree()->ports()) {
      numbers.push_back(port.config.id.number & 0xfff);
    }
    return numbers;
  }

  TimePoint now{};
  BridgeSettings settings;
  Bridge bridge{settings, MacAddress::from_number(0x0200'0000'0001),
                std::make_shared<fdb::Table>()};
  std::vector<std::string> logged;
};

TEST_F(TreeTest, EitherAllPortsHaveNumbersOrThereIsNoTree) {
  const fdb::PortId a = add(port_settings("a", 5));
  settle();
  EXPECT_EQ(numbers(), Numbers{5});
  const fdb::PortId b = add(port_settings("b"));
  settle();
  EXPECT_EQ(bridge.tree(), nullptr);
  EXPECT_EQ(new_lines(),
            std::vector<std::string>{
                "bridge br0: must manually configure all STP port IDs or none, disabling"});
  change(b, port_settings("b", 7));
  settle();
  EXPECT_EQ(numbers(), (Numbers{5, 7}));
  EXPECT_EQ(new_lines(), std::vector<std::string>());
  change(a, port_settings("a", 0));  // unusable: it does not count
  change(b, port_settings("b"));
  settle();
  EXPECT_EQ(numbers(), Numbers{7});
}

TEST_F(TreeTest, ChangesOfOneMomentAreJudgedTogether) {
  const fdb::PortId a = add(port_settings("a")), b = add(port_settings("b"));
  settle();
  const stp::SpanningTree* before = bridge.tree();
  change(a, port_settings("a", 2));
  change(b, port_settings("b", 1));
  settle();
  EXPECT_EQ(bridge.tree(), before);
  EXPECT_EQ(numbers(), (Numbers{2, 1}));
  EXPECT_EQ(new_lines(), std::vector<std::string>());
}

TEST_F(TreeTest, OneOfTwoPortsWithANumberStaysOutWhileTheOtherHasIt) {
  const fdb::PortId a = add(port_settings("a", 5));
  add(port_settings("b", 5));
  settle();
  EXPECT_EQ(numbers(), Numbers{5});
  EXPECT_EQ(new_lines(), std::vector<std::string>{"port b: duplicate stp-port-num 5, disabling"});
  change(a, port_settings("a", 6));
  settle();
  EXPECT_EQ(numbers(), (Numbers{6, 5}));
}

TEST_F(TreeTest, ARapidTreeGivesAnotherNumberForOneThatIsTaken) {
  settings.stp.reset();
  settings.rstp.emplace();
  configure();
  add(port_settings("a", 5));
  add(port_settings("b", 5));
  add(port_settings("c", 0));
  add(port_settings("d"));
  EXPECT_EQ(rapid_numbers(), (Numbers{5, 1, 2}));
}

TEST_F(TreeTest, TimesOfARapidTreeThatDoNotFitAreNotTaken) {  // IEEE 802.1D-2004, 17.14
  settings.stp.reset();
  settings.rstp.emplace();
  const auto times = [&](std::optional<Duration> max_age, std::optional<Duration> forward_delay) {
    settings.rstp->max_age = max_age;
    settings.rstp->forward_delay = forward_delay;
    configure();
    return std::pair(bridge.rapid_tree()->config().max_age,
                     bridge.rapid_tree()->config().forward_delay);
  };
  EXPECT_EQ(times(28s, 15s), (std::pair<Duration, Duration>(28s, 15s)));
  EXPECT_EQ(times(30s, 20s), (std::pair<Duration, Duration>(30s, 20s)));
  EXPECT_EQ(times(30s, 15s), (std::pair<Duration, Duration>(30s, 20s)));
  EXPECT_EQ(times(std::nullopt, std::nullopt), (std::pair<Duration, Duration>(30s, 20s)));
}

TEST_F(TreeTest, ARapidPortKeepsWhatItHadInsteadOfNoNumbers) {
  settings.stp.reset();
  settings.rstp.emplace();
  configure();
  PortSettings port = port_settings("a", 1);
  port.rstp.priority.reset();
  port.rstp.keeps_path_cost = true;
  const fdb::PortId a = add(port);
  const auto config = [&] { return bridge.rapid_tree()->ports().begin()->second.config; };
  EXPECT_EQ(config().id.number, 0x8001) << "by default";
  EXPECT_EQ(config().path_cost, 2000u);
  port.rstp.priority = 32;
  port.rstp.path_cost = 55;
  port.rstp.keeps_path_cost = false;
  change(a, port);
  port.rstp.priority.reset();
  port.rstp.path_cost.reset();
  port.rstp.keeps_path_cost = true;
  change(a, port);
  EXPECT_EQ(config().id.number, 0x2001);
  EXPECT_EQ(config().path_cost, 55u);
  port.rstp.keeps_path_cost = false;
  change(a, port);
  EXPECT_EQ(config().path_cost, 2000u) << "by the link's speed";
}

TEST_F(TreeTest, APortCanBeDownInTheRapidTreeAlone) {
  settings.stp.reset();
  settings.rstp.emplace();
  configure();
  PortSettings port = port_settings("a");
  const fdb::PortId a = add(port);
  const auto role = [&] { return bridge.rapid_tree()->ports().begin()->second.role; };
  EXPECT_EQ(role(), rstp::Role::designated);
  port.rstp.admin_up = false;
  change(a, port);
  EXPECT_EQ(role(), rstp::Role::disabled);
}

}  // namespace
}  // namespace bondway::bridge
