#include "vswitchd/bond/output_table.hpp"

#include <algorithm>
#include <cassert>

namespace bondway::bond {
namespace {

std::optional<Bucket> bucket_of(const OutputTable& table, const Headers& headers, VlanId vlan) {
  switch (table.spread) {
    case OutputTable::Spread::slb_buckets:
      return slb_bucket(headers.source, vlan.number(), table.hash_basis);
    case OutputTable::Spread::tcp_buckets:
      return tcp_bucket(headers.flow, table.hash_basis);
    default:
      return std::nullopt;
  }
}

void put16(std::vector<std::uint8_t>& octets, std::uint16_t number) {
  octets.push_back(static_cast<std::uint8_t>(number >> 8));
  octets.push_back(static_cast<std::uint8_t>(number & 0xff));
}

void put_mac(std::vector<std::uint8_t>& octets, const MacAddress& mac) {
  octets.insert(octets.end(), mac.octets().begin(), mac.octets().end());
}

}  // namespace

std::optional<MemberIndex> OutputTable::index_of(MemberId id) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.id == id; });
  if (found == members.end()) return std::nullopt;
  return static_cast<MemberIndex>(found - members.begin());
}

std::optional<Output> choose(const OutputTable& table, const Headers& headers, VlanId wire_vlan) {
  if (table.spread == OutputTable::Spread::drop) return std::nullopt;
  const std::optional<Bucket> bucket = bucket_of(table, headers, wire_vlan);
  const MemberIndex index = bucket ? table.buckets[*bucket] : table.active;
  const OutputTable::Member* const member = table.find(index);
  if (member == nullptr || !member->enabled) return std::nullopt;
  return Output{index, bucket};
}

Admission admit(const OutputTable& table, MemberIndex arrived_on, const Headers& headers) {
  const OutputTable::Member* const member = table.find(arrived_on);
  if (member == nullptr || table.spread == OutputTable::Spread::drop) return Admission::drop;
  if (table.lacp_status == LacpStatus::negotiated) {
    return member->enabled || member->may_enable ? Admission::accept : Admission::drop;
  }
  const bool on_active = arrived_on == table.active;
  if (headers.destination.is_multicast() && !on_active && !table.all_members_active) {
    return Admission::drop;
  }
  if (table.mode == Mode::balance_slb) return Admission::accept_unless_reflected;
  return on_active ? Admission::accept : Admission::drop;
}

bool is_reflected(const Headers& headers, const SourceEntry& source) {
  if (!source.known_elsewhere) return false;
  return !headers.gratuitous_arp || source.locked;
}

Frame learning_frame(const Address& address) {
  constexpr std::uint16_t kEthernet = 1, kReverseRequest = 3;
  std::vector<std::uint8_t> octets;
  octets.reserve(46);
  put_mac(octets, kBroadcastMac);
  put_mac(octets, address.mac);
  if (!address.vlan.is_untagged()) {
    put16(octets, static_cast<std::uint16_t>(kVlanType));
    put16(octets, address.vlan.number());
  }
  put16(octets, static_cast<std::uint16_t>(kRarpType));
  put16(octets, kEthernet);
  put16(octets, static_cast<std::uint16_t>(kIpv4Type));
  octets.push_back(6);  // of a hardware address
  octets.push_back(4);  // of a protocol address
  put16(octets, kReverseRequest);
  put_mac(octets, address.mac);
  octets.insert(octets.end(), 4, 0);
  put_mac(octets, address.mac);
  octets.insert(octets.end(), 4, 0);
  assert(octets.size() == (address.vlan.is_untagged() ? 42 : 46));
  return Frame{std::move(octets), {}};
}

std::vector<LearningPacket> learning_packets(const OutputTable& table,
                                             std::span<const Address> addresses) {
  std::vector<LearningPacket> packets;
  packets.reserve(addresses.size());
  for (const Address& address : addresses) {
    Headers headers;
    headers.source = address.mac;
    headers.destination = kBroadcastMac;
    if (const auto output = choose(table, headers, address.vlan)) {
      packets.push_back({output->member, output->bucket, learning_frame(address)});
    }
  }
  return packets;
}

}  // namespace bondway::bond
