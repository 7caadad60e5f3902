#include "vswitchd/netdev/flow_text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "vswitchd/netdev/offload.hpp"

namespace bondway::netdev {
namespace {

using Octets = std::vector<std::uint8_t>;
using Address = std::array<std::uint8_t, 16>;  ///< IPv4 in the first four octets

constexpr std::size_t kMinFrame = 14, kPayload = 64;
constexpr std::uint8_t kIcmp = 1, kIgmp = 2, kTcp = 6, kUdp = 17, kIcmpv6 = 58, kSctp = 132;
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;  ///< RFC 4861, 4.3 and 4.4
constexpr EtherType kMplsType{0x8847}, kMplsMulticastType{0x8848};

enum class Fragment : std::uint8_t { no, first, later };

/// What the text says.
struct Flow {
  MacAddress destination, source;
  std::vector<VlanTag> tags;
  std::optional<EtherType> type;
  Address ip_source{}, ip_destination{};
  std::uint8_t protocol = 0, traffic_class = 0, hops = 0;
  std::uint32_t label = 0;
  Fragment fragment = Fragment::no;
  std::uint16_t source_port = 0, destination_port = 0, tcp_flags = 0;
  std::uint8_t icmp_type = 0, icmp_code = 0;
  std::uint16_t arp_opcode = 0;
  MacAddress arp_sender, arp_target;
  Address neighbor{};
  MacAddress neighbor_source, neighbor_target;
  std::vector<std::uint32_t> mpls;
};

// ---- Reading ------------------------------------------------------------------------------------

/// Reads a field's value into where it belongs; false if it is none.
using Reader = std::function<bool(std::string_view)>;
struct Field {
  std::string_view key;
  Reader read;
};

std::optional<std::uint64_t> to_number(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <typename Number>
Reader number(Number& into, std::uint64_t most) {
  return [&into, most](std::string_view text) {
    const auto value = to_number(text);
    if (!value || *value > most) return false;
    into = static_cast<Number>(*value);
    return true;
  };
}

Reader mac(MacAddress& into) {
  return [&into](std::string_view text) {
    const auto address = text.size() <= 17 ? MacAddress::parse(text) : std::nullopt;
    if (address) into = *address;
    return address.has_value();
  };
}

Reader address(Address& into, int family) {
  return [&into, family](std::string_view text) {
    return inet_pton(family, std::string(text).c_str(), into.data()) == 1;
  };
}

Reader fragment(Fragment& into) {
  return [&into](std::string_view text) {
    if (text == "no") into = Fragment::no;
    if (text == "first") into = Fragment::first;
    if (text == "later") into = Fragment::later;
    return text == "no" || text == "first" || text == "later";
  };
}

/// Cuts the part up to `separator`, or all, off the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const auto part = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return part;
}

bool read_fields(std::string_view text, const std::vector<Field>& fields) {
  while (!text.empty()) {
    std::string_view value = take_until(text, ',');
    const auto key = take_until(value, '=');
    const auto field = std::ranges::find(fields, key, &Field::key);
    if (field == fields.end() || !field->read(value)) return false;
  }
  return true;
}

bool read_tcp_flags(std::string_view text, std::uint16_t& flags) {
  constexpr std::array<std::string_view, 9> kNames{"fin", "syn", "rst", "psh", "ack",
                                                   "urg", "ece", "cwr", "ns"};
  if (number(flags, 0xfff)(text)) return true;
  flags = 0;
  while (!text.empty()) {
    const auto name = std::ranges::find(kNames, take_until(text, '|'));
    if (name == kNames.end()) return false;
    flags = static_cast<std::uint16_t>(flags | 1U << (name - kNames.begin()));
  }
  return true;
}

bool is_tag(std::optional<EtherType> type) { return type == kVlanType || type == kServiceVlanType; }

/// A tag counts only behind an eth_type that announces it.
bool read_vlan(std::string_view text, Flow& flow) {
  unsigned vid = 0, pcp = 0, cfi = 1;
  if (!read_fields(text,
                   {{"vid", number(vid, 4095)}, {"pcp", number(pcp, 7)}, {"cfi", number(cfi, 1)}}))
    return false;
  if (!is_tag(flow.type)) return true;
  flow.tags.push_back(
      {static_cast<std::uint16_t>(*flow.type), static_cast<std::uint16_t>(pcp << 13 | vid)});
  flow.type = EtherType{0};
  return true;
}

bool read_mpls(std::string_view text, Flow& flow) {
  unsigned label = 0, traffic_class = 0, hops = 0, bottom = 0;
  if (!read_fields(text, {{"label", number(label, 0xfffff)},
                          {"tc", number(traffic_class, 7)},
                          {"ttl", number(hops, 255)},
                          {"bos", number(bottom, 1)}}))
    return false;
  flow.mpls.push_back(label << 12 | traffic_class << 9 | bottom << 8 | hops);
  return true;
}

/// What is known to a datapath about a packet but is not in it.
bool is_metadata(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames{"in_port",  "recirc_id", "skb_priority",
                                                   "skb_mark", "dp_hash",   "ct_state",
                                                   "ct_zone",  "ct_mark",   "packet_type"};
  return std::ranges::find(kNames, name) != kNames.end();
}

bool read_network(std::string_view name, std::string_view text, Flow& flow) {
  if (name == "ipv4") {
    return read_fields(text, {{"src", address(flow.ip_source, AF_INET)},
                              {"dst", address(flow.ip_destination, AF_INET)},
                              {"proto", number(flow.protocol, 255)},
                              {"tos", number(flow.traffic_class, 255)},
                              {"ttl", number(flow.hops, 255)},
                              {"frag", fragment(flow.fragment)}});
  }
  if (name == "ipv6") {
    return read_fields(text, {{"src", address(flow.ip_source, AF_INET6)},
                              {"dst", address(flow.ip_destination, AF_INET6)},
                              {"label", number(flow.label, 0xfffff)},
                              {"proto", number(flow.protocol, 255)},
                              {"tclass", number(flow.traffic_class, 255)},
                              {"hlimit", number(flow.hops, 255)},
                              {"frag", fragment(flow.fragment)}});
  }
  return name == "arp" && read_fields(text, {{"sip", address(flow.ip_source, AF_INET)},
                                             {"tip", address(flow.ip_destination, AF_INET)},
                                             {"op", number(flow.arp_opcode, 0xffff)},
                                             {"sha", mac(flow.arp_sender)},
                                             {"tha", mac(flow.arp_target)}});
}

bool read_transport(std::string_view name, std::string_view text, Flow& flow) {
  if (name == "tcp" || name == "udp" || name == "sctp") {
    return read_fields(text, {{"src", number(flow.source_port, 0xffff)},
                              {"dst", number(flow.destination_port, 0xffff)}});
  }
  if (name == "tcp_flags") return read_tcp_flags(text, flow.tcp_flags);
  if (name == "icmp" || name == "icmpv6") {
    return read_fields(
        text, {{"type", number(flow.icmp_type, 255)}, {"code", number(flow.icmp_code, 255)}});
  }
  return name == "nd" && read_fields(text, {{"target", address(flow.neighbor, AF_INET6)},
                                            {"sll", mac(flow.neighbor_source)},
                                            {"tll", mac(flow.neighbor_target)}});
}

bool read_item(std::string_view name, std::string_view text, Flow& flow) {
  if (is_metadata(name)) return true;
  if (name == "eth")
    return read_fields(text, {{"src", mac(flow.source)}, {"dst", mac(flow.destination)}});
  if (name == "eth_type") {
    const auto type = to_number(text);
    if (!type || *type > 0xffff) return false;
    flow.type = EtherType{static_cast<std::uint16_t>(*type)};
    return true;
  }
  if (name == "vlan") return read_vlan(text, flow);
  if (name == "mpls") return read_mpls(text, flow);
  return read_network(name, text, flow) || read_transport(name, text, flow);
}

/// The end of the parentheses that `text` begins with, or npos.
std::size_t find_close(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i;
  }
  return text.npos;
}

/// Reads `name(...)` after `name(...)`, with at most `depth` packets inside each other.  The error
/// is the text from the first one that is none.
tl::expected<void, std::string_view> read_flow(std::string_view text, Flow& flow, int depth = 4) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty()) return {};
    const std::size_t open = text.find('(');
    if (open == text.npos) return tl::unexpected(text);
    const std::size_t size = find_close(text.substr(open));
    if (size == text.npos) return tl::unexpected(text);
    const auto name = text.substr(0, open), inside = text.substr(open + 1, size - 1);
    if (name == "encap") {
      const bool tagged = !flow.tags.empty();
      Flow lost;
      if (depth == 0 || !read_flow(inside, tagged ? flow : lost, depth - 1)) {
        return tl::unexpected(text);
      }
    } else if (!read_item(name, inside, flow)) {
      return tl::unexpected(text);
    }
    text.remove_prefix(open + size + 1);
  }
}

/// White space between the octets, as people copy them, does not matter.
std::optional<Octets> read_hex(std::string_view spaced) {
  std::string text;
  std::ranges::copy_if(spaced, std::back_inserter(text), [](char c) { return c != ' '; });
  if (text.size() % 2 != 0 || text.size() < 2 * kMinFrame) return std::nullopt;
  Octets octets(text.size() / 2);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char* digits = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, octets[i], 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
  }
  return octets;
}

// ---- Composing ----------------------------------------------------------------------------------

void put_u8(Octets& to, unsigned value) { to.push_back(static_cast<std::uint8_t>(value)); }
void put_u16(Octets& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
void put_u32(Octets& to, std::uint32_t value) {
  put_u16(to, value >> 16);
  put_u16(to, value & 0xffff);
}
void put(Octets& to, std::span<const std::uint8_t> more) {
  to.insert(to.end(), more.begin(), more.end());
}

void overwrite_u16(Octets& octets, std::size_t at, std::size_t value) {
  octets[at] = static_cast<std::uint8_t>(value >> 8);
  octets[at + 1] = static_cast<std::uint8_t>(value);
}

bool is_ipv6(const Flow& flow) { return flow.type == kIpv6Type; }
bool is_neighbor_discovery(const Flow& flow) {
  return flow.icmp_type == kSolicitation || flow.icmp_type == kAdvertisement;
}

/// Of a segment that ends at the end of `packet`; addresses, protocol and length belong to the sum.
std::uint16_t transport_checksum(const Flow& flow, std::span<const std::uint8_t> segment) {
  const std::size_t size = is_ipv6(flow) ? 16 : 4;
  Octets pseudo;
  put(pseudo, std::span(flow.ip_source).first(size));
  put(pseudo, std::span(flow.ip_destination).first(size));
  put_u32(pseudo, static_cast<std::uint32_t>(segment.size()));
  put_u32(pseudo, flow.protocol);
  return fold(add_to_sum(segment, add_to_sum(pseudo)));
}

/// A transport header with its checksum still to be made, at `checksum` unless that is zero.
struct Transport {
  Octets header;
  std::size_t checksum = 0;
  bool has_payload = false;
  bool sums_addresses = true;
};

Transport tcp_header(const Flow& flow) {
  constexpr std::uint16_t kFinSynRst = 0x07;
  Transport tcp{{}, 16, (flow.tcp_flags & kFinSynRst) == 0, true};
  put_u16(tcp.header, flow.source_port);
  put_u16(tcp.header, flow.destination_port);
  put_u32(tcp.header, 0);
  put_u32(tcp.header, 0);
  put_u16(tcp.header, 5U << 12 | flow.tcp_flags);
  tcp.header.resize(20);
  return tcp;
}

Transport port_header(const Flow& flow, std::size_t size, std::size_t checksum) {
  Transport transport{{}, checksum, checksum != 0, true};
  put_u16(transport.header, flow.source_port);
  put_u16(transport.header, flow.destination_port);
  transport.header.resize(size);
  return transport;
}

Transport icmp_header(const Flow& flow) {
  Transport icmp{{flow.icmp_type, flow.icmp_code}, 2, true, is_ipv6(flow)};
  icmp.header.resize(8);
  if (!is_ipv6(flow) || !is_neighbor_discovery(flow)) return icmp;
  icmp.has_payload = false;
  put(icmp.header, flow.neighbor);
  constexpr std::uint8_t kSourceOption = 1, kTargetOption = 2;  // RFC 4861, 4.6.1
  for (const auto& [option, value] : {std::pair(kSourceOption, flow.neighbor_source),
                                      std::pair(kTargetOption, flow.neighbor_target)}) {
    if (value.is_zero()) continue;
    put_u8(icmp.header, option);
    put_u8(icmp.header, 1);
    put(icmp.header, value.octets());
  }
  return icmp;
}

Transport make_transport(const Flow& flow) {
  if (flow.fragment == Fragment::later) return {};
  switch (flow.protocol) {
    case kTcp:
      return tcp_header(flow);
    case kUdp:
      return port_header(flow, 8, 6);
    case kSctp:
      return port_header(flow, 12, 0);
    case kIcmp:
      return is_ipv6(flow) ? Transport{} : icmp_header(flow);
    case kIcmpv6:
      return is_ipv6(flow) ? icmp_header(flow) : Transport{};
    case kIgmp:
      return {Octets(8), 2, false, false};
    default:
      return {};
  }
}

void put_ip_header(Octets& frame, const Flow& flow, std::size_t payload) {
  if (is_ipv6(flow)) {
    put_u32(frame, 6U << 28 | std::uint32_t{flow.traffic_class} << 20 | flow.label);
    put_u16(frame, payload);
    put_u8(frame, flow.protocol);
    put_u8(frame, flow.hops);
    put(frame, flow.ip_source);
    put(frame, flow.ip_destination);
    return;
  }
  constexpr std::uint16_t kMoreFragments = 0x2000, kSomeOffset = 100;
  const std::uint16_t fragment = flow.fragment == Fragment::no      ? std::uint16_t{0}
                                 : flow.fragment == Fragment::first ? kMoreFragments
                                                                    : kMoreFragments | kSomeOffset;
  const std::size_t begin = frame.size();
  put_u8(frame, 0x45);
  put_u8(frame, flow.traffic_class);
  put_u16(frame, 20 + payload);
  put_u16(frame, 0);
  put_u16(frame, fragment);
  put_u8(frame, flow.hops);
  put_u8(frame, flow.protocol);
  put_u16(frame, 0);
  put(frame, std::span(flow.ip_source).first(4));
  put(frame, std::span(flow.ip_destination).first(4));
  overwrite_u16(frame, begin + 10, fold(add_to_sum(std::span(frame).subspan(begin))));
}

/// The packet of an IP flow; `room` is what `length` leaves for it, if it is given.
Result<void> put_ip(Octets& frame, const Flow& flow, std::optional<std::size_t> room) {
  Transport transport = make_transport(flow);
  Octets& segment = transport.header;
  const std::size_t header = is_ipv6(flow) ? 40 : 20;
  if (room) {
    if (*room < header + segment.size()) return fail("too small packet len");
    segment.resize(*room - header);
  } else if (transport.has_payload) {
    for (std::size_t i = 0; i < kPayload; ++i) put_u8(segment, static_cast<unsigned>(i));
  }
  if (flow.protocol == kUdp && transport.checksum != 0) overwrite_u16(segment, 4, segment.size());
  if (transport.checksum != 0) {
    const std::uint16_t sum =
        transport.sums_addresses ? transport_checksum(flow, segment) : fold(add_to_sum(segment));
    overwrite_u16(segment, transport.checksum, sum == 0 && flow.protocol == kUdp ? 0xffff : sum);
  }
  put_ip_header(frame, flow, segment.size());
  put(frame, segment);
  return {};
}

void put_arp(Octets& frame, const Flow& flow) {
  put(frame, std::array<std::uint8_t, 6>{0, 1, 8, 0, 6, 4});  // Ethernet and IPv4
  put_u16(frame, flow.arp_opcode);
  put(frame, flow.arp_sender.octets());
  put(frame, std::span(flow.ip_source).first(4));
  put(frame, flow.arp_target.octets());
  put(frame, std::span(flow.ip_destination).first(4));
}

void put_ethernet(Octets& frame, const Flow& flow) {
  put(frame, flow.destination.octets());
  put(frame, flow.source.octets());
  for (const VlanTag& tag : flow.tags) {
    put_u16(frame, tag.tpid);
    put_u16(frame, tag.tci);
  }
  // Without a type the frame is one of IEEE 802.3, which has its length there.
  put_u16(frame, flow.type ? static_cast<std::uint16_t>(*flow.type) : kMinFrame);
}

Result<Frame> compose(const Flow& flow, std::optional<std::size_t> length) {
  Octets frame;
  put_ethernet(frame, flow);
  std::optional<std::size_t> room;
  if (length) {
    if (*length < frame.size()) return fail("too small packet len");
    room = *length - frame.size();
  }
  if (flow.type == kIpv4Type || flow.type == kIpv6Type) {
    if (auto done = put_ip(frame, flow, room); !done) return tl::unexpected(done.error());
  } else if (flow.type == kArpType || flow.type == kRarpType) {
    put_arp(frame, flow);
  } else if (flow.type == kMplsType || flow.type == kMplsMulticastType) {
    for (const std::uint32_t entry : flow.mpls) put_u32(frame, entry);
  }
  if (length && frame.size() > *length) return fail("too small packet len");
  if (length) frame.resize(*length);
  return Frame{std::move(frame), {}};
}

}  // namespace

Result<Frame> parse_packet_or_flow(std::string_view text, std::optional<std::size_t> length) {
  constexpr std::size_t kLongest = 65535;
  if (auto octets = read_hex(text)) return Frame{std::move(*octets), {}};
  Flow flow;
  if (const auto done = read_flow(text, flow); !done)
    return fail("syntax error at {}", done.error());
  if (length && *length > kLongest) return fail("a frame has at most {} octets", kLongest);
  return compose(flow, length);
}

}  // namespace bondway::netdev
