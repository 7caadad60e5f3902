#include "vswitchd/lacp/lag.hpp"

#include <gmock/gmock.h>

#include "tests/lacp/test_wire.hpp"

namespace bondway::lacp {
namespace {

const MacAddress kLeftSystem = MacAddress::from_number(0xaa55aa550000);
const MacAddress kRightSystem = MacAddress::from_number(0xaa55aa550001);
constexpr MemberId kFirst{1}, kSecond{2};

LagConfig bond(std::string name, MacAddress system) {
  return {.name = std::move(name),
          .activity = Activity::active,
          .system_id = system,
          .aggregation = Aggregation::aggregatable};
}

MemberConfig port(std::string name, std::uint16_t id) {
  return {
      .name = std::move(name), .mac = MacAddress::from_number(0xaa55aa557700 + id), .port_id = id};
}

TEST(Lag, BondsPatchedBackToBackNegotiateInTheSameInstant) {
  TestWire wire(bond("bond0", kLeftSystem), bond("bond1", kRightSystem));
  wire.add(TestWire::kLeft, kFirst, port("p0", 1));
  wire.add(TestWire::kLeft, kSecond, port("p1", 2));
  wire.add(TestWire::kRight, kFirst, port("p2", 1));
  wire.add(TestWire::kRight, kSecond, port("p3", 2));
  wire.advance(0s);
  wire.act(TestWire::kLeft, [](Lag&, TimePoint) { return Actions{}; });
  EXPECT_EQ(to_text(wire.left().view(wire.now())), R"(---- bond0 ----
  status: active negotiated
  sys_id: aa:55:aa:55:00:00
  sys_priority: 65534
  aggregation key: 1
  lacp_time: slow

member: p0: current attached
  port_id: 1
  port_priority: 65535
  may_enable: true

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity aggregation synchronized collecting distributing

  partner sys_id: aa:55:aa:55:00:01
  partner sys_priority: 65534
  partner port_id: 1
  partner port_priority: 65535
  partner key: 1
  partner state: activity aggregation synchronized collecting distributing

member: p1: current attached
  port_id: 2
  port_priority: 65535
  may_enable: true

  actor sys_id: aa:55:aa:55:00:00
  actor sys_priority: 65534
  actor port_id: 2
  actor port_priority: 65535
  actor key: 1
  actor state: activity aggregation synchronized collecting distributing

  partner sys_id: aa:55:aa:55:00:01
  partner sys_priority: 65534
  partner port_id: 2
  partner port_priority: 65535
  partner key: 1
  partner state: activity aggregation synchronized collecting distributing
)");
}

}  // namespace
}  // namespace bondway::lacp
