#include "vswitchd/bridge/journey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bondway::bridge {
namespace {

/// A copy under way: about to arrive on, or to leave through, an interface.
struct Leg {
  InterfaceId interface {};
  TagEdit edit;
  int depth = 0;
  std::uint16_t snaplen = 0;
  /// Tells copies that mirrors sent over a patch from those that came there by another way.
  std::uint32_t lineage = 0;
};

class Traveller {
 public:
  Traveller(const Headers& headers, std::size_t octets, const Plan& plan, TimePoint now,
            Trace* rehearsal = nullptr)
      : headers_(headers), octets_(octets), plan_(plan), now_(now), rehearsal_(rehearsal) {}

  void arrive(const Leg& leg) {
    const Headers headers = edited(headers_, leg.edit);
    const BridgePlan& bridge = plan_.bridge(*plan_.find(leg.interface)->bridge);
    describe(leg, headers, bridge);
    const Verdict verdict = forward(headers, leg.interface, plan_, now_, rehearsal_);
    if (verdict.vlan) note_answers(*bridge.macs, headers, *verdict.vlan);
    journey_.used_flow |= verdict.used_flow;
    if (verdict.to_control) journey_.to_control.push_back({leg.interface, leg.edit});
    if (verdict.learned) learn(bridge, *verdict.learned);
    follow(verdict, leg, bridge);
  }

  /// A frame of our own.
  void depart(InterfaceId out) {
    const Leg leg{out, {}, 0};
    leave(leg);
    follow(mirror_own(headers_, out, plan_, now_), leg, plan_.bridge(*plan_.find(out)->bridge));
  }

  void leave(const Leg& leg) {
    const InterfacePlan* found = plan_.find(leg.interface);
    if (found == nullptr) return;  // the interface went while its port's plan still names it
    const InterfacePlan& out = *found;
    if (!out.is_patch) {
      journey_.sent.push_back({leg.interface, leg.edit, leg.snaplen});
      return;
    }
    if (leg.snaplen != 0) return note_end(leg, "a patch takes no copy that is to be cut");
    journey_.credits.push_back({.traffic = out.traffic.get()});
    const InterfacePlan* peer = out.peer ? plan_.find(*out.peer) : nullptr;
    if (peer == nullptr) return note_end(leg, "the patch has no other end");
    if (leg.depth >= kMaxDepth || traversals_ >= kMaxTraversals) {
      return note_end(leg, "too many bridges crossed");
    }
    if (is_looping(*out.peer, leg)) return note_end(leg, "such a copy has come this way before");
    journey_.credits.push_back({.traffic = peer->traffic.get(), .arrived = true});
    ++traversals_;
    arrive({*out.peer, leg.edit, leg.depth + 1, 0, leg.lineage});
  }

  Journey finish() {
    while (!legs_.empty()) {
      const Leg leg = legs_.back();
      legs_.pop_back();
      leave(leg);
    }
    if (rehearsal_ == nullptr) count(journey_, 1, octets_);
    return std::move(journey_);
  }

 private:
  /// Pushes outputs in reverse, so that the first is followed to its end before the second.
  void follow(const Verdict& verdict, const Leg& leg, const BridgePlan& bridge) {
    credit_mirrors(verdict.mirrored, bridge);
    for (auto output = verdict.outputs.rbegin(); output != verdict.outputs.rend(); ++output) {
      const auto edit = compose(leg.edit, output->edit);
      if (!edit) continue;
      if (output->bucket) {
        BucketLoad& load = *bridge.ports[static_cast<std::size_t>(output->port)]->load;
        journey_.credits.push_back({.load = &load, .bucket = *output->bucket});
      }
      legs_.push_back(
          {output->interface, *edit, leg.depth, output->snaplen, lineage(leg, verdict, *output)});
    }
  }

  void describe(const Leg& leg, const Headers& headers, const BridgePlan& bridge) const {
    if (rehearsal_ == nullptr) return;
    rehearsal_->set_depth(2 * leg.depth);
    rehearsal_->add(fmt::format("bridge {}, in through {}: {}", bridge.name,
                                rehearsal_->name(leg.interface), bridge::describe(headers)));
    rehearsal_->set_depth(2 * leg.depth + 1);
  }

  /// Why a copy that left goes no further; a patch takes none that is to be cut as in the
  /// reference.
  void note_end(const Leg& leg, std::string_view why) const {
    if (rehearsal_ == nullptr) return;
    rehearsal_->set_depth(2 * leg.depth + 1);
    rehearsal_->add(fmt::format("ends at {}: {}", rehearsal_->name(leg.interface), why));
  }

  /// Before the table learns: what the frame teaches ends what was said of its source.
  void note_answers(const fdb::Table& macs, const Headers& headers, VlanId vlan) {
    for (const MacAddress& mac : {headers.source, headers.destination}) {
      if (!mac.is_multicast()) journey_.asked.emplace_back(&macs, macs.stamp(mac, vlan));
    }
  }

  void learn(const BridgePlan& bridge, const Learned& learned) {
    if (rehearsal_ == nullptr) {
      bridge.macs->learn(learned.mac, learned.vlan, learned.port, now_, learned.arrival);
    }
    journey_.lessons.push_back({bridge.macs.get(), learned});
  }

  void credit_mirrors(MirrorMask taken, const BridgePlan& bridge) {
    for (; taken != 0; taken &= taken - 1) {
      const auto place = static_cast<std::size_t>(std::countr_zero(taken));
      journey_.credits.push_back({.mirror = bridge.mirrors->mirrors[place].count.get()});
    }
  }

  /// A copy that comes again as it was, after more bridges or of the same lineage, goes round in a
  /// loop: everything that follows has been done.
  bool is_looping(InterfaceId peer, const Leg& leg) {
    const auto [first, last] = arrived_.equal_range(peer);
    const bool is = std::any_of(first, last, [&](const auto& each) {
      const Leg& known = each.second;
      return known.edit == leg.edit && (known.depth < leg.depth || known.lineage == leg.lineage);
    });
    if (!is) arrived_.emplace(peer, leg);
    return is;
  }

  /// Of an output that is not the bridge's first one there if mirrors send copies, too.
  std::uint32_t lineage(const Leg& leg, const Verdict& verdict, const Output& output) const {
    const InterfacePlan* out = plan_.find(output.interface);
    if (verdict.mirrored == 0 || out == nullptr || !out->is_patch) return leg.lineage;
    const auto earlier = std::count_if(verdict.outputs.data(), &output, [&](const Output& each) {
      return each.interface == output.interface;
    });
    return leg.lineage * 31 + static_cast<std::uint32_t>(earlier);
  }

  const Headers& headers_;
  std::size_t octets_;  ///< as it entered the switch: what is counted, whatever tags it has where
  const Plan& plan_;
  TimePoint now_;
  Trace* rehearsal_;  ///< only asked where it would go: nothing is learned or counted
  std::vector<Leg> legs_;
  int traversals_ = 0;
  std::unordered_multimap<InterfaceId, Leg> arrived_;  ///< by patches
  Journey journey_;
};

}  // namespace

bool Journey::holds() const {
  return std::ranges::all_of(asked,
                             [](const auto& each) { return each.first->holds(each.second); });
}

void count(const Journey& journey, std::uint64_t packets, std::uint64_t octets) {
  for (const Credit& credit : journey.credits) {
    if (credit.load != nullptr) {
      credit.load->octets[credit.bucket] += octets;
    } else if (credit.mirror != nullptr) {
      credit.mirror->packets += packets;
      credit.mirror->octets += octets;
    } else if (credit.arrived) {
      credit.traffic->rx_packets += packets;
      credit.traffic->rx_octets += octets;
    } else {
      credit.traffic->tx_packets += packets;
      credit.traffic->tx_octets += octets;
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

Journey travel(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
               TimePoint now) {
  if (plan.find(in) == nullptr) return {};
  Traveller traveller(headers, octets, plan, now);
  traveller.arrive({in, {}, 0});
  return traveller.finish();
}

Journey rehearse(const Headers& headers, std::size_t octets, InterfaceId in, const Plan& plan,
                 TimePoint now, Trace& trace) {
  if (plan.find(in) == nullptr) return {};
  Traveller traveller(headers, octets, plan, now, &trace);
  traveller.arrive({in, {}, 0});
  return traveller.finish();
}

Journey depart(const Headers& headers, std::size_t octets, InterfaceId out, const Plan& plan,
               TimePoint now) {
  if (plan.find(out) == nullptr) return {};
  Traveller traveller(headers, octets, plan, now);
  traveller.depart(out);
  return traveller.finish();
}

}  // namespace bondway::bridge
