#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "vswitchd/config/row.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/netdev/flow_text.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

netdev::Dummy* dummy_of(Interface* interface) {
  return interface == nullptr ? nullptr : dynamic_cast<netdev::Dummy*>(interface->device.get());
}

/// A leading number; anything else counts as zero.
std::size_t number(const std::string& text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The packets of `netdev-dummy/receive NAME [--qid N] PACKET [--len N] ...`.
Result<std::vector<Frame>> read_packets(const Args& args) {
  std::vector<Frame> frames;
  std::size_t at = 1;
  if (at + 1 < args.size() && args[at] == "--qid") {
    if (number(args[at + 1]) != 0) return fail("bad rx queue id.");
    at += 2;
  }
  while (at < args.size()) {
    const std::string& packet = args[at++];
    std::optional<std::size_t> length;
    const bool is_flow = packet.find('(') != std::string::npos;  // octets have their own length
    if (is_flow && at + 1 < args.size() && args[at] == "--len") {
      length = number(args[at + 1]);
      at += 2;
    }
    auto frame = netdev::parse_packet_or_flow(packet, length);
    if (!frame) return tl::unexpected(frame.error());
    frames.push_back(std::move(*frame));
  }
  return frames;
}

Result<std::string> receive(Switch& sw, const Args& args) {
  Interface* interface = sw.interfaces().find(args[0]);
  netdev::Dummy* dummy = dummy_of(interface);
  if (dummy == nullptr) return fail("no such dummy netdev");
  const auto frames = read_packets(args);
  if (!frames) return tl::unexpected(frames.error());
  for (const Frame& frame : *frames) dummy->inject(frame.view());
  sw.datapath().poll(interface->id);
  return "";
}

Result<std::string> set_admin_state(Switch& sw, const Args& args) {
  const std::string& word = args.back();
  const bool up = config::equal_ignoring_case(word, "up");
  if (!up && !config::equal_ignoring_case(word, "down")) return fail("Invalid Admin State");
  if (args.size() == 2 && dummy_of(sw.interfaces().find(args[0])) == nullptr) {
    return fail("Unknown Dummy Interface");
  }
  for (Interface* interface : sw.interfaces().all()) {
    netdev::Dummy* dummy = dummy_of(interface);
    if (dummy == nullptr) continue;
    if (args.size() == 2 && interface->settings.name != args[0]) continue;
    dummy->set_admin_state(up);
    sw.dummy_changed(*interface);
  }
  return "OK";
}

/// An address as octets, from `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`, which must be right
/// but is of no use here.
template <std::size_t kOctets>
Result<std::array<std::uint8_t, kOctets>> parse_address(const std::string& text) {
  constexpr int kFamily = kOctets == 4 ? AF_INET : AF_INET6;
  constexpr int kVersion = kOctets == 4 ? 4 : 6;
  constexpr int kBits = static_cast<int>(kOctets) * 8;
  const auto parse = [](const std::string& octets, std::array<std::uint8_t, kOctets>& into) {
    return inet_pton(kFamily, octets.c_str(), into.data()) == 1;
  };
  const std::string invalid =
      fmt::format("{}: invalid {} address", text, kVersion == 4 ? "IP" : "IPv6");
  std::array<std::uint8_t, kOctets> address{}, mask{};
  const std::size_t slash = text.find('/');
  if (!parse(text.substr(0, slash), address)) return fail("{}", invalid);
  if (slash == std::string::npos) return address;
  const std::string suffix = text.substr(slash + 1);
  int length = 0;
  const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), length);
  if (error == std::errc() && end == suffix.data() + suffix.size()) {
    if (length >= 0 && length <= kBits) return address;
    return fail("{}: IPv{} network prefix bits not between 0 and {}, inclusive", text, kVersion,
                kBits);
  }
  if (!parse(suffix, mask)) return fail("{}", invalid);
  return address;
}

Result<std::string> answer_for(Switch& sw, const Args& args) {
  netdev::Dummy* dummy = dummy_of(sw.interfaces().find(args[0]));
  if (dummy == nullptr) return fail("Unknown Dummy Interface");
  const auto address = parse_address<4>(args[1]);
  if (!address) return tl::unexpected(address.error());
  dummy->answer_for(*address);
  return "OK";
}

/// Neighbour solicitations go unanswered.
Result<std::string> accept_ipv6(Switch& sw, const Args& args) {
  if (dummy_of(sw.interfaces().find(args[0])) == nullptr) return fail("Unknown Dummy Interface");
  const auto address = parse_address<16>(args[1]);
  if (!address) return tl::unexpected(address.error());
  return "OK";
}

Result<std::string> connection_state(Switch& sw, const Args& args) {
  if (!args.empty()) {
    const netdev::Dummy* dummy = dummy_of(sw.interfaces().find(args[0]));
    return fmt::format("{}: {}", args[0], dummy == nullptr ? "unknown" : dummy->connection_state());
  }
  std::string text;
  for (Interface* interface : sw.interfaces().all()) {
    const netdev::Dummy* dummy = dummy_of(interface);
    if (dummy == nullptr || dummy->connection_state() == "unknown") continue;
    text += fmt::format("{}: {}\n", interface->settings.name, dummy->connection_state());
  }
  return text;
}

}  // namespace

void add_dummy_commands(process::CommandTable& table, Switch& sw) {
  table.add("netdev-dummy/receive", "name [--qid queue_id] packet|flow [--len packet_len]", 2,
            process::kAnyNumber, [&sw](const Args& args) { return receive(sw, args); });
  table.add("netdev-dummy/set-admin-state", "[netdev] up|down", 1, 2,
            [&sw](const Args& args) { return set_admin_state(sw, args); });
  table.add("netdev-dummy/ip4addr", "[netdev] ipaddr/mask-prefix-len", 2, 2,
            [&sw](const Args& args) { return answer_for(sw, args); });
  table.add("netdev-dummy/ip6addr", "[netdev] ip6addr", 2, 2,
            [&sw](const Args& args) { return accept_ipv6(sw, args); });
  table.add("netdev-dummy/conn-state", "[netdev]", 0, 1,
            [&sw](const Args& args) { return connection_state(sw, args); });
}

}  // namespace bondway::daemon
