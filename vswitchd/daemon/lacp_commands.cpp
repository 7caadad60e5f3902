#include <map>

#include "process/show_command.hpp"
#include "vswitchd/daemon/commands.hpp"
#include "vswitchd/daemon/json_views.hpp"
#include "vswitchd/lacp/view.hpp"

namespace bondway::daemon {
namespace {

using process::Args;
using Views = std::vector<lacp::LagView>;

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
Result<Views> take(Switch& sw, const Args& args) {
  if (!args.empty()) {
    const SwitchPort* port = sw.find_port(args[0]);
    const lacp::Lag* lag = port == nullptr ? nullptr : sw.port(*port).lag();
    if (lag == nullptr) return fail("no such lacp object");
    return Views{lag->view(sw.now())};
  }
  std::map<std::uint64_t, const lacp::Lag*> by_age;
  for (const auto& [row, port] : sw.ports()) {
    if (const lacp::Lag* lag = sw.port(port).lag()) by_age[port.lacp_since] = lag;
  }
  Views views;
  for (const auto& [age, lag] : by_age) views.push_back(lag->view(sw.now()));
  return views;
}

/// A block of text for each port.
auto renderer(Switch& sw, std::string (*render)(const lacp::LagView&, lacp::Layout)) {
  return [&sw, render](const Views& ports) {
    std::string text;
    for (const lacp::LagView& port : ports) text += render(port, layout(sw));
    return text;
  };
}

}  // namespace

void add_lacp_commands(process::CommandTable& table, Switch& sw) {
  const auto snapshot = [&sw](const Args& args) { return take(sw, args); };
  table.add(process::show_command("lacp/show", "[port]", 0, 1, snapshot,
                                  renderer(sw, &lacp::to_text), lacp_show_json));
  table.add(process::show_command("lacp/show-stats", "[port]", 0, 1, snapshot,
                                  renderer(sw, &lacp::stats_to_text), lacp_stats_json));
}

}  // namespace bondway::daemon
