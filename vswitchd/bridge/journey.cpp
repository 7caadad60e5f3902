#include "vswitchd/bridge/journey.hpp"

#include <algorithm>
#include <utility>

namespace bondway::bridge {
namespace {

/// A copy under way: about to arrive on, or to leave through, an interface.
struct Leg {
  InterfaceId interface {};
  TagEdit edit;
  int depth = 0;
};

class Traveller {
 public:
  Traveller(const Headers& headers, std::size_t octets, const Plan& plan, TimePoint now)
      : headers_(headers), octets_(octets), plan_(plan), now_(now) {}

  void arrive(const Leg& leg) {
    const Headers headers = edited(headers_, leg.edit);
    const BridgePlan& bridge = plan_.bridge(*plan_.find(leg.interface)->bridge);
    journey_.asked.emplace_back(bridge.macs.get(), bridge.macs->generation());
    const Verdict verdict = forward(headers, leg.interface, plan_, now_);
    journey_.used_flow |= verdict.used_flow;
    if (verdict.to_control) journey_.to_control.push_back({leg.interface, leg.edit});
    if (verdict.learned) learn(bridge, *verdict.learned);
    // Pushed in reverse, so that the first output is followed to its end before the second.
    for (auto output = verdict.outputs.rbegin(); output != verdict.outputs.rend(); ++output) {
      const auto edit = compose(leg.edit, output->edit);
      if (!edit) continue;
      if (output->bucket) {
        BucketLoad& load = *bridge.ports[static_cast<std::size_t>(output->port)]->load;
        journey_.credits.push_back(
            {.load = &load, .bucket = *output->bucket, .growth = growth(*edit)});
      }
      legs_.push_back({output->interface, *edit, leg.depth});
    }
  }

  void leave(const Leg& leg) {
    const InterfacePlan* found = plan_.find(leg.interface);
    if (found == nullptr) return;  // the interface went while its port's plan still names it
    const InterfacePlan& out = *found;
    if (!out.is_patch) {
      journey_.sent.push_back({leg.interface, leg.edit});
      return;
    }
    journey_.credits.push_back({.traffic = out.traffic.get(), .growth = growth(leg.edit)});
    if (!out.peer || leg.depth >= kMaxDepth || traversals_ >= kMaxTraversals) return;
    const InterfacePlan* peer = plan_.find(*out.peer);
    if (peer == nullptr) return;
    journey_.credits.push_back(
        {.traffic = peer->traffic.get(), .arrived = true, .growth = growth(leg.edit)});
    ++traversals_;
    arrive({*out.peer, leg.edit, leg.depth + 1});
  }

  Journey finish() {
    while (!legs_.empty()) {
      const Leg leg = legs_.back();
      legs_.pop_back();
      leave(leg);
    }
    count(journey_, 1, octets_);
    return std::move(journey_);
  }

 private:
  void learn(const BridgePlan& bridge, const Learned& learned) {
    bridge.macs->learn(learned.mac, learned.vlan, learned.port, now_, learned.arrival);
    journey_.lessons.push_back({bridge.macs.get(), learned});
  }

  static int growth(const TagEdit& edit) { return 4 * (int{edit.push_count} - int{edit.strip}); }

  const Headers& headers_;
  std::size_t octets_;
  const Plan& plan_;
  TimePoint now_;
  std::vector<Leg> legs_;
  int traversals_ = 0;
  Journey journey_;
};

}  // namespace

bool Journey::holds() const {
  return std::ranges::all_of(
      asked, [](const auto& each) { return each.first->generation() == each.second; });
}

void count(const Journey& journey, std::uint64_t packets, std::uint64_t octets) {
  for (const Credit& credit : journey.credits) {
    const std::uint64_t longer = packets * static_cast<std::uint64_t>(std::int64_t{credit.growth});
    const std::uint64_t length = octets + longer;
    if (credit.load != nullptr) {
      credit.load->octets[credit.bucket] += length;
    } else if (credit.arrived) {
      credit.traffic->rx_packets += packets;
      credit.traffic->rx_octets += length;
    } else {
      credit.traffic->tx_packets += packets;
      credit.traffic->tx_octets += length;
    }
  }
}

void teach_again(const Journey& journey, TimePoint now) {
  for (const Lesson& lesson : journey.lessons) {
    const Learned& learned = lesson.learned;
    lesson.macs->learn(learned.mac, learned.vlan, learned.port, now, learned.arrival);
  }
}

std::optional<TagEdit> compose(const TagEdit& first, const TagEdit& second) {
  TagEdit edit = second;
  if (second.strip >= first.push_count) {
    edit.strip = static_cast<std::uint8_t>(first.strip + second.strip - first.push_count);
    return edit;
  }
  edit.strip = first.strip;
  for (std::size_t kept = second.strip; kept < first.push_count; ++kept) {
    if (edit.push_count == edit.push.size()) return std::nullopt;
    edit.push[edit.push_count++] = first.push[kept];
  }
  return edit;
}

Headers edited(const Headers& headers, const TagEdit& edit) {
  if (edit == TagEdit()) return headers;
  std::vector<VlanTag> tags(edit.push.begin(), edit.push.begin() + edit.push_count);
  std::vector<VlanTag> arrived;
  if (headers.outer) arrived.push_back(*headers.outer);
  if (headers.inner) arrived.push_back(*headers.inner);
  const auto kept = std::min<std::size_t>(edit.strip, arrived.size());
  tags.insert(tags.end(), arrived.begin() + static_cast<std::ptrdiff_t>(kept), arrived.end());
  Headers result = headers;
  result.outer = tags.empty() ? std::nullopt : std::optional(tags[0]);
  result.inner = tags.size() < 2 ? std::nullopt : std::optional(tags[1]);
  return result;
}

Journey travel(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
               TimePoint now) {
  if (plan.find(in) == nullptr) return {};
  Traveller traveller(headers, octets, plan, now);
  traveller.arrive({in, {}, 0});
  return traveller.finish();
}

Journey depart(const Headers& headers, std::size_t octets, InterfaceId out, const Plan& plan,
               TimePoint now) {
  if (plan.find(out) == nullptr) return {};
  Traveller traveller(headers, octets, plan, now);
  traveller.leave({out, {}, 0});
  return traveller.finish();
}

}  // namespace bondway::bridge
