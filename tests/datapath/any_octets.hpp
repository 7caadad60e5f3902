#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "tests/bridge/plan_builder.hpp"
#include "vswitchd/bridge/journey.hpp"
#include "vswitchd/netdev/offload.hpp"
#include "vswitchd/netdev/packet_socket.hpp"

namespace bondway {

/// Ends the process, in every build.
inline void require(bool condition) {
  if (!condition) std::abort();
}

/// What the kernel may hand us is anything: the first octets choose the input interface and whether
/// a tag was stripped, ten are the vnet header, the rest is the frame.  It goes all the way that a
/// received frame goes, through two bridges of every kind of port, and is cut up for a device
/// without offloads.
class AnyOctets {
 public:
  AnyOctets() {
    bridge::PortPlan access, tunnel, native;
    access.vlan.mode = bridge::VlanMode::access;
    access.vlan.tag = VlanId::from(10).value();
    tunnel.vlan.mode = bridge::VlanMode::dot1q_tunnel;
    tunnel.vlan.tag = VlanId::from(20).value();
    native.vlan.mode = bridge::VlanMode::native_untagged;
    native.vlan.tag = VlanId::from(10).value();
    native.lacp = true;
    const auto left = builder_.add_bridge(), right = builder_.add_bridge();
    for (const auto& plan : {bridge::PortPlan{}, access, tunnel, native}) {
      inputs_.push_back(builder_.add_port(left, plan));
      inputs_.push_back(builder_.add_port(right, plan));
    }
    for (const auto spread :
         {bond::OutputTable::Spread::tcp_buckets, bond::OutputTable::Spread::slb_buckets}) {
      bond::OutputTable table;
      table.mode = bond::Mode::balance_slb;
      table.spread = spread;
      table.active = bond::MemberIndex{0};
      table.members = {{bond::MemberId{0}, true, true}, {bond::MemberId{1}, true, true}};
      table.buckets.fill(bond::MemberIndex{1});
      for (const auto id : builder_.add_bond(left, table)) inputs_.push_back(id);
    }
    builder_.patch(builder_.add_port(left), builder_.add_port(right));
    plan_ = builder_.build();
  }

  void run(std::span<const std::uint8_t> octets) {
    constexpr std::size_t kPrefix = 4 + sizeof(netdev::VnetHeader), kHeadroom = 4;
    if (octets.size() < kPrefix) return;
    netdev::VnetHeader header;
    std::copy_n(octets.begin() + 4, sizeof(header), reinterpret_cast<std::uint8_t*>(&header));
    std::optional<VlanTag> tag;
    if ((octets[1] & 1) != 0)
      tag = VlanTag{0x8100, static_cast<std::uint16_t>(octets[2] << 8 | octets[3])};

    std::vector<std::uint8_t> memory(kHeadroom + octets.size() - kPrefix);
    std::ranges::copy(octets.subspan(kPrefix), memory.begin() + kHeadroom);
    const auto frame = netdev::complete_received(std::span(memory).subspan(kHeadroom), header, tag);
    if (!frame) return;
    const auto headers = parse_headers(*frame);
    if (!headers) return;
    const auto in = inputs_[octets[0] % inputs_.size()];
    const auto journey = bridge::travel(*headers, frame->octets.size(), in, plan_, TimePoint());
    require(journey.sent.size() <= 4096 * inputs_.size());
    for (std::size_t i = 0; i < journey.sent.size() && i < 16; ++i) leave(*frame, journey.sent[i]);
  }

 private:
  static void leave(const FrameView& frame, const bridge::Delivery& delivery) {
    const Frame out = apply(frame, delivery.edit);
    require(out.octets.size() ==
            frame.octets.size() + 4u * delivery.edit.push_count - 4u * delivery.edit.strip);
    std::size_t octets = 0, most = 0;
    const bool complete = netdev::complete(out.view(), [&](const FrameView& part) {
      octets += part.octets.size();
      most = std::max(most, part.octets.size());
      require(part.offload == Offload{});
    });
    require(complete || octets == 0);
    require(most <= out.octets.size());
  }

  bridge::PlanBuilder builder_;
  std::vector<bridge::InterfaceId> inputs_;
  bridge::Plan plan_;
};

}  // namespace bondway
