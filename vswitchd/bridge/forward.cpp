#include "vswitchd/bridge/forward.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>

#include "vswitchd/stp/bpdu.hpp"

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
  Decision(const Headers& headers, const Plan& plan, const InterfacePlan& in, TimePoint now,
           Trace* trace)
      : headers_(headers),
        in_(in),
        now_(now),
        plan_(plan),
        bridge_(plan.bridge(*in.bridge)),
        port_(*bridge_.ports[static_cast<std::size_t>(in.port)]),
        trace_(trace),
        from_protected_(port_.is_protected) {}

  /// `in` is where it leaves.
  Verdict mirror_own() {
    from_protected_ = false;
    if (bridge_.mirrors && !crosses_patch(port_)) mirror_leaving(in_.port, port_, {});
    return std::move(verdict_);
  }

  Verdict decide() {
    if (port_.lacp && is_link_aggregation()) {
      note([] { return "link aggregation control: for the port's LACP, nothing else applies"; });
      verdict_.to_control = true;
      return std::move(verdict_);
    }
    if (bridge_.spanning_tree && headers_.destination == stp::kBridgeGroupAddress) {
      note([] { return "BPDU: for the spanning tree, nothing else applies"; });
      verdict_.to_control = true;
      return std::move(verdict_);
    }
    if (!port_.learns) return drop(DropReason::spanning_tree);
    if (is_mirror_output(in_.port)) return drop(DropReason::mirror_output);
    if (!headers_.outer && hides_tag()) return drop(DropReason::incomplete_tag);
    const auto frame = admit(port_.vlan, headers_);
    if (!frame) return drop(DropReason::vlan_not_admitted);
    frame_ = *frame;
    verdict_.vlan = frame_.vlan();
    note([this] {
      return fmt::format("{} port admits it to VLAN {}", to_string(port_.vlan.mode),
                         frame_.vlan().number());
    });
    if (bridge_.mirrors && !in_.is_patch) {
      mirror(bridge_.mirrors->from[static_cast<std::size_t>(in_.port)], frame_);
    }
    if (bridge_.secure) return drop(DropReason::secure_bridge);
    if (!bridge_.forward_bpdu && is_reserved(headers_.destination)) {
      return drop(DropReason::reserved_destination);
    }
    if (port_.bond && !bond_admits()) return drop(DropReason::bond_refuses);
    learn();
    if (!port_.forwards) return drop(DropReason::spanning_tree);
    return deliver();
  }

 private:
  /// `words` makes a line for the trace, and is not called without one.
  template <typename Words>
  void note(Words words) const {
    if (trace_ != nullptr) trace_->add(words());
  }

  Verdict drop(DropReason reason) {
    note([reason] { return fmt::format("dropped: {}", to_string(reason)); });
    verdict_.dropped = reason;
    return std::move(verdict_);
  }

  /// Other slow protocols (OAM, OSSP) and tagged frames are not link aggregation's: IEEE 802.3,
  /// 57A.
  bool is_link_aggregation() const {
    return headers_.type == kSlowType && !headers_.outer && headers_.slow_subtype <= 2;
  }

  /// Behind the tags that are looked at, or that were taken away, is another one.
  bool hides_tag() const { return headers_.type == kVlanType || headers_.type == kServiceVlanType; }

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
    const auto entry = bridge_.macs->lookup(headers_.source, frame_.vlan(), now_);
    if (!entry) return {};
    return {.known_elsewhere = entry->port != in_.port, .locked = entry->locked};
  }

  fdb::Arrival arrival() const {
    if (!headers_.gratuitous_arp) return fdb::Arrival::ordinary;
    return port_.bond ? fdb::Arrival::gratuitous_arp_on_bond
                      : fdb::Arrival::gratuitous_arp_on_plain_port;
  }

  bool floods_vlan() const { return bridge_.flood_vlans.contains(frame_.vlan()); }

  void learn() {
    if (headers_.source.is_multicast() || floods_vlan()) {
      note([this] {
        return floods_vlan() ? "nothing is learned in a flooded VLAN"
                             : "a group address is no source";
      });
      return;
    }
    note([this] { return describe_learning(); });
    verdict_.learned = Learned{headers_.source, frame_.vlan(), in_.port, arrival()};
  }

  std::string describe_learning() const {
    const auto entry = bridge_.macs->lookup(headers_.source, frame_.vlan(), now_);
    const std::string station =
        fmt::format("{} in VLAN {}", to_string(headers_.source), frame_.vlan().number());
    if (!entry) return fmt::format("learns that {} is on {}", station, port_.name);
    if (entry->port == in_.port) return fmt::format("knows that {} is on {}", station, port_.name);
    if (entry->is_static)
      return fmt::format("a static entry keeps {} on {}", station, name(entry->port));
    return fmt::format("learns that {} has moved from {} to {}", station, name(entry->port),
                       port_.name);
  }

  Verdict deliver() {
    if (!headers_.destination.is_multicast() && !floods_vlan()) {
      const auto entry = bridge_.macs->lookup(headers_.destination, frame_.vlan(), now_);
      const bool moves_here =
          headers_.destination == headers_.source;  // the source is learned first
      if (moves_here && !(entry && entry->is_static)) return drop(DropReason::known_on_input_port);
      if (entry) return deliver_to(entry->port);
    }
    note([this] {
      if (headers_.destination.is_multicast()) return "a group address: flooded";
      return floods_vlan() ? "flooded, as all of this VLAN" : "destination unknown: flooded";
    });
    for (const fdb::PortId id : bridge_.flood_order) {
      if (id != in_.port && takes_part(id)) output(id, frame_, Destination::flooded);
    }
    return finish();
  }

  Verdict deliver_to(fdb::PortId id) {
    if (id == in_.port) return drop(DropReason::known_on_input_port);
    if (!takes_part(id)) return drop(DropReason::known_port_gone);
    note([&] { return fmt::format("destination known on {}", name(id)); });
    output(id, frame_, Destination::known);
    return finish();
  }

  Verdict finish() {
    if (verdict_.outputs.empty()) return drop(DropReason::no_output);
    return std::move(verdict_);
  }

  bool is_mirror_output(fdb::PortId id) const {
    return bridge_.mirrors && bridge_.mirrors->is_output[static_cast<std::size_t>(id)];
  }

  /// There is such a port, it forwards, and it is not set aside for a mirror.
  bool takes_part(fdb::PortId id) const {
    const auto index = static_cast<std::size_t>(id);
    return index < bridge_.ports.size() && bridge_.ports[index] && bridge_.ports[index]->forwards &&
           !is_mirror_output(id);
  }

  std::string name(fdb::PortId id) const {
    const auto index = static_cast<std::size_t>(id);
    const bool exists = index < bridge_.ports.size() && bridge_.ports[index];
    return exists ? bridge_.ports[index]->name : "a port that is gone";
  }

  enum class Destination : std::uint8_t { known, flooded };

  void output(fdb::PortId id, const InternalVlan& frame, Destination destination) {
    const PortPlan& out = *bridge_.ports[static_cast<std::size_t>(id)];
    if (out.is_protected && from_protected_) {
      note([&] { return fmt::format("not to {}: both ports are protected", out.name); });
      return;
    }
    const auto edit = leave(out.vlan, frame, headers_, destination == Destination::known);
    if (!edit) {
      note([&] {
        return fmt::format("not to {}: {} does not carry it", out.name, to_string(out.vlan.mode));
      });
      return;
    }
    const bool is_sent = !out.members.empty() && send(id, out, *edit);
    if (is_sent && bridge_.mirrors && !crosses_patch(out)) mirror_leaving(id, out, *edit);
  }

  bool crosses_patch(const PortPlan& out) const {
    const InterfacePlan* first = out.members.empty() ? nullptr : plan_.find(out.members.front());
    return first != nullptr && first->is_patch && first->peer;
  }

  /// For mirrors, what leaves through a port is what would come in if it came back.  The other end
  /// of a patch is inside, so nothing leaves or arrives there; as seen of the reference.
  void mirror_leaving(fdb::PortId id, const PortPlan& out, const TagEdit& edit) {
    const MirrorMask candidates = bridge_.mirrors->to[static_cast<std::size_t>(id)];
    if (candidates == 0) return;
    if (const auto frame = admit(out.vlan, edited(headers_, edit))) mirror(candidates, *frame);
  }

  /// Through the port's only interface, or the one that its bond chooses; false if there is none.
  bool send(fdb::PortId id, const PortPlan& out, const TagEdit& edit) {
    if (!out.bond) {
      note([&] {
        return fmt::format("to {}, {}", out.name, describe_tags(edited(headers_, edit)));
      });
      verdict_.outputs.push_back({out.members.front(), edit, id, std::nullopt, snaplen_});
      return true;
    }
    if (out.bond->spread == bond::OutputTable::Spread::tcp_buckets) verdict_.used_flow = true;
    const auto choice = bond::choose(*out.bond, headers_, vlan_on_wire(edit, headers_));
    note([&] { return describe_choice(out, edit, choice); });
    if (!choice) return false;
    verdict_.outputs.push_back({out.members[static_cast<std::size_t>(choice->member)], edit, id,
                                choice->bucket, snaplen_});
    return true;
  }

  std::string describe_choice(const PortPlan& out, const TagEdit& edit,
                              const std::optional<bond::Output>& choice) const {
    if (!choice) return fmt::format("not to {}: its bond has no member for it", out.name);
    const std::string member = trace_->name(out.members[static_cast<std::size_t>(choice->member)]);
    const std::string tags = describe_tags(edited(headers_, edit));
    if (!choice->bucket) {
      return fmt::format("to {}, {}: through {}, the active member", out.name, tags, member);
    }
    const bool by_flow = out.bond->spread == bond::OutputTable::Spread::tcp_buckets;
    return fmt::format("to {}, {}: hash of {} is {}, bucket of {}", out.name, tags,
                       by_flow ? "its flow" : "its source and VLAN", *choice->bucket, member);
  }

  /// Copies for those of the mirrors that take this VLAN and have no copy yet.
  void mirror(MirrorMask candidates, const InternalVlan& frame) {
    for (; candidates != 0; candidates &= candidates - 1) {
      const int place = std::countr_zero(candidates);
      const MirrorPlan& mirror = bridge_.mirrors->mirrors[static_cast<std::size_t>(place)];
      if ((served_mirrors_ >> place & 1) != 0 || !mirror.vlans.contains(frame.vlan())) continue;
      verdict_.mirrored |= MirrorMask{1} << place;
      served_mirrors_ |= mirror.same_output;
      snaplen_ = mirror.snaplen;
      copy(mirror, frame);
      snaplen_ = 0;
    }
  }

  void copy(const MirrorPlan& mirror, InternalVlan frame) {
    note([&] { return fmt::format("mirror {} takes it", mirror.name); });
    if (mirror.port) {
      output(*mirror.port, frame, Destination::known);
      return;
    }
    if (frame.vlan() == mirror.vlan || is_reserved(headers_.destination)) return;
    frame.outer.vlan = mirror.vlan;
    for (const fdb::PortId id : bridge_.flood_order) {
      if (takes_part(id)) output(id, frame, Destination::flooded);
    }
  }

  const Headers& headers_;
  const InterfacePlan& in_;
  TimePoint now_;
  const Plan& plan_;
  const BridgePlan& bridge_;
  const PortPlan& port_;
  Trace* trace_;
  bool from_protected_;
  InternalVlan frame_;
  MirrorMask served_mirrors_ = 0;
  /// Of the mirror whose copies are made.  One that copies such a copy in turn leaves nothing of
  /// it: what remains of a flood then goes out whole, as seen of the reference.
  std::uint16_t snaplen_ = 0;
  Verdict verdict_;
};

}  // namespace

std::string_view to_string(DropReason reason) {
  switch (reason) {
    case DropReason::none:
      return "not dropped";
    case DropReason::secure_bridge:
      return "the bridge is secure and has no flow";
    case DropReason::mirror_output:
      return "the port is a mirror's output";
    case DropReason::spanning_tree:
      return "the spanning tree has the port blocked";
    case DropReason::incomplete_tag:
      return "its type announces a tag that is not looked at";
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

Verdict forward(const Headers& headers, InterfaceId in, const Plan& plan, TimePoint now,
                Trace* trace) {
  const InterfacePlan* from = plan.find(in);
  if (from == nullptr) return {};
  return Decision(headers, plan, *from, now, trace).decide();
}

Verdict mirror_own(const Headers& headers, InterfaceId out, const Plan& plan, TimePoint now) {
  const InterfacePlan* through = plan.find(out);
  if (through == nullptr) return {};
  return Decision(headers, plan, *through, now, nullptr).mirror_own();
}

}  // namespace bondway::bridge
