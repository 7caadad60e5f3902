#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "vswitchd/bridge/plan.hpp"

namespace bondway::bridge {

/// Builds the plans that forwarding tests start from: bridges of ordinary ports, one interface
/// each.
class PlanBuilder {
 public:
  BridgeId add_bridge() {
    bridges.emplace_back();
    bridges.back().macs = std::make_shared<fdb::Table>();
    return BridgeId{static_cast<std::uint32_t>(bridges.size() - 1)};
  }

  InterfaceId add_port(BridgeId bridge, PortPlan port = {}) {
    const InterfaceId id = add_interface(bridge, port_count(bridge), bond::MemberIndex{0});
    this->bridge(bridge).flood_order.push_back(port_count(bridge));
    port.members = {id};
    ports(bridge).push_back(std::make_shared<PortPlan>(std::move(port)));
    return id;
  }

  /// A bond of as many members as its table has.
  std::vector<InterfaceId> add_bond(BridgeId bridge, bond::OutputTable table) {
    this->bridge(bridge).flood_order.push_back(port_count(bridge));
    PortPlan port;
    for (std::size_t i = 0; i < table.members.size(); ++i) {
      port.members.push_back(add_interface(bridge, port_count(bridge),
                                           bond::MemberIndex{static_cast<std::uint16_t>(i)}));
    }
    port.bond = std::make_shared<bond::OutputTable>(std::move(table));
    port.load = std::make_shared<BucketLoad>();
    const std::vector<InterfaceId> members = port.members;
    ports(bridge).push_back(std::make_shared<PortPlan>(std::move(port)));
    return members;
  }

  void patch(InterfaceId a, InterfaceId b) {
    interface(a).is_patch = interface(b).is_patch = true;
    interface(a).peer = b;
    interface(b).peer = a;
  }

  InterfacePlan& interface(InterfaceId id) { return interfaces[static_cast<std::size_t>(id)]; }
  BridgePlan& bridge(BridgeId id) { return bridges[static_cast<std::size_t>(id)]; }

  Plan build() const {
    Plan plan;
    plan.interfaces = interfaces;
    for (const BridgePlan& bridge : bridges) {
      plan.bridges.push_back(std::make_shared<BridgePlan>(bridge));
    }
    return plan;
  }

 private:
  std::vector<std::shared_ptr<const PortPlan>>& ports(BridgeId id) { return bridge(id).ports; }
  fdb::PortId port_count(BridgeId id) {
    return fdb::PortId{static_cast<std::uint32_t>(ports(id).size())};
  }
  InterfaceId add_interface(BridgeId bridge, fdb::PortId port, bond::MemberIndex member) {
    InterfacePlan plan;
    plan.bridge = bridge;
    plan.port = port;
    plan.member = member;
    plan.traffic = std::make_shared<Traffic>();
    interfaces.push_back(plan);
    return InterfaceId{static_cast<std::uint32_t>(interfaces.size() - 1)};
  }

  std::vector<BridgePlan> bridges;
  std::vector<InterfacePlan> interfaces;
};

inline Headers frame(std::uint64_t source, std::uint64_t destination) {
  Headers headers;
  headers.source = MacAddress::from_number(source);
  headers.destination = MacAddress::from_number(destination);
  headers.type = kIpv4Type;
  return headers;
}

}  // namespace bondway::bridge
