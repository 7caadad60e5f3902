#include "vswitchd/stp/bpdu.hpp"

#include <algorithm>
#include <array>

namespace bondway::stp {
namespace {

using Octets = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 17;    ///< addresses, length, LLC
constexpr std::size_t kMinFrame = 60;  ///< without frame check sequence
constexpr std::size_t kConfigSize = 35, kTopologyChangeSize = 4;
enum Type : std::uint8_t { kConfig = 0x00, kRapid = 0x02, kTopologyChange = 0x80 };
constexpr std::array<std::uint8_t, 3> kLlc{0x42, 0x42, 0x03};
constexpr std::uint8_t kChangeFlag = 0x01, kAckFlag = 0x80;
constexpr std::size_t kRapidSize = 36;
constexpr std::uint8_t kRapidVersion = 2;
enum RapidFlag : std::uint8_t {  // IEEE 802.1D-2004, 9.3.3
  kProposal = 0x02,
  kLearning = 0x10,
  kForwarding = 0x20,
  kAgreement = 0x40
};
constexpr std::size_t kVersionAt = kHeader + 2, kTypeAt = kHeader + 3, kFlagsAt = kHeader + 4;

class Writer {
 public:
  void u8(std::uint8_t number) { octets_.push_back(number); }
  void u16(std::uint16_t number) {
    u8(static_cast<std::uint8_t>(number >> 8));
    u8(static_cast<std::uint8_t>(number & 0xff));
  }
  void u32(std::uint32_t number) {
    u16(static_cast<std::uint16_t>(number >> 16));
    u16(static_cast<std::uint16_t>(number & 0xffff));
  }
  void mac(const MacAddress& mac) {
    octets_.insert(octets_.end(), mac.octets().begin(), mac.octets().end());
  }
  void id(const BridgeId& id) {
    u16(id.priority);
    mac(id.mac);
  }
  /// In units of 1/256 second.  9.2.8.
  void time(Duration span) {
    u16(static_cast<std::uint16_t>(std::min<Duration::rep>(span * 256 / 1s, 0xffff)));
  }
  std::vector<std::uint8_t> take() {
    octets_.resize(std::max(octets_.size(), kMinFrame));
    return std::move(octets_);
  }

 private:
  std::vector<std::uint8_t> octets_;
};

/// Reads what the caller has found to be long enough.
class Reader {
 public:
  explicit Reader(Octets octets) : octets_(octets) {}
  std::uint8_t u8() { return octets_[at_++]; }
  std::uint16_t u16() {
    const int high = u8() << 8;
    return static_cast<std::uint16_t>(high | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = static_cast<std::uint32_t>(u16()) << 16;
    return high | u16();
  }
  BridgeId id() {
    const std::uint16_t priority = u16();
    const MacAddress mac = MacAddress::from_bytes(octets_.subspan(at_));
    at_ += 6;
    return {priority, mac};
  }
  Duration time() { return Duration(1s) * u16() / 256; }

 private:
  Octets octets_;
  std::size_t at_ = 0;
};

void write(Writer& writer, const ConfigBpdu& bpdu) {
  writer.u8(kConfig);
  writer.u8(static_cast<std::uint8_t>((bpdu.topology_change ? kChangeFlag : 0) |
                                      (bpdu.topology_change_ack ? kAckFlag : 0)));
  writer.id(bpdu.root);
  writer.u32(bpdu.root_path_cost);
  writer.id(bpdu.bridge);
  writer.u16(bpdu.port.number);
  writer.time(bpdu.message_age);
  writer.time(bpdu.max_age);
  writer.time(bpdu.hello_time);
  writer.time(bpdu.forward_delay);
}

void write(Writer& writer, const TopologyChangeBpdu&) { writer.u8(kTopologyChange); }

ConfigBpdu read_config(Reader& reader) {
  ConfigBpdu bpdu;
  const std::uint8_t flags = reader.u8();
  bpdu.topology_change = (flags & kChangeFlag) != 0;
  bpdu.topology_change_ack = (flags & kAckFlag) != 0;
  bpdu.root = reader.id();
  bpdu.root_path_cost = reader.u32();
  bpdu.bridge = reader.id();
  bpdu.port = {reader.u16()};
  bpdu.message_age = reader.time();
  bpdu.max_age = reader.time();
  bpdu.hello_time = reader.time();
  bpdu.forward_delay = reader.time();
  return bpdu;
}

}  // namespace

std::vector<std::uint8_t> encode(const Bpdu& bpdu, const MacAddress& source) {
  const bool is_config = std::holds_alternative<ConfigBpdu>(bpdu);
  Writer writer;
  writer.mac(kBridgeGroupAddress);
  writer.mac(source);
  writer.u16(static_cast<std::uint16_t>(3 + (is_config ? kConfigSize : kTopologyChangeSize)));
  for (const std::uint8_t octet : kLlc) writer.u8(octet);  // LLC, 7.12.3
  writer.u16(0);                                           // protocol identifier
  writer.u8(0);                                            // version
  std::visit([&](const auto& b) { write(writer, b); }, bpdu);
  return writer.take();
}

Result<Bpdu> decode(std::span<const std::uint8_t> frame) {
  if (frame.size() < kHeader + kTopologyChangeSize) return fail("shorter than any BPDU");
  if (frame[14] != 0x42 || frame[15] != 0x42) return fail("not of the spanning tree's LLC address");
  Reader reader(frame.subspan(kHeader));
  if (reader.u16() != 0) return fail("not the spanning tree protocol");
  reader.u8();  // a newer version is read as ours: 9.3.4
  const std::uint8_t type = reader.u8();
  if (type == kTopologyChange) return TopologyChangeBpdu();
  if (type != kConfig && type != kRapid) return fail("BPDU type 0x{:02x} is unknown", type);
  if (frame.size() < kHeader + kConfigSize) return fail("shorter than a configuration BPDU");
  return read_config(reader);
}

std::vector<std::uint8_t> encode(const RapidBpdu& bpdu, const MacAddress& source) {
  auto frame = encode(Bpdu(bpdu.config), source);
  frame[13] = 3 + kRapidSize;  // the octet more is the length of version 1's part, zero
  frame[kVersionAt] = kRapidVersion;
  frame[kTypeAt] = kRapid;
  const auto flag = [](bool is_set, RapidFlag mask) { return is_set ? mask : 0; };
  frame[kFlagsAt] = static_cast<std::uint8_t>(
      (bpdu.config.topology_change ? kChangeFlag : 0) | flag(bpdu.proposal, kProposal) |
      static_cast<int>(bpdu.role) << 2 | flag(bpdu.learning, kLearning) |
      flag(bpdu.forwarding, kForwarding) | flag(bpdu.agreement, kAgreement));
  return frame;
}

Result<AnyBpdu> decode_any(std::span<const std::uint8_t> frame) {
  auto bpdu = decode(frame);
  if (!bpdu) return tl::unexpected(bpdu.error());
  auto* config = std::get_if<ConfigBpdu>(&*bpdu);
  if (config == nullptr) return TopologyChangeBpdu();
  if (frame[kTypeAt] != kRapid) return *config;
  if (frame[kVersionAt] < kRapidVersion) return fail("a rapid BPDU of an old version");
  if (frame.size() < kHeader + kRapidSize) return fail("shorter than a rapid BPDU");
  const std::uint8_t flags = frame[kFlagsAt];
  config->topology_change_ack = false;  // 14.6: not used by the rapid protocol
  const auto has = [flags](RapidFlag flag) { return (flags & flag) != 0; };
  return RapidBpdu{*config,          static_cast<RapidRole>(flags >> 2 & 3),
                   has(kProposal),   has(kLearning),
                   has(kForwarding), has(kAgreement)};
}

}  // namespace bondway::stp
