// sent_frames FILE SEED: two ends of a link aggregation live through a random schedule, and every
// frame that either of them sends goes to a capture file; standard output says in a line for each
// what it is meant to say.  An independent dissector reads the file (lacp_frames.py).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <span>
#include <variant>

#include "tests/lacp/test_wire.hpp"

namespace bondway::lacp {
namespace {

constexpr MemberId kMembers[] = {MemberId{1}, MemberId{2}};

/// libpcap's classic format.
class CaptureFile {
 public:
  explicit CaptureFile(const char* path) : out_(path, std::ios::binary) {
    for (const std::uint32_t word : {0xa1b2c3d4U, 0x0004'0002U, 0U, 0U, 65535U, 1U}) put(word);
  }

  void add(std::span<const std::uint8_t> frame) {
    put(0);
    put(0);
    put(static_cast<std::uint32_t>(frame.size()));
    put(static_cast<std::uint32_t>(frame.size()));
    for (const std::uint8_t octet : frame) out_.put(static_cast<char>(octet));
  }

  bool good() const { return out_.good(); }

 private:
  void put(std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) out_.put(static_cast<char>(word >> shift & 0xff));
  }

  std::ofstream out_;
};

void print(const PortInfo& info) {
  std::printf(" %u %s %u %u %u %u", info.system_priority, to_string(info.system_id).c_str(),
              info.key, info.port_priority, info.port_id, info.state.octet());
}

void print(const SlowPdu& pdu) {
  if (const auto* lacpdu = std::get_if<Lacpdu>(&pdu)) {
    std::printf("lacpdu");
    print(lacpdu->actor);
    print(lacpdu->partner);
  } else {
    const auto& marker = std::get<MarkerPdu>(pdu);
    std::printf("marker %u %u %s %u", static_cast<unsigned>(marker.kind), marker.requester_port,
                to_string(marker.requester_system).c_str(), marker.transaction);
  }
  std::printf("\n");
}

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed), wire_(lag(below(2)), lag(below(2))) {
    for (const MemberId id : kMembers) {
      for (const std::size_t end : {TestWire::kLeft, TestWire::kRight}) {
        wire_.add(end, id, member(end, id));
      }
    }
  }

  void run(int steps) {
    while (steps-- > 0) step();
  }

  const TestWire& wire() const { return wire_; }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_()) % limit; }
  std::uint16_t any16() { return static_cast<std::uint16_t>(random_()); }

  LagConfig lag(unsigned active) {
    LagConfig config{.name = "bond0",
                     .activity = active == 0 ? Activity::passive : Activity::active,
                     .time = below(2) == 0 ? LacpTime::slow : LacpTime::fast};
    config.system_id = MacAddress::from_number(0x0200'0000'0000 + random_());
    config.system_priority = any16();
    config.control = below(2) == 0 ? MuxControl::coupled : MuxControl::independent;
    config.fallback = below(3) == 0 ? Fallback::active_backup : Fallback::none;
    config.max_bundle = below(4) == 0 ? 1 : 0;
    return config;
  }

  MemberConfig member(std::size_t end, MemberId id) {
    const auto number = static_cast<std::uint64_t>(end * 16) + static_cast<std::uint64_t>(id);
    return {.name = "p",
            .mac = MacAddress::from_number(0x0200'0000'1000 + number),
            .port_id = any16(),
            .port_priority = any16(),
            .aggregation_key = any16()};
  }

  void step() {
    const MemberId id = kMembers[below(2)];
    const std::size_t end = below(2);
    switch (below(8)) {
      case 0:
        return wire_.set_link(id, below(3) == 0 ? Link::down : Link::up);
      case 1:
        return below(2) == 0 ? wire_.cut(id) : wire_.mend(id);
      case 2:
        return wire_.act(
            end, [&](Lag& lag, TimePoint now) { return lag.configure(this->lag(below(3)), now); });
      case 3:
        return wire_.act(end, [&](Lag& lag, TimePoint now) {
          return lag.configure_member(id, member(end, id), now);
        });
      case 4:
      case 5:
        return wire_.act(end, [&](Lag& lag, TimePoint now) { return lag.send_marker(id, now); });
      default:
        return wire_.advance(Duration(std::chrono::milliseconds(below(5000))));
    }
  }

  std::mt19937 random_;
  TestWire wire_;
};

}  // namespace
}  // namespace bondway::lacp

int main(int argc, char** argv) {
  using namespace bondway::lacp;
  if (argc != 3) return 2;
  Schedule schedule(static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
  schedule.run(400);
  CaptureFile file(argv[1]);
  for (const std::size_t end : {TestWire::kLeft, TestWire::kRight}) {
    for (const Action& action : schedule.wire().seen(end)) {
      const auto* send = std::get_if<SendPdu>(&action);
      if (send == nullptr) continue;
      file.add(send->frame);
      if (const auto pdu = decode(send->frame)) print(*pdu);
    }
  }
  return file.good() ? 0 : 1;
}
