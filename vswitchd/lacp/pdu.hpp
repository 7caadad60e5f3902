#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "vswitchd/net/mac_address.hpp"
#include "vswitchd/net/result.hpp"

/// The frames of link aggregation: LACPDUs and Marker PDUs.  IEEE 802.1AX-2014, 6.4.2 and 6.5.3.
namespace bondway::lacp {

/// Where every frame of the slow protocols goes.  IEEE 802.3, 57A.3.
inline constexpr MacAddress kSlowProtocolsAddress = MacAddress::from_number(0x0180'c200'0002);

inline constexpr std::uint16_t kSlowProtocolsType = 0x8809;

/// Length of every frame sent here: addresses and type, then 110 octets; no frame check sequence.
inline constexpr std::size_t kFrameSize = 124;

/// A flag of a port's state.  6.4.2.3, Figure 6-8.
enum class Flag : std::uint8_t {
  activity = 0x01,
  timeout = 0x02,  ///< wants to hear from us every second
  aggregation = 0x04,
  synchronization = 0x08,
  collecting = 0x10,
  distributing = 0x20,
  defaulted = 0x40,
  expired = 0x80,
};

/// A port's state: a set of flags, in the octet that the LACPDU carries.
class PortState {
 public:
  constexpr PortState() = default;
  constexpr explicit PortState(std::uint8_t octet) : octet_(octet) {}

  constexpr std::uint8_t octet() const { return octet_; }
  constexpr bool has(Flag flag) const { return (octet_ & static_cast<std::uint8_t>(flag)) != 0; }
  constexpr void set(Flag flag, bool on = true) { on ? add(flag) : clear(flag); }
  constexpr void clear(Flag flag) {
    octet_ = static_cast<std::uint8_t>(octet_ & ~static_cast<unsigned>(flag));
  }

  constexpr bool operator==(const PortState&) const = default;

 private:
  constexpr void add(Flag flag) {
    octet_ = static_cast<std::uint8_t>(octet_ | static_cast<unsigned>(flag));
  }

  std::uint8_t octet_ = 0;
};

/// The flags that are set, each as one word behind one space, as lacp/show prints them: " activity
/// timeout aggregation synchronized collecting distributing defaulted expired".
std::string to_string(PortState state);

/// What a LACPDU tells of one end of a link: the actor's or the partner's parameters.  6.4.2.3.
struct PortInfo {
  std::uint16_t system_priority = 0;
  MacAddress system_id{};
  std::uint16_t key = 0;
  std::uint16_t port_priority = 0;
  std::uint16_t port_id = 0;
  PortState state{};

  bool operator==(const PortInfo&) const = default;
};

/// A Link Aggregation Control PDU.  What it has besides (collector's maximum delay, reserved
/// octets) is sent as zero and ignored when received.
struct Lacpdu {
  std::uint8_t version = 1;
  PortInfo actor{}, partner{};

  bool operator==(const Lacpdu&) const = default;
};

/// A Marker PDU: a question put behind the data already sent on a link, or its echo.  6.5.3.2.
struct MarkerPdu {
  enum class Kind : std::uint8_t { information = 1, response = 2 };

  Kind kind = Kind::information;
  std::uint16_t requester_port = 0;
  MacAddress requester_system{};
  std::uint32_t transaction = 0;

  bool operator==(const MarkerPdu&) const = default;
};

using SlowPdu = std::variant<Lacpdu, MarkerPdu>;

/// Whether a frame belongs to link aggregation at all, well-formed or not: EtherType 0x8809 right
/// behind the addresses (so untagged), and subtype 1 or 2, or too short to have a subtype.  Frames
/// of other slow protocols (OAM, OSSP) are somebody else's.  IEEE 802.3, 57A.4.
bool is_link_aggregation(std::span<const std::uint8_t> frame);

/// Whether such a frame is a Marker PDU, well-formed or not.
bool is_marker(std::span<const std::uint8_t> frame);

/// Reads a frame from its destination address on; what follows the 124th octet is ignored.
/// Version, reserved fields and whatever follows the partner are not looked at, as 6.4.2.3 demands
/// of receivers.  Fails on a frame that is no slow protocol's, too short, of another subtype, or
/// whose actor and partner (or marker) are not where they belong.
Result<SlowPdu> decode(std::span<const std::uint8_t> frame);

/// The whole frame, with the sending port's own address as source.
std::vector<std::uint8_t> encode(const Lacpdu& pdu, const MacAddress& source);
std::vector<std::uint8_t> encode(const MarkerPdu& pdu, const MacAddress& source);

}  // namespace bondway::lacp
