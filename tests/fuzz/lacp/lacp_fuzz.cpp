#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "vswitchd/lacp/lag.hpp"

/// Reads its input as a script of what happens to a bond of two members: frames whole, cut and
/// mutilated, links that come and go, settings, time.  Whatever it says, the bond keeps the limits
/// of transmission and stays in defined states.
namespace bondway::lacp {
namespace {

constexpr std::array kMembers{MemberId{1}, MemberId{2}};

void require(bool condition) {
  if (!condition) std::abort();
}

/// The script, octet by octet; zeros behind its end.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> octets) : octets_(octets) {}

  bool ended() const { return octets_.empty(); }
  std::uint8_t next() {
    if (octets_.empty()) return 0;
    const std::uint8_t octet = octets_.front();
    octets_ = octets_.subspan(1);
    return octet;
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    const auto taken = octets_.first(std::min(count, octets_.size()));
    octets_ = octets_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> octets_;
};

class Play {
 public:
  explicit Play(Script script) : script_(script), lag_(config_) {
    for (std::size_t i = 0; i < kMembers.size(); ++i) {
      check(lag_.add_member(kMembers[i], port(i, 0), Link::up, now_));
    }
  }

  void run() {
    while (!script_.ended()) {
      check(step());
      check_states();
    }
  }

 private:
  static MemberConfig port(std::size_t i, std::uint8_t variation) {
    return {.name = i == 0 ? "e0" : "e1",
            .mac = MacAddress::from_number(0x0200'0000'0010 + i),
            .port_id = static_cast<std::uint16_t>(i + 1),
            .port_priority = static_cast<std::uint16_t>(variation & 3),
            .aggregation_key = static_cast<std::uint16_t>((variation >> 2) & 3),
            .duplex = (variation & 0x30) == 0x30 ? Duplex::half : Duplex::full};
  }

  void vary_config() {
    const std::uint8_t bits = script_.next();
    config_.activity = (bits & 1) != 0 ? Activity::active : Activity::passive;
    config_.time = (bits & 2) != 0 ? LacpTime::fast : LacpTime::slow;
    config_.fallback = (bits & 4) != 0 ? Fallback::active_backup : Fallback::none;
    config_.control = (bits & 8) != 0 ? MuxControl::independent : MuxControl::coupled;
    config_.aggregate_wait = (bits & 16) != 0 ? Duration(2s) : Duration(0s);
    config_.max_bundle = (bits >> 5) & 1U;
    config_.min_links = (bits >> 6) & 1U;
    config_.system_priority = bits >> 7;
  }

  /// A LACPDU like that of a partner, some of its octets replaced.
  std::vector<std::uint8_t> mutilated_pdu(std::size_t i) {
    const LagView view = lag_.view(now_);
    Lacpdu pdu{.actor = {.system_priority = 1,
                         .system_id = MacAddress::from_number(0x0200'0000'0001),
                         .key = 1,
                         .port_priority = 1,
                         .port_id = static_cast<std::uint16_t>(i + 1),
                         .state = PortState(script_.next())},
               .partner = view.members[i].actor};
    std::vector<std::uint8_t> frame = encode(pdu, {});
    for (std::uint8_t changes = script_.next() & 3; changes > 0; --changes) {
      const std::size_t at = script_.next() % frame.size();
      frame[at] = script_.next();
    }
    return frame;
  }

  Actions step() {
    const std::uint8_t what = script_.next();
    const std::size_t i = what & 1;
    switch ((what >> 1) & 7) {
      case 0: {
        const auto raw = script_.take(script_.next());
        const std::vector<std::uint8_t> frame(raw.begin(), raw.end());
        return lag_.receive(kMembers[i], frame, now_);
      }
      case 1:
      case 2:
        return lag_.receive(kMembers[i], mutilated_pdu(i), now_);
      case 3:
        return lag_.link_changed(kMembers[i], (what & 16) != 0 ? Link::up : Link::down, now_);
      case 4:
        vary_config();
        return lag_.configure(config_, now_);
      case 5:
        return lag_.configure_member(kMembers[i], port(i, script_.next()), now_);
      case 6:
        if ((what & 16) != 0) return lag_.send_marker(kMembers[i], now_);
        now_ += Duration(1ms) * script_.next() * script_.next();
        return lag_.expire(now_);
      default:
        if (const auto deadline = lag_.deadline()) now_ = std::max(now_, *deadline);
        return lag_.expire(now_);
    }
  }

  void check(const Actions& actions) {
    for (const Action& action : actions) {
      const auto* send = std::get_if<SendPdu>(&action);
      if (!send) continue;
      require(send->frame.size() == kFrameSize && decode(send->frame).has_value());
      const bool marker = is_marker(send->frame);
      auto& times = sent_[send->member == kMembers[0] ? 0 : 1][marker ? 1 : 0];
      std::erase_if(times, [this](TimePoint time) { return time + 1s <= now_; });
      times.push_back(now_);
      require(times.size() <= (marker ? 10U : 3U));
    }
  }

  void check_states() const {
    const LagView view = lag_.view(now_);
    require(!to_text(view).empty() && !stats_to_text(view).empty());
    std::size_t attached = 0;
    for (const MemberView& member : view.members) {
      require(member.rx != RxState::initialize);
      require(member.link_up || member.rx == RxState::port_disabled);
      require(member.mux < MuxState::attached || member.selected == Selected::selected);
      require(!member.may_enable || member.attached);
      if (member.mux >= MuxState::attached) ++attached;
    }
    require(view.max_bundle == 0 || attached <= view.max_bundle);
  }

  Script script_;
  TimePoint now_{Duration(1h)};
  LagConfig config_{.name = "bond",
                    .activity = Activity::active,
                    .system_id = MacAddress::from_number(0x0200'0000'00ff)};
  Lag lag_;
  std::array<std::array<std::vector<TimePoint>, 2>, 2> sent_;
};

/// What was understood can be said again, and is understood the same.
void check_decoder(std::span<const std::uint8_t> octets) {
  is_link_aggregation(octets);
  const Result<SlowPdu> pdu = decode(octets);
  if (!pdu) return;
  const auto again = std::visit([](const auto& known) { return encode(known, {}); }, *pdu);
  require(decode(again) == pdu);
}

}  // namespace
}  // namespace bondway::lacp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span octets(data, size);
  bondway::lacp::check_decoder(octets);
  bondway::lacp::Play(bondway::lacp::Script(octets)).run();
  return 0;
}
