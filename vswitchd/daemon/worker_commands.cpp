#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "process/show_command.hpp"
#include "vswitchd/daemon/commands.hpp"

namespace bondway::daemon {
namespace {

using nlohmann::json;
using process::Args;
using Names = std::vector<std::string>;

struct WorkerSnapshot {
  Names interfaces;
  std::size_t flows = 0;
  datapath::Worker::Frames frames;
};

struct FlowSnapshot {
  std::string in;
  datapath::FlowKey key;
  std::uint64_t packets = 0, octets = 0;
  double age = 0;  ///< seconds
  Names to;
};

/// Sorted, each once: a flood may pass an interface twice.
Names names_of(Switch& sw, const std::vector<bridge::InterfaceId>& ids) {
  Names names;
  for (const bridge::InterfaceId id : ids) {
    const Interface* interface = sw.interfaces().find(id);
    names.push_back(interface == nullptr ? "gone" : interface->settings.name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

FlowSnapshot snapshot_of(Switch& sw, const datapath::Flow& flow) {
  std::vector<bridge::InterfaceId> ends;
  for (const bridge::Delivery& delivery : flow.journey.sent) ends.push_back(delivery.interface);
  return {names_of(sw, {flow.key.in()}).front(),
          flow.key,
          flow.packets,
          flow.octets,
          std::chrono::duration<double>(sw.now() - flow.since).count(),
          names_of(sw, ends)};
}

Result<std::vector<WorkerSnapshot>> take_workers(Switch& sw) {
  std::vector<WorkerSnapshot> workers;
  for (const datapath::Datapath::WorkerView& view : sw.datapath().view()) {
    workers.push_back({names_of(sw, view.interfaces), view.flows.size(), view.frames});
  }
  return workers;
}

/// Busiest first.
Result<std::vector<FlowSnapshot>> take_flows(Switch& sw) {
  std::vector<FlowSnapshot> flows;
  for (const datapath::Datapath::WorkerView& worker : sw.datapath().view()) {
    for (const datapath::Flow& flow : worker.flows) flows.push_back(snapshot_of(sw, flow));
  }
  std::ranges::stable_sort(flows, std::greater(), &FlowSnapshot::packets);
  return flows;
}

std::string workers_text(const std::vector<WorkerSnapshot>& workers) {
  std::string text;
  for (std::size_t number = 0; number < workers.size(); ++number) {
    const WorkerSnapshot& worker = workers[number];
    text +=
        fmt::format("worker {}:\n  interfaces: {}\n  flows: {}\n  frames: cached {}, decided {}\n",
                    number, fmt::join(worker.interfaces, " "), worker.flows, worker.frames.cached,
                    worker.frames.decided);
  }
  return text;
}

json workers_json(const std::vector<WorkerSnapshot>& workers) {
  json array = json::array();
  for (const WorkerSnapshot& worker : workers) {
    array.push_back({{"interfaces", worker.interfaces},
                     {"flows", worker.flows},
                     {"cached", worker.frames.cached},
                     {"decided", worker.frames.decided}});
  }
  return process::versioned("workers", std::move(array));
}

std::string tag_text(const std::optional<VlanTag>& tag) {
  if (!tag) return "";
  return fmt::format(",vlan={},pcp={}", tag->vlan().number(), tag->priority());
}

std::string flows_text(const std::vector<FlowSnapshot>& flows) {
  std::string text;
  for (const FlowSnapshot& flow : flows) {
    text += fmt::format(
        "in={},src={},dst={},type=0x{:04x}{}, packets:{}, bytes:{}, age:{:.3f}s, to: {}\n", flow.in,
        to_string(flow.key.source()), to_string(flow.key.destination()),
        static_cast<unsigned>(flow.key.type()), tag_text(flow.key.outer()), flow.packets,
        flow.octets, flow.age,
        flow.to.empty() ? "drop" : fmt::format("{}", fmt::join(flow.to, " ")));
  }
  return text;
}

json flows_json(const std::vector<FlowSnapshot>& flows) {
  json array = json::array();
  for (const FlowSnapshot& flow : flows) {
    const std::optional<VlanTag> tag = flow.key.outer();
    array.push_back({{"in", flow.in},
                     {"source", to_string(flow.key.source())},
                     {"destination", to_string(flow.key.destination())},
                     {"ethertype", static_cast<unsigned>(flow.key.type())},
                     {"vlan", tag ? json(tag->vlan().number()) : json()},
                     {"priority", tag ? json(tag->priority()) : json()},
                     {"packets", flow.packets},
                     {"bytes", flow.octets},
                     {"age_ms", static_cast<std::uint64_t>(flow.age * 1000)},
                     {"to", flow.to}});
  }
  return process::versioned("flows", std::move(array));
}

}  // namespace

void add_worker_commands(process::CommandTable& table, Switch& sw) {
  table.add(process::show_command(
      "workers/show", "", 0, 0, [&sw](const Args&) { return take_workers(sw); }, workers_text,
      workers_json));
  table.add(process::show_command(
      "flows/show", "", 0, 0, [&sw](const Args&) { return take_flows(sw); }, flows_text,
      flows_json));
}

}  // namespace bondway::daemon
