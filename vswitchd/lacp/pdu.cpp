#include "vswitchd/lacp/pdu.hpp"

#include <algorithm>

namespace bondway::lacp {
namespace {

constexpr std::size_t kTypeOffset = 12, kSubtypeOffset = 14, kVersionOffset = 15;
constexpr std::uint8_t kLacpSubtype = 1, kMarkerSubtype = 2;

// LACPDU, from the destination address on.
constexpr std::size_t kActorOffset = 16, kPartnerOffset = 36, kCollectorOffset = 56;
constexpr std::uint8_t kActorType = 1, kPartnerType = 2, kCollectorType = 3;
constexpr std::uint8_t kPortInfoLength = 20, kCollectorLength = 16;

// Marker PDU.
constexpr std::size_t kMarkerOffset = 16;
constexpr std::uint8_t kMarkerLength = 16;

std::uint16_t get16(std::span<const std::uint8_t> octets, std::size_t at) {
  return static_cast<std::uint16_t>((octets[at] << 8) | octets[at + 1]);
}

std::uint32_t get32(std::span<const std::uint8_t> octets, std::size_t at) {
  return (std::uint32_t{get16(octets, at)} << 16) | get16(octets, at + 2);
}

void put16(std::span<std::uint8_t> octets, std::size_t at, std::uint16_t value) {
  octets[at] = static_cast<std::uint8_t>(value >> 8);
  octets[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

void put32(std::span<std::uint8_t> octets, std::size_t at, std::uint32_t value) {
  put16(octets, at, static_cast<std::uint16_t>(value >> 16));
  put16(octets, at + 2, static_cast<std::uint16_t>(value & 0xffff));
}

void put_mac(std::span<std::uint8_t> octets, std::size_t at, const MacAddress& mac) {
  std::ranges::copy(mac.octets(), octets.begin() + static_cast<std::ptrdiff_t>(at));
}

bool has_tlv(std::span<const std::uint8_t> frame, std::size_t at, std::uint8_t type,
             std::uint8_t length) {
  return frame[at] == type && frame[at + 1] == length;
}

/// Reads what follows the two octets of an actor's or partner's TLV header at `at`.
PortInfo get_port_info(std::span<const std::uint8_t> frame, std::size_t at) {
  PortInfo info;
  info.system_priority = get16(frame, at + 2);
  info.system_id = MacAddress::from_bytes(frame.subspan(at + 4, 6));
  info.key = get16(frame, at + 10);
  info.port_priority = get16(frame, at + 12);
  info.port_id = get16(frame, at + 14);
  info.state = PortState(frame[at + 16]);
  return info;
}

void put_port_info(std::span<std::uint8_t> frame, std::size_t at, std::uint8_t type,
                   const PortInfo& info) {
  frame[at] = type;
  frame[at + 1] = kPortInfoLength;
  put16(frame, at + 2, info.system_priority);
  put_mac(frame, at + 4, info.system_id);
  put16(frame, at + 10, info.key);
  put16(frame, at + 12, info.port_priority);
  put16(frame, at + 14, info.port_id);
  frame[at + 16] = info.state.octet();
}

Result<SlowPdu> decode_lacpdu(std::span<const std::uint8_t> frame) {
  if (!has_tlv(frame, kActorOffset, kActorType, kPortInfoLength)) {
    return fail("LACPDU without actor information");
  }
  if (!has_tlv(frame, kPartnerOffset, kPartnerType, kPortInfoLength)) {
    return fail("LACPDU without partner information");
  }
  return Lacpdu{.version = frame[kVersionOffset],
                .actor = get_port_info(frame, kActorOffset),
                .partner = get_port_info(frame, kPartnerOffset)};
}

Result<SlowPdu> decode_marker(std::span<const std::uint8_t> frame) {
  MarkerPdu pdu;
  if (has_tlv(frame, kMarkerOffset, static_cast<std::uint8_t>(MarkerPdu::Kind::response),
              kMarkerLength)) {
    pdu.kind = MarkerPdu::Kind::response;
  } else if (!has_tlv(frame, kMarkerOffset, static_cast<std::uint8_t>(MarkerPdu::Kind::information),
                      kMarkerLength)) {
    return fail("Marker PDU without marker information or response");
  }
  pdu.requester_port = get16(frame, kMarkerOffset + 2);
  pdu.requester_system = MacAddress::from_bytes(frame.subspan(kMarkerOffset + 4, 6));
  pdu.transaction = get32(frame, kMarkerOffset + 10);
  return pdu;
}

/// A frame with its Ethernet header, subtype and version filled in and the rest zero.
std::vector<std::uint8_t> blank_frame(const MacAddress& source, std::uint8_t subtype) {
  std::vector<std::uint8_t> frame(kFrameSize);
  put_mac(frame, 0, kSlowProtocolsAddress);
  put_mac(frame, 6, source);
  put16(frame, kTypeOffset, kSlowProtocolsType);
  frame[kSubtypeOffset] = subtype;
  frame[kVersionOffset] = 1;
  return frame;
}

}  // namespace

std::string to_string(PortState state) {
  constexpr std::array<std::string_view, 8> kWords{" activity",     " timeout",    " aggregation",
                                                   " synchronized", " collecting", " distributing",
                                                   " defaulted",    " expired"};
  std::string words;
  for (std::size_t bit = 0; bit < kWords.size(); ++bit) {
    if ((state.octet() >> bit) & 1) words += kWords[bit];
  }
  return words;
}

bool is_link_aggregation(std::span<const std::uint8_t> frame) {
  if (frame.size() < kSubtypeOffset || get16(frame, kTypeOffset) != kSlowProtocolsType)
    return false;
  if (frame.size() == kSubtypeOffset) return true;
  return frame[kSubtypeOffset] == kLacpSubtype || is_marker(frame);
}

bool is_marker(std::span<const std::uint8_t> frame) {
  return frame.size() > kSubtypeOffset && frame[kSubtypeOffset] == kMarkerSubtype;
}

Result<SlowPdu> decode(std::span<const std::uint8_t> frame) {
  if (frame.size() < kFrameSize) {
    return fail("slow protocol frame of {} octets, less than {}", frame.size(), kFrameSize);
  }
  if (get16(frame, kTypeOffset) != kSlowProtocolsType) return fail("not a slow protocol frame");
  switch (frame[kSubtypeOffset]) {
    case kLacpSubtype:
      return decode_lacpdu(frame);
    case kMarkerSubtype:
      return decode_marker(frame);
    default:
      return fail("slow protocol subtype {}", frame[kSubtypeOffset]);
  }
}

std::vector<std::uint8_t> encode(const Lacpdu& pdu, const MacAddress& source) {
  std::vector<std::uint8_t> frame = blank_frame(source, kLacpSubtype);
  frame[kVersionOffset] = pdu.version;
  put_port_info(frame, kActorOffset, kActorType, pdu.actor);
  put_port_info(frame, kPartnerOffset, kPartnerType, pdu.partner);
  frame[kCollectorOffset] = kCollectorType;
  frame[kCollectorOffset + 1] = kCollectorLength;
  return frame;
}

std::vector<std::uint8_t> encode(const MarkerPdu& pdu, const MacAddress& source) {
  std::vector<std::uint8_t> frame = blank_frame(source, kMarkerSubtype);
  frame[kMarkerOffset] = static_cast<std::uint8_t>(pdu.kind);
  frame[kMarkerOffset + 1] = kMarkerLength;
  put16(frame, kMarkerOffset + 2, pdu.requester_port);
  put_mac(frame, kMarkerOffset + 4, pdu.requester_system);
  put32(frame, kMarkerOffset + 10, pdu.transaction);
  return frame;
}

}  // namespace bondway::lacp
