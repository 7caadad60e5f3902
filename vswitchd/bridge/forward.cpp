#include "vswitchd/bridge/forward.hpp"

#include <array>

namespace bondway::bridge {
namespace {

constexpr std::array kReservedAddresses{
    0x00e0'2b00'0000u, 0x00e0'2b00'0004u, 0x00e0'2b00'0006u,  // Extreme: EDP, EAPS
    0x0100'0c00'0000u,                                        // ISL
    0x0100'0ccc'ccccu,                                        // CDP, VTP, DTP, PAgP, UDLD
    0x0100'0ccc'cccdu,                                        // PVST+
    0x0100'0ccd'cdcdu,                                        // uplink fast
};

/// One frame's way through one bridge.
class Decision {
 public:
  Decision(const Headers& headers, const Plan& plan, const InterfacePlan& in, TimePoint now)
      : headers_(headers),
        in_(in),
        now_(now),
        bridge_(plan.bridge(*in.bridge)),
        port_(*bridge_.ports[static_cast<std::size_t>(in.port)]) {}

  Verdict decide() {
    if (port_.lacp && is_link_aggregation()) {
      verdict_.to_control = true;
      return std::move(verdict_);
    }
    if (bridge_.secure) return drop(DropReason::secure_bridge);
    const auto frame = admit(port_.vlan, headers_);
    if (!frame) return drop(DropReason::vlan_not_admitted);
    frame_ = *frame;
    if (!bridge_.forward_bpdu && is_reserved(headers_.destination)) {
      return drop(DropReason::reserved_destination);
    }
    if (port_.bond && !bond_admits()) return drop(DropReason::bond_refuses);
    learn();
    return deliver();
  }

 private:
  Verdict drop(DropReason reason) {
    verdict_.dropped = reason;
    return std::move(verdict_);
  }

  /// Other slow protocols (OAM, OSSP) and tagged frames are not link aggregation's: IEEE 802.3,
  /// 57A.
  bool is_link_aggregation() const {
    return headers_.type == kSlowType && !headers_.outer && headers_.slow_subtype <= 2;
  }

  bool bond_admits() const {
    switch (bond::admit(*port_.bond, in_.member, headers_)) {
      case bond::Admission::accept:
        return true;
      case bond::Admission::drop:
        return false;
      case bond::Admission::accept_unless_reflected:
        return !bond::is_reflected(headers_, source_entry());
    }
    return false;
  }

  bond::SourceEntry source_entry() const {
    const auto entry = bridge_.macs->lookup(headers_.source, frame_.vlan, now_);
    if (!entry) return {};
    return {.known_elsewhere = entry->port != in_.port, .locked = entry->locked};
  }

  fdb::Arrival arrival() const {
    if (!headers_.gratuitous_arp) return fdb::Arrival::ordinary;
    return port_.bond ? fdb::Arrival::gratuitous_arp_on_bond
                      : fdb::Arrival::gratuitous_arp_on_plain_port;
  }

  bool floods_vlan() const { return bridge_.flood_vlans.contains(frame_.vlan); }

  void learn() {
    if (headers_.source.is_multicast() || floods_vlan()) return;
    verdict_.learned = Learned{headers_.source, frame_.vlan, in_.port, arrival()};
  }

  Verdict deliver() {
    if (!headers_.destination.is_multicast() && !floods_vlan()) {
      const auto entry = bridge_.macs->lookup(headers_.destination, frame_.vlan, now_);
      const bool moves_here =
          headers_.destination == headers_.source;  // the source is learned first
      if (moves_here && !(entry && entry->is_static)) return drop(DropReason::known_on_input_port);
      if (entry) return deliver_to(entry->port);
    }
    for (std::size_t port = 0; port < bridge_.ports.size(); ++port) {
      const fdb::PortId id{static_cast<std::uint32_t>(port)};
      if (bridge_.ports[port] && id != in_.port) output(id, Destination::flooded);
    }
    if (verdict_.outputs.empty()) return drop(DropReason::no_output);
    return std::move(verdict_);
  }

  Verdict deliver_to(fdb::PortId id) {
    if (id == in_.port) return drop(DropReason::known_on_input_port);
    const auto index = static_cast<std::size_t>(id);
    if (index >= bridge_.ports.size() || !bridge_.ports[index]) {
      return drop(DropReason::known_port_gone);
    }
    output(id, Destination::known);
    if (verdict_.outputs.empty()) return drop(DropReason::no_output);
    return std::move(verdict_);
  }

  enum class Destination : std::uint8_t { known, flooded };

  void output(fdb::PortId id, Destination destination) {
    const PortPlan& out = *bridge_.ports[static_cast<std::size_t>(id)];
    if (out.is_protected && port_.is_protected) return;
    const auto edit = leave(out.vlan, frame_, headers_, destination == Destination::known);
    if (!edit || out.members.empty()) return;
    if (!out.bond) {
      verdict_.outputs.push_back({out.members.front(), *edit, id, std::nullopt});
      return;
    }
    if (out.bond->spread == bond::OutputTable::Spread::tcp_buckets) verdict_.used_flow = true;
    const auto choice = bond::choose(*out.bond, headers_, vlan_on_wire(*edit, headers_));
    if (!choice) return;
    verdict_.outputs.push_back(
        {out.members[static_cast<std::size_t>(choice->member)], *edit, id, choice->bucket});
  }

  const Headers& headers_;
  const InterfacePlan& in_;
  TimePoint now_;
  const BridgePlan& bridge_;
  const PortPlan& port_;
  InternalVlan frame_;
  Verdict verdict_;
};

}  // namespace

std::string_view to_string(DropReason reason) {
  switch (reason) {
    case DropReason::none:
      return "not dropped";
    case DropReason::secure_bridge:
      return "the bridge is secure and has no flow";
    case DropReason::vlan_not_admitted:
      return "the port does not admit the frame's VLAN";
    case DropReason::reserved_destination:
      return "the destination is reserved";
    case DropReason::bond_refuses:
      return "the bond does not receive it on this member";
    case DropReason::known_on_input_port:
      return "the destination is on the input port";
    case DropReason::known_port_gone:
      return "the destination's port is gone";
    case DropReason::no_output:
      return "no port carries it";
  }
  return "";
}

bool is_reserved(const MacAddress& destination) {
  const std::uint64_t number = destination.number();
  if ((number & ~0xfull) == 0x0180'c200'0000) return true;
  if ((number & ~0x7ull) == 0x0100'0ccc'ccc0) return true;  // CFM
  for (const std::uint64_t reserved : kReservedAddresses) {
    if (number == reserved) return true;
  }
  return false;
}

Verdict forward(const Headers& headers, InterfaceId in, const Plan& plan, TimePoint now) {
  const InterfacePlan* from = plan.find(in);
  if (from == nullptr) return {};
  return Decision(headers, plan, *from, now).decide();
}

}  // namespace bondway::bridge
