// How the switch reacts: to frames, links and time, and to what its ports decide.

#include <algorithm>

#include "vswitchd/bond/output_table.hpp"
#include "vswitchd/daemon/switch.hpp"
#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/netdev/rtnl.hpp"
#include "vswitchd/stp/bpdu.hpp"

namespace bondway::daemon {

// ---- events

void Switch::on_slow_frame(bridge::InterfaceId id, std::span<const std::uint8_t> octets) {
  Interface* interface = interfaces_.find(id);
  if (interface == nullptr || !interface->is_open()) return;
  SwitchPort& port = port_of(*interface);
  // First the type: an LACPDU may come to any address, also to that of BPDUs (802.1AX-2014, 6.2.8).
  if (lacp::is_link_aggregation(octets)) {
    ++totals_.slow_frames_received;
    queue(port.bridge, bridge_of(port).bridge->receive(port.id, id, octets, now()));
  } else if (MacAddress::from_bytes(octets) == stp::kBridgeGroupAddress) {
    queue(port.bridge, bridge_of(port).bridge->receive_bpdu(port.id, octets, now()));
  }
}

void Switch::on_links(const std::vector<netdev::LinkEvent>& events) {
  for (const netdev::LinkEvent& event : events) {
    on_link(event);
    run_queue();
  }
  settle();
}

void Switch::on_link(const netdev::LinkEvent& event) {
  for (const bridge::InterfaceId id : concerned_by(event)) {
    Interface* interface = interfaces_.find(id);
    if (interface != nullptr && !interface->is_patch) on_link(*interface, event);
  }
}

/// Those by its name, before or after; and those whose device might be it under another one.
std::set<bridge::InterfaceId> Switch::concerned_by(const netdev::LinkEvent& event) {
  std::set<bridge::InterfaceId> concerned = renamed_;
  for (const auto& link : {event.before, event.after}) {
    const Interface* interface = link ? interfaces_.find(link->name) : nullptr;
    if (interface != nullptr) concerned.insert(interface->id);
  }
  return concerned;
}

void Switch::on_link(Interface& interface, const netdev::LinkEvent& event) {
  if (!interface.device) {
    const bool is_there = event.after && event.after->namespace_id == netdev::Link::kHere &&
                          event.after->name == interface.settings.name;
    // A device that somebody else made, or a name that somebody else had taken.
    if (is_there ? interface.type.empty() : interface.type == "internal") reopen(interface);
    return;
  }
  const bool changed = interface.device->update(event);
  if (changed && !interface.device->gone()) link_changed(interface);
  if (interface.device->state().name == interface.settings.name) {
    renamed_.erase(interface.id);
  } else {
    renamed_.insert(interface.id);
  }
  replace_if_gone(interface.id);
}

/// Opens what is there by that name now, or says what is missing.
void Switch::replace_if_gone(bridge::InterfaceId id) {
  Interface* interface = interfaces_.find(id);
  if (interface == nullptr || !interface->device || !interface->device->gone()) return;
  renamed_.erase(id);
  close(port_of(*interface), *interface);
  reopen(*interface);
}

/// A device refused to send.  Asked about a device, the kernel does not put off the answer.
void Switch::check_link(bridge::InterfaceId id) {
  const Interface* refused = interfaces_.find(id);
  if (refused == nullptr || !refused->device || !refused->type.empty()) return;
  const std::string name = refused->settings.name;
  for (const netdev::LinkEvent& event : links_.read()) {  // what is older goes first
    on_link(event);
    run_queue();
  }
  const auto link = netdev::query_link(name);
  Interface* interface = interfaces_.find(id);
  if (!link || interface == nullptr || !interface->device) return;
  if (interface->device->update({*link, *link})) link_changed(*interface);
  run_queue();
}

void Switch::link_changed(Interface& interface) {
  news_.interfaces.insert(interface.id);
  behind_.insert(interface.id);
  if (!interface.is_open()) return;
  SwitchPort& port = port_of(interface);
  SwitchBridge& bridge = bridge_of(port);
  const bridge::Member* known = bridge.bridge->find(port.id)->find(interface.id);
  if (known == nullptr) return;
  collect_load(port);  // what has carried traffic stays where it is
  const bridge::Member member = member_of(interface);
  if (known->mac != member.mac || known->ofport != member.ofport || known->speed != member.speed) {
    queue(port.bridge, bridge.bridge->add_members(port.id, {&member, 1}, now()));
    choose_mac(bridge);
  } else {
    // Also when only LACP's keys changed: the port compares.
    queue(port.bridge, bridge.bridge->link_changed(port.id, interface.id, member.link_up, now()));
  }
}

/// Links and partners do not wait until a long change of the configuration is done.  Dummies have
/// neither, and what they do does not depend on how long things take.
void Switch::attend() {
  if (factory_.dummies() != DummyMode::off) return;
  const auto now = std::chrono::steady_clock::now();  // real time, whatever the daemon's clock does
  if (now < next_attention_) return;
  listen();
  next_attention_ = std::chrono::steady_clock::now() + kAttentionInterval;
}

void Switch::listen() {
  on_links(links_.read());
  interfaces_.hear_slow_frames();
}

void Switch::dummy_changed(Interface& interface) {
  link_changed(interface);
  settle();
}

void Switch::poll_mii() {
  for (auto& [row, due] : mii_ports_) {
    if (now() < due) continue;
    const SwitchPort& port = ports_.at(row);
    due = now() + this->port(port).settings().miimon_interval;
    for (const bridge::InterfaceId id : port.interfaces) {
      Interface& interface = *interfaces_.find(id);
      if (!interface.device) continue;
      const auto status = netdev::read_mii_status(interface.settings.name);
      if (status == interface.mii_status) continue;
      interface.mii_status = status;
      link_changed(interface);
    }
  }
  settle();
}

void Switch::expire() {
  for (auto& [row, bridge] : bridges_) {
    for (const fdb::PortId id : bridge.bridge->due(now())) {
      collect_load(*bridge.find(id));
      queue(bridge.id, bridge.bridge->expire_port(id, now()));
    }
    queue(bridge.id, bridge.bridge->expire_tree(now()));
  }
  settle();
}

std::optional<TimePoint> Switch::deadline() const {
  std::optional<TimePoint> deadline;
  for (const auto& [row, bridge] : bridges_) {
    deadline = earlier(deadline, bridge.bridge->deadline());
  }
  return deadline;
}

void Switch::settle_bond(const SwitchPort& port) {
  queue(port.bridge, bridge_of(port).bridge->settle(port.id, now()));
  settle();
}

void Switch::note_topology_change(const SwitchBridge& bridge) {
  queue(bridge.id, bridge.bridge->note_topology_change(now()));
  settle();
}

void Switch::collect_load(const SwitchPort& port) {
  bridge::Port& collected = this->port(port);
  if (!collected.counts_load()) return;
  datapath_.exclusively([&] { collected.collect(); });
}

void Switch::give_back(StatusNews news) {
  news_.bridges.merge(news.bridges);
  news_.ports.merge(news.ports);
  news_.interfaces.merge(news.interfaces);
}

// ---- what ports decide

void Switch::queue(bridge::BridgeId bridge, bridge::PortActions actions) {
  for (bridge::PortAction& action : actions) queue_.emplace_back(bridge, std::move(action));
}

void Switch::run_queue() {
  while (!queue_.empty()) {
    const auto [id, action] = std::move(queue_.front());
    queue_.pop_front();
    const SwitchBridge* bridge = find_bridge(id);
    if (bridge != nullptr) perform(*bridge, action);
  }
}

void Switch::settle() {
  carry_out();
  if (catch_up()) carry_out();
  follow_mtus();
  write_log();
  news_.interfaces.merge(interfaces_.take_changed());
  if (on_settled) on_settled();
}

void Switch::carry_out() {
  run_queue();
  publish();
  send_waiting();
}

void Switch::write_log() {
  for (const bridge::Log& line : std::exchange(log_, {})) write_log_(line);
}

/// What had to wait until frames went the new way.  True if it changed anything.
bool Switch::catch_up() {
  bool changed = false;
  for (const bridge::InterfaceId id : std::exchange(behind_, {})) {
    Interface* interface = interfaces_.find(id);
    if (interface == nullptr || !interface->device) continue;
    note_mtu(*interface);
    if (!interface->device->catch_up()) continue;
    link_changed(*interface);
    changed = true;
  }
  return changed;
}

void Switch::note_mtu(const Interface& interface) {
  BridgeMtu& mtus = find_bridge(interface.bridge)->mtu;
  if (interface.settings.type == "internal" && !interface.settings.mtu_request) {
    mtus.set_following(interface.id);
  } else {
    mtus.set_own(interface.id, interface.device->state().mtu);
  }
  mtu_due_.insert(interface.bridge);
}

/// Once for all changes of a moment.
void Switch::follow_mtus() {
  for (const bridge::BridgeId id : std::exchange(mtu_due_, {})) {
    SwitchBridge* bridge = find_bridge(id);
    if (bridge == nullptr) continue;
    for (const bridge::InterfaceId each : bridge->mtu.take_due()) {
      Interface& interface = *interfaces_.find(each);
      const auto given = interfaces_.set_mtu(interface, bridge->mtu.smallest());
      if (!given) log(given.error().message, bridge::Log::Level::warning);
    }
  }
}

void Switch::perform(const SwitchBridge& bridge, const bridge::PortAction& action) {
  std::visit([&](const auto& a) { act(bridge, action.port, a); }, action.action);
}

/// Over a patch, a slow-protocol frame arrives at its peer here and now: both ends negotiate in one
/// pass.  On a wire it takes the way that data cannot delay.  Only what forwarding has to carry
/// waits for the plan, which is made once for everything that happens at a time.
void Switch::act(const SwitchBridge&, fdb::PortId, const bridge::SendFrame& send) {
  Interface* out = interfaces_.find(send.interface);
  if (out == nullptr || !out->is_open()) return;
  ++totals_.slow_frames_sent;
  if (out->slow_frames) {
    interfaces_.send_slow_frame(*out, send.octets);
    return;
  }
  if (Interface* peer = hearing_peer(*out, send.octets)) {
    ++out->slow_traffic.tx_packets;
    out->slow_traffic.tx_octets += send.octets.size();
    ++peer->slow_traffic.rx_packets;
    peer->slow_traffic.rx_octets += send.octets.size();
    on_slow_frame(peer->id, send.octets);
    return;
  }
  sending_.emplace_back(out->row, send);
}

void Switch::act(const SwitchBridge& bridge, fdb::PortId port, const bridge::PlanChanged&) {
  stale_bridges_.insert(bridge.row);
  place_members(bridge, port);
  if (SwitchPort* changed = bridge.find(port)) note_bond(*changed);
}

void Switch::act(const SwitchBridge& bridge, fdb::PortId port, const bridge::StatusChanged&) {
  const SwitchPort* changed = bridge.find(port);
  if (changed == nullptr) return;
  news_.ports.insert(changed->row);
  news_.interfaces.insert(changed->interfaces.begin(), changed->interfaces.end());
}

void Switch::act(const SwitchBridge& bridge, fdb::PortId port, const bridge::Announce&) {
  announcing_.emplace_back(bridge.id, port);
}

void Switch::act(const SwitchBridge&, fdb::PortId, const bridge::CheckLink& check) {
  Interface* interface = interfaces_.find(check.interface);
  if (interface == nullptr || !interface->device) return;
  // Not what the kernel's messages said last: they are late, see check_link().
  const auto link = netdev::query_link(interface->settings.name);
  if (link && interface->device->update({*link, *link})) link_changed(*interface);
}

void Switch::act(const SwitchBridge&, fdb::PortId, const bridge::Log& log) { this->log(log); }

void Switch::act(const SwitchBridge& bridge, fdb::PortId port, const bridge::ForgetAddresses&) {
  datapath_.exclusively([&] { bridge.bridge->macs()->flush_port(port); });
}

void Switch::act(const SwitchBridge& bridge, fdb::PortId, const bridge::ForgetAllAddresses&) {
  datapath_.exclusively([&] { bridge.bridge->macs()->flush(); });
}

void Switch::act(const SwitchBridge& bridge, fdb::PortId, const bridge::TreeStatusChanged&) {
  news_.bridges.insert(bridge.row);
  for (const SwitchPort* port : bridge.ports) {
    if (port != nullptr) news_.ports.insert(port->row);
  }
}

/// A bond takes its place among the others when it is made, and leaves it when it ends.
void Switch::note_bond(SwitchPort& port) {
  const bridge::Port& noted = this->port(port);
  if (noted.is_bond() == port.in_bond_order) return;
  port.in_bond_order = noted.is_bond();
  if (port.in_bond_order) {
    bond_order_.insert(noted.settings().name);
  } else {
    bond_order_.erase(noted.settings().name);
  }
}

/// Tells forwarding which member of the port each of its interfaces is.
void Switch::place_members(const SwitchBridge& bridge, fdb::PortId id) {
  const SwitchPort* port = bridge.find(id);
  if (port == nullptr) return;
  const bridge::PortPlan plan = bridge.bridge->find(id)->plan();
  for (const bridge::InterfaceId interface : port->interfaces) {
    const auto place = std::ranges::find(plan.members, interface) - plan.members.begin();
    interfaces_.update_plan(*interfaces_.find(interface),
                            bond::MemberIndex{static_cast<std::uint16_t>(place)});
  }
}

void Switch::publish() {
  if (!interfaces_.take_plan_changed() && stale_bridges_.empty()) return;
  bridge_plans_.resize(bridges_by_id_.size());
  for (const db::Uuid& row : stale_bridges_) {
    const auto it = bridges_.find(row);
    if (it == bridges_.end()) continue;
    bridge_plans_[static_cast<std::size_t>(it->second.id)] = it->second.bridge->plan();
  }
  auto plan = std::make_shared<bridge::Plan>();
  plan->generation = ++generation_;
  plan->vlan_limit = settings_.vlan_limit;
  plan->bridges = bridge_plans_;
  plan->interfaces = interfaces_.plan();
  plan_ = plan;
  datapath_.publish(std::move(plan));
  stale_bridges_.clear();
}

void Switch::send_waiting() {
  for (const auto& [id, port] : std::exchange(announcing_, {})) {
    if (const SwitchBridge* bridge = find_bridge(id)) announce(*bridge, port);
  }
  for (const auto& [row, send] : std::exchange(sending_, {})) {
    const Interface* out = interfaces_.find(send.interface);
    if (out == nullptr || out->row != row) continue;
    // A peer that listens by now heard later news directly: this would take it back.
    if (hearing_peer(*out, send.octets) != nullptr) continue;
    datapath_.send(send.interface, Frame{send.octets, {}});
  }
}

/// The other end of a patch, if its bridge has a spanning tree that listens to this frame, or its
/// port LACP.
Interface* Switch::hearing_peer(const Interface& interface, std::span<const std::uint8_t> octets) {
  Interface* peer = interface.peer ? interfaces_.find(*interface.peer) : nullptr;
  if (peer == nullptr) return nullptr;
  SwitchPort& port = port_of(*peer);
  const bool hears = MacAddress::from_bytes(octets) == stp::kBridgeGroupAddress
                         ? bridge_of(port).bridge->has_tree()
                         : this->port(port).lag() != nullptr;
  return hears ? peer : nullptr;
}

void Switch::announce(const SwitchBridge& bridge, fdb::PortId id) {
  const SwitchPort* port = bridge.find(id);
  if (port == nullptr || port->leaving) return;
  std::vector<bond::Address> addresses;
  datapath_.exclusively([&] {
    for (const fdb::Entry& entry : bridge.bridge->macs()->entries_elsewhere(id, now())) {
      if (auto vlan = VlanId::from(entry.vlan)) addresses.push_back({entry.mac, *vlan});
    }
  });
  const bridge::PortPlan plan = bridge.bridge->find(id)->plan();
  if (!plan.bond) return;
  for (const bond::LearningPacket& packet : bond::learning_packets(*plan.bond, addresses)) {
    datapath_.send(plan.members[static_cast<std::size_t>(packet.member)], packet.frame);
  }
}

}  // namespace bondway::daemon
