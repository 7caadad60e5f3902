#include "vswitchd/bridge/mirror.hpp"

#include <algorithm>

namespace bondway::bridge {
namespace {

using Names = std::vector<std::string>;

std::optional<MirrorPlan> plan_mirror(const MirrorSettings& settings, const Names& ports,
                                      const MirrorCounts& counts) {
  MirrorPlan plan;
  plan.name = settings.name;
  plan.vlans = settings.vlans;
  plan.snaplen = settings.snaplen;
  plan.count = counts.at(settings.id);
  if (settings.output_port) {
    const auto found = std::ranges::find(ports, *settings.output_port);
    if (found == ports.end()) return std::nullopt;
    plan.port = fdb::PortId{static_cast<std::uint32_t>(found - ports.begin())};
  } else if (settings.output_vlan) {
    plan.vlan = *settings.output_vlan;
  } else {
    return std::nullopt;
  }
  return plan;
}

/// Marks the ports whose frames the mirror takes.
void select(MirrorMask bit, const MirrorSettings& settings, const Names& ports, MirrorsPlan& plan) {
  const auto listed = [&](const Names& names, std::size_t place) {
    return settings.select_all || std::ranges::find(names, ports[place]) != names.end();
  };
  for (std::size_t place = 0; place < ports.size(); ++place) {
    if (listed(settings.source_ports, place)) plan.from[place] |= bit;
    if (listed(settings.destination_ports, place)) plan.to[place] |= bit;
  }
}

bool same_output(const MirrorPlan& a, const MirrorPlan& b) {
  return a.port == b.port && a.vlan == b.vlan;
}

}  // namespace

bool has_output(const MirrorSettings& mirror) { return mirror.output_port || mirror.output_vlan; }

bool selects(const MirrorSettings& mirror, const std::string& port) {
  if (!has_output(mirror)) return false;
  const auto lists = [&](const Names& names) {
    return std::ranges::find(names, port) != names.end();
  };
  return mirror.select_all || lists(mirror.source_ports) || lists(mirror.destination_ports);
}

std::shared_ptr<const MirrorsPlan> plan_mirrors(std::span<const MirrorSettings> settings,
                                                const Names& ports, const MirrorCounts& counts) {
  auto plan = std::make_shared<MirrorsPlan>();
  plan->from.resize(ports.size());
  plan->to.resize(ports.size());
  plan->is_output.resize(ports.size());
  for (const MirrorSettings& one : settings) {
    auto mirror = plan_mirror(one, ports, counts);
    if (!mirror || plan->mirrors.size() == kMaxMirrors) continue;
    select(MirrorMask{1} << plan->mirrors.size(), one, ports, *plan);
    if (mirror->port) plan->is_output[static_cast<std::size_t>(*mirror->port)] = true;
    plan->mirrors.push_back(std::move(*mirror));
  }
  for (MirrorPlan& mirror : plan->mirrors) {
    for (std::size_t i = 0; i < plan->mirrors.size(); ++i) {
      if (same_output(mirror, plan->mirrors[i])) mirror.same_output |= MirrorMask{1} << i;
    }
  }
  if (plan->mirrors.empty()) return nullptr;
  return plan;
}

}  // namespace bondway::bridge
