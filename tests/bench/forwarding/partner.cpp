// forwarding_partner: the far end of a bond's LACP, on devices of one namespace.  Prints a line for
// every change of what it thinks of the bond, and at the end (SIGTERM) how often a partner fell
// silent.

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <exception>
#include <variant>
#include <vector>

#include "tests/bench/forwarding/place.hpp"
#include "vswitchd/lacp/lag.hpp"
#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/control_socket.hpp"
#include "vswitchd/netdev/links.hpp"

namespace bondway::bench {
namespace {

class Partner {
 public:
  explicit Partner(const std::vector<std::string>& devices) : lag_(config()) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const netdev::Link* link = links_.find(devices[i]);
      auto socket = netdev::ControlSocket::open(link == nullptr ? 0 : link->ifindex,
                                                netdev::ControlSocket::Kind::slow_protocols);
      if (link == nullptr || !socket) throw std::runtime_error("cannot open " + devices[i]);
      sockets_.push_back(std::move(*socket));
      names_.push_back(devices[i]);
      lacp::MemberConfig member;
      member.name = devices[i];
      member.mac = link->mac;
      member.port_id = static_cast<std::uint16_t>(i + 1);
      perform(lag_.add_member(id(i), member, state_of(*link), now()));
    }
  }

  void run(int signals) {
    std::vector<pollfd> waiting{{signals, POLLIN, 0}, {links_.fd(), POLLIN, 0}};
    for (const auto& socket : sockets_) waiting.push_back({socket.fd(), POLLIN, 0});
    while ((waiting[0].revents & POLLIN) == 0) {
      poll(waiting.data(), waiting.size(), timeout());
      take_links();
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        sockets_[i].receive(buffers_, [&](const FrameView& frame) {
          if (lacp::is_link_aggregation(frame.octets))
            perform(lag_.receive(id(i), frame.octets, now()));
        });
      }
      perform(lag_.expire(now()));
      note_expiries();
    }
    fmt::print("{{\"expired\": {}, \"negotiated\": {}}}\n", expired_,
               lag_.status() == lacp::Negotiation::negotiated);
  }

 private:
  static lacp::LagConfig config() {
    lacp::LagConfig config;
    config.name = "partner";
    config.activity = lacp::Activity::active;
    config.time = lacp::LacpTime::fast;
    config.system_id = MacAddress::from_number(0x02cccccccc01);
    return config;
  }
  static lacp::MemberId id(std::size_t index) {
    return lacp::MemberId(static_cast<std::uint32_t>(index));
  }
  static TimePoint now() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }
  static lacp::Link state_of(const netdev::Link& link) {
    return link.admin_up && link.carrier ? lacp::Link::up : lacp::Link::down;
  }

  int timeout() const {
    const auto deadline = lag_.deadline();
    if (!deadline) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - now());
    return left.count() < 0 ? 0 : static_cast<int>(left.count()) + 1;
  }

  void take_links() {
    for (const auto& event : links_.read()) {
      for (std::size_t i = 0; event.after && i < names_.size(); ++i) {
        if (event.after->name == names_[i])
          perform(lag_.link_changed(id(i), state_of(*event.after), now()));
      }
    }
  }

  void note_expiries() {
    expired_ = 0;
    for (const auto& member : lag_.view(now()).members) expired_ += member.counters.link_expired;
  }

  void perform(const lacp::Actions& actions) {
    for (const lacp::Action& action : actions) {
      if (const auto* send = std::get_if<lacp::SendPdu>(&action)) {
        static_cast<void>(sockets_[static_cast<std::size_t>(send->member)].send({send->frame, {}}));
      }
    }
  }

  netdev::Links links_;
  lacp::Lag lag_;
  std::vector<netdev::ControlSocket> sockets_;
  std::vector<std::string> names_;
  netdev::FrameBuffers buffers_;
  std::uint64_t expired_ = 0;
};

int main(int argc, char** argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  check(sigprocmask(SIG_BLOCK, &ends, nullptr), "sigprocmask");
  const netdev::UniqueFd signals(check(signalfd(-1, &ends, 0), "signalfd"));
  Partner(std::vector<std::string>(argv + 1, argv + argc)).run(signals.get());
  return 0;
}

}  // namespace
}  // namespace bondway::bench

int main(int argc, char** argv) {
  try {
    return bondway::bench::main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "forwarding_partner: {}\n", error.what());
    return 1;
  }
}
