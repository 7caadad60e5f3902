#include <map>

#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/lacp/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;
using Render = std::string (*)(const lacp::LagView&, lacp::Layout);

lacp::Layout layout(const Switch& sw) {
  switch (sw.settings().layout) {
    case bond::Layout::v3_1:
      return lacp::Layout::v3_1;
    case bond::Layout::v2_0:
      return lacp::Layout::v2_0;
    case bond::Layout::v1_4:
      return lacp::Layout::v1_4;
  }
  return lacp::Layout::v3_1;
}

/// One port, or all of them in the order in which LACP was switched on.
Result<std::string> show(Switch& sw, const Args& args, Render render) {
  if (!args.empty()) {
    const SwitchPort* port = sw.find_port(args[0]);
    const lacp::Lag* lag = port == nullptr ? nullptr : sw.port(*port).lag();
    if (lag == nullptr) return fail("no such lacp object");
    return render(lag->view(sw.now()), layout(sw));
  }
  std::map<std::uint64_t, const lacp::Lag*> by_age;
  for (const auto& [row, port] : sw.ports()) {
    if (const lacp::Lag* lag = sw.port(port).lag()) by_age[port.lacp_since] = lag;
  }
  std::string text;
  for (const auto& [age, lag] : by_age) text += render(lag->view(sw.now()), layout(sw));
  return text;
}

}  // namespace

void add_lacp_commands(process::CommandTable& table, Switch& sw) {
  table.add("lacp/show", "[port]", 0, 1,
            [&sw](const Args& args) { return show(sw, args, &lacp::to_text); });
  table.add("lacp/show-stats", "[port]", 0, 1,
            [&sw](const Args& args) { return show(sw, args, &lacp::stats_to_text); });
}

}  // namespace bondway::daemon
