#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vswitchd/bond/hash.hpp"
#include "vswitchd/net/frame.hpp"
#include "vswitchd/net/vlan.hpp"

namespace bondway::bond {

/// bond_mode, ovs-vswitchd.conf.db(5).
enum class Mode : std::uint8_t { active_backup, balance_slb, balance_tcp };

/// How far LACP is on the bond's port: not configured, configured but without a partner,
/// negotiated.
enum class LacpStatus : std::uint8_t { off, configured, negotiated };

/// The owner's handle of a member interface; the bond only compares it.
enum class MemberId : std::uint32_t {};

/// A member's place in an OutputTable's list.
enum class MemberIndex : std::uint16_t {};
inline constexpr MemberIndex kNoMember{0xffff};

/// Which member each bucket of traffic leaves through.
using Buckets = std::array<MemberIndex, kBucketCount>;

constexpr Buckets no_buckets() {
  Buckets buckets{};
  buckets.fill(kNoMember);
  return buckets;
}

/// What a bond does with frames, at one instant: an immutable value, made by the control thread and
/// read by forwarding without locks.  Nothing in it refers to the Bond that made it.
struct OutputTable {
  enum class Spread : std::uint8_t {
    drop,           ///< the bond carries nothing, in either direction
    active_member,  ///< everything through the active member
    slb_buckets,    ///< by source address and VLAN
    tcp_buckets,    ///< by layer 3 and 4 fields
  };

  struct Member {
    MemberId id{};
    bool enabled = false;     ///< the link rule's answer, delays included: frames may be sent
    bool may_enable = false;  ///< carrier and LACP's opinion at this moment, delays aside
    bool operator==(const Member&) const = default;
  };

  Spread spread = Spread::drop;
  Mode mode = Mode::active_backup;
  LacpStatus lacp_status = LacpStatus::off;
  bool all_members_active = false;
  std::uint32_t hash_basis = 0;
  MemberIndex active = kNoMember;
  std::vector<Member> members;
  /// Every bucket of a balanced bond with an enabled member names an enabled one.  Meaningless when
  /// `spread` uses no buckets.
  Buckets buckets = no_buckets();

  const Member* find(MemberIndex index) const {
    const auto at = static_cast<std::size_t>(index);
    return at < members.size() ? &members[at] : nullptr;
  }
  std::optional<MemberIndex> index_of(MemberId id) const;

  bool operator==(const OutputTable&) const = default;
};

/// The member through which a frame leaves, and the bucket its octets are to be accounted to; no
/// bucket when the choice did not depend on one.
struct Output {
  MemberIndex member = kNoMember;
  std::optional<Bucket> bucket;
  bool operator==(const Output&) const = default;
};

/// Where the bond sends a frame that leaves it in `wire_vlan` (0 if untagged); empty: nowhere.
/// Depends on the source address and `wire_vlan` in slb_buckets, on Headers::flow in tcp_buckets,
/// on nothing of the frame otherwise.
std::optional<Output> choose(const OutputTable& table, const Headers& headers, VlanId wire_vlan);

/// Whether a frame that came in on a member goes on to forwarding.
enum class Admission : std::uint8_t {
  accept,
  drop,
  /// balance-slb: accept unless it is our own frame that the network sent back; ask is_reflected()
  /// with what the MAC table knows about the source.
  accept_unless_reflected,
};

/// The rule for a received frame, after LACP and reserved destinations have been dealt with.
/// Depends on whether the destination is multicast, on nothing else of the frame.
Admission admit(const OutputTable& table, MemberIndex arrived_on, const Headers& headers);

/// What the MAC table knows about a frame's (source, VLAN).
struct SourceEntry {
  bool known_elsewhere = false;  ///< on another port than this bond
  bool locked = false;           ///< by a gratuitous ARP on a port without a bond, a moment ago
};

/// For Admission::accept_unless_reflected: true means drop.  A station that moved behind the bond
/// announces itself with a gratuitous ARP, which passes unless the entry is locked.
bool is_reflected(const Headers& headers, const SourceEntry& source);

/// A learning packet and the member it leaves through.
struct LearningPacket {
  MemberIndex member = kNoMember;
  std::optional<Bucket> bucket;
  Frame frame;
  bool operator==(const LearningPacket&) const = default;
};

/// A MAC table entry that the switches behind the bond have to learn anew.
struct Address {
  MacAddress mac;
  VlanId vlan;
  bool operator==(const Address&) const = default;
};

/// The frame that makes the network learn where an address is now: a reverse ARP request
/// (RFC 903) from it to broadcast, 42 octets, or 46 with the entry's VLAN as 802.1Q tag.
Frame learning_frame(const Address& address);

/// One learning packet for each address, through the member that the bond chooses for its traffic;
/// none for an address that the bond would send nowhere.
std::vector<LearningPacket> learning_packets(const OutputTable& table,
                                             std::span<const Address> addresses);

}  // namespace bondway::bond
