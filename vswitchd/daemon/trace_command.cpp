#include <fmt/format.h>

#include "vswitchd/bridge/journey.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/netdev/flow_text.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

/// The interface through which the frame comes in: named itself, or as the only one of its port.
Result<const Interface*> entrance(Switch& sw, const SwitchBridge& bridge, const std::string& name) {
  const Interface* interface = sw.interfaces().find(name);
  if (interface == nullptr) {
    const SwitchPort* port = sw.find_port(name);
    if (port == nullptr) return fail("no such port");
    if (port->interfaces.size() != 1) return fail("{} is a bond: name one of its members", name);
    interface = sw.interfaces().find(port->interfaces.front());
  }
  if (interface->bridge != bridge.id) {
    return fail("{} is no port of {}", name, bridge.bridge->settings().name);
  }
  if (sw.plan().find(interface->id) == nullptr) return fail("{} could not be opened", name);
  return interface;
}

std::string describe_ends(const bridge::Journey& journey, const Headers& headers,
                          const bridge::Trace& trace) {
  std::string text;
  for (const bridge::Delivery& sent : journey.sent) {
    text += fmt::format("sent: {}, {}\n", trace.name(sent.interface),
                        bridge::describe_tags(bridge::edited(headers, sent.edit)));
  }
  for (const bridge::Delivery& heard : journey.to_control) {
    text += fmt::format("handed to control: {}\n", trace.name(heard.interface));
  }
  return text.empty() ? "sent: nowhere\n" : text;
}

Result<std::string> trace(Switch& sw, const Args& args) {
  SwitchBridge* bridge = sw.find_bridge(args[0]);
  if (bridge == nullptr) return fail("no such bridge");
  const auto in = entrance(sw, *bridge, args[1]);
  if (!in) return tl::unexpected(in.error());
  const auto frame = netdev::parse_packet_or_flow(args[2], std::nullopt);
  if (!frame) return tl::unexpected(frame.error());
  const auto headers = parse_headers(frame->view(), sw.plan().vlan_limit);
  if (!headers) return fail("the frame is too short for its headers");

  bridge::Trace trace([&sw](bridge::InterfaceId id) {
    const Interface* interface = sw.interfaces().find(id);
    return interface == nullptr ? std::string("?") : interface->settings.name;
  });
  bridge::Journey journey;
  sw.datapath().exclusively([&] {
    journey =
        bridge::rehearse(*headers, frame->octets.size(), (*in)->id, sw.plan(), sw.now(), trace);
  });
  return trace.text() + describe_ends(journey, *headers, trace);
}

}  // namespace

void add_trace_command(process::CommandTable& table, Switch& sw) {
  table.add("bridge/trace", "bridge port frame|flow", 3, 3,
            [&sw](const Args& args) { return trace(sw, args); });
}

}  // namespace bondway::daemon
