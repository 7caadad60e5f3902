#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "vswitchd/daemon/commands.hpp"

namespace bondway::daemon {
namespace {

using process::Args;

std::string name_of(Switch& sw, bridge::InterfaceId id) {
  const Interface* interface = sw.interfaces().find(id);
  return interface == nullptr ? "gone" : interface->settings.name;
}

std::string names_of(Switch& sw, const std::vector<bridge::InterfaceId>& ids) {
  std::set<std::string> names;
  for (const bridge::InterfaceId id : ids) names.insert(name_of(sw, id));
  return fmt::format("{}", fmt::join(names, " "));
}

/// Which thread receives from which interfaces, and how much it has carried.
std::string show_workers(Switch& sw) {
  std::string text;
  std::size_t number = 0;
  for (const datapath::Datapath::WorkerView& worker : sw.datapath().view()) {
    text +=
        fmt::format("worker {}:\n  interfaces: {}\n  flows: {}\n  frames: cached {}, decided {}\n",
                    number++, names_of(sw, worker.interfaces), worker.flows.size(),
                    worker.frames.cached, worker.frames.decided);
  }
  return text;
}

std::string tag_text(const std::optional<VlanTag>& tag) {
  if (!tag) return "";
  return fmt::format(",vlan={},pcp={}", tag->vlan().number(), tag->priority());
}

/// One flow: what its frames have in common, how many there were, and where they go.
std::string flow_text(Switch& sw, const datapath::Flow& flow) {
  const datapath::FlowKey& key = flow.key;
  std::vector<bridge::InterfaceId> ends;
  for (const bridge::Delivery& delivery : flow.journey.sent) ends.push_back(delivery.interface);
  return fmt::format(
      "in={},src={},dst={},type=0x{:04x}{}, packets:{}, bytes:{}, age:{:.3f}s, to: {}",
      name_of(sw, key.in()), to_string(key.source()), to_string(key.destination()),
      static_cast<unsigned>(key.type()), tag_text(key.outer()), flow.packets, flow.octets,
      std::chrono::duration<double>(sw.now() - flow.since).count(),
      ends.empty() ? "drop" : names_of(sw, ends));
}

/// What the workers have cached, busiest flow first.
std::string show_flows(Switch& sw) {
  std::vector<datapath::Flow> flows;
  for (datapath::Datapath::WorkerView& worker : sw.datapath().view()) {
    std::ranges::move(worker.flows, std::back_inserter(flows));
  }
  std::ranges::stable_sort(flows, std::greater(), &datapath::Flow::packets);
  std::string text;
  for (const datapath::Flow& flow : flows) text += flow_text(sw, flow) + "\n";
  return text;
}

}  // namespace

void add_worker_commands(process::CommandTable& table, Switch& sw) {
  table.add("workers/show", "", 0, 0,
            [&sw](const Args&) -> Result<std::string> { return show_workers(sw); });
  table.add("flows/show", "", 0, 0,
            [&sw](const Args&) -> Result<std::string> { return show_flows(sw); });
}

}  // namespace bondway::daemon
