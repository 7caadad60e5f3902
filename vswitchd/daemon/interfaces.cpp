#include "vswitchd/daemon/interfaces.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>
#include <variant>

#include "vswitchd/lacp/pdu.hpp"
#include "vswitchd/lacp/rx_machine.hpp"

namespace bondway::daemon {

namespace {

std::string peer_name(const bridge::InterfaceSettings& settings) {
  const auto peer = settings.options.find("peer");
  return peer == settings.options.end() ? std::string() : peer->second;
}

/// Why no patch can be made of these settings; empty if one can.
std::string patch_error(const bridge::InterfaceSettings& settings) {
  const std::string peer = peer_name(settings);
  if (peer.empty()) {
    return fmt::format("{}: patch type requires valid 'peer' argument", settings.name);
  }
  if (peer == settings.name) return fmt::format("{}: patch peer must not be self", settings.name);
  return {};
}

}  // namespace

bool Interface::link_up() const {
  if (is_patch) return true;
  if (!device) return false;
  return mii_status ? device->state().admin_up && *mii_status : device->state().link_up();
}

Interfaces::Interfaces(asio::io_context& io, DeviceFactory& factory, datapath::Datapath& datapath,
                       SlowFrameHandler on_slow_frame)
    : io_(io), factory_(factory), datapath_(datapath), on_slow_frame_(std::move(on_slow_frame)) {
  if (factory.dummies() == DummyMode::off) {
    heartbeat_.emplace([&io](const std::shared_ptr<std::atomic<bool>>& answered) {
      asio::post(io, [answered] { *answered = true; });
    });
  }
}

Interfaces::~Interfaces() {
  for (Interface* interface : all()) close(*interface);
}

Interface& Interfaces::add(const db::Uuid& row, const bridge::InterfaceSettings& settings) {
  std::size_t place = interfaces_.size();
  if (free_.empty()) {
    interfaces_.emplace_back();
    plan_.emplace_back();
  } else {
    place = *free_.begin();
    free_.erase(free_.begin());
  }
  interfaces_[place] = std::make_unique<Interface>();
  Interface& interface = *interfaces_[place];
  interface.id = bridge::InterfaceId{static_cast<std::uint32_t>(place)};
  interface.row = row;
  interface.settings = settings;
  names_[settings.name] = interface.id;
  return interface;
}

void Interfaces::remove(Interface& interface) {
  close(interface);
  const auto place = static_cast<std::size_t>(interface.id);
  const auto name = names_.find(interface.settings.name);
  if (name != names_.end() && name->second == interface.id) names_.erase(name);
  changed_.erase(interface.id);
  interfaces_[place].reset();
  free_.insert(place);
}

Interface* Interfaces::find(bridge::InterfaceId id) {
  const auto place = static_cast<std::size_t>(id);
  return place < interfaces_.size() ? interfaces_[place].get() : nullptr;
}

Interface* Interfaces::find(const std::string& name) {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : find(it->second);
}

std::vector<Interface*> Interfaces::all() {
  std::vector<Interface*> all;
  for (const auto& interface : interfaces_) {
    if (interface) all.push_back(interface.get());
  }
  return all;
}

void Interfaces::open(Interface& interface, const std::optional<MacAddress>& mac) {
  interface.error.clear();
  interface.newly_open = true;
  interface.type = factory_.effective_type(interface.settings.type, interface.datapath_type);
  if (interface.type == "patch") {
    open_patch(interface);
  } else {
    open_device(interface, mac);
  }
  changed_.insert(interface.id);
}

void Interfaces::open_patch(Interface& interface) {
  interface.error = patch_error(interface.settings);
  if (!interface.error.empty()) return;
  interface.is_patch = true;
  interface.patch_mac = factory_.random_mac();
  patches_to_[peer_name(interface.settings)].insert(interface.id);
  join(interface);
  join_all_with(interface.settings.name);
}

void Interfaces::open_device(Interface& interface, const std::optional<MacAddress>& mac) {
  const auto refuse = [this, &interface](const std::string& reason) {
    const bool was_made = interface.device != nullptr;
    close_device(interface);
    if (was_made) factory_.remove_some();
    interface.error =
        fmt::format("could not open network device {} ({})", interface.settings.name, reason);
  };
  try {
    auto device = factory_.open(interface.type, interface.settings.name, mac);
    if (!device) return refuse(device.error().message);
    interface.device = std::move(*device);
    if (const std::string& warning = interface.device->warning(); !warning.empty()) {
      interface.error = fmt::format("{}: {}", interface.settings.name, warning);
    }
    apply_settings(interface);
    if (interface.type.empty()) {
      if (const auto opened = open_control(interface); !opened) {
        return refuse(opened.error().message);
      }
    }
    datapath_.attach(interface.id, *interface.device);
  } catch (const std::exception& error) {  // no descriptors or no memory left
    refuse(error.what());
  }
}

void Interfaces::apply_settings(Interface& interface) {
  if (auto* dummy = dynamic_cast<netdev::Dummy*>(interface.device.get())) {
    if (const auto result = dummy->configure(interface.settings.options); !result) {
      interface.error = result.error().message;
    }
    interface.watches.clear();
    if (dummy->control_fd() >= 0) {
      interface.watches.emplace_back(io_, dummy->control_fd(), [dummy] { dummy->run(); });
    }
  }
  if (!interface.settings.mtu_request) return;
  if (const auto result = set_mtu(interface, *interface.settings.mtu_request); !result) {
    interface.error = result.error().message;
  }
}

/// Slow-protocol frames and BPDUs of a wire have ways of their own, past all data.
Result<void> Interfaces::open_control(Interface& interface) {
  using Kind = netdev::ControlSocket::Kind;
  const auto opened = open_control(interface, Kind::slow_protocols, interface.slow_frames);
  return opened ? open_control(interface, Kind::bpdus, interface.bpdus) : opened;
}

Result<void> Interfaces::open_control(Interface& interface, netdev::ControlSocket::Kind kind,
                                      std::optional<Interface::Control>& control) {
  auto socket = netdev::ControlSocket::open(interface.device->state().ifindex, kind);
  if (!socket) return tl::unexpected(socket.error());
  control.emplace(Interface::Control{std::move(*socket)});
  const std::size_t at = interface.watches.size();
  interface.watches.emplace_back(io_, control->socket.fd(), [this, at, &interface, &control] {
    const std::size_t received = hear(interface.id, control->socket);
    if (at >= interface.watches.size()) return;  // closed meanwhile
    // Real time, whatever the clock of the switch says: this is about the processor.
    const TimePoint now{std::chrono::steady_clock::now().time_since_epoch()};
    interface.watches[at].rest(control->budget.spend(received, now));
  });
  return {};
}

std::size_t Interfaces::hear(bridge::InterfaceId id, netdev::ControlSocket& socket) {
  return socket.receive(buffers_,
                        [this, id](const FrameView& frame) { on_slow_frame_(id, frame); });
}

void Interfaces::hear_slow_frames() {
  for (Interface* interface : all()) {
    for (auto* control : {&interface->slow_frames, &interface->bpdus}) {
      if (*control) hear(interface->id, (*control)->socket);
    }
  }
}

void Interfaces::send_slow_frame(Interface& interface, std::span<const std::uint8_t> octets) {
  netdev::ControlSocket& socket = interface.slow_frames->socket;
  (void)socket.send(FrameView{octets, {}});
  if (!heartbeat_ || lacp::is_marker(octets)) return;
  const auto pdu = lacp::decode(octets);
  const auto* lacpdu = pdu ? std::get_if<lacp::Lacpdu>(&*pdu) : nullptr;
  if (lacpdu == nullptr) return;
  const lacp::PortState actor = lacpdu->actor.state, partner = lacpdu->partner.state;
  if (!actor.has(lacp::Flag::activity) && !partner.has(lacp::Flag::activity)) {
    return silence(interface.id);  // nothing follows
  }
  // 6.4.13: the partner's timeout says how often it wants to hear from us.
  const Duration period =
      partner.has(lacp::Flag::timeout) ? lacp::kFastPeriodicTime : lacp::kSlowPeriodicTime;
  heartbeat_->sent(interface.id, period,
                   [&socket, again = std::vector<std::uint8_t>(octets.begin(), octets.end())] {
                     (void)socket.send(FrameView{again, {}});
                   });
}

void Interfaces::silence(bridge::InterfaceId id) {
  if (heartbeat_) heartbeat_->forget(id);
}

void Interfaces::close_device(Interface& interface) {
  interface.watches.clear();
  for (auto* control : {&interface.slow_frames, &interface.bpdus}) {
    if (*control) factory_.closer().close(std::move((*control)->socket).take_fd());
    control->reset();
  }
  interface.device.reset();
}

void Interfaces::close(Interface& interface) {
  plan_[static_cast<std::size_t>(interface.id)] = {};
  plan_changed_ = true;
  changed_.insert(interface.id);
  if (interface.device) datapath_.detach(interface.id);
  silence(interface.id);
  close_device(interface);
  interface.mii_status.reset();
  if (!std::exchange(interface.is_patch, false)) return;
  interface.peer.reset();
  patches_to_[peer_name(interface.settings)].erase(interface.id);
  join_all_with(interface.settings.name);
}

bool Interfaces::can_reconfigure(const Interface& interface,
                                 const bridge::InterfaceSettings& settings) {
  if (!interface.is_open() || interface.settings.type != settings.type) return false;
  return !interface.is_patch || patch_error(settings).empty();
}

void Interfaces::reconfigure(Interface& interface, const bridge::InterfaceSettings& settings) {
  changed_.insert(interface.id);
  if (interface.is_patch) return reconfigure_patch(interface, settings);
  interface.settings = settings;
  interface.error.clear();
  try {
    apply_settings(interface);
  } catch (const std::exception& error) {  // no descriptors left
    interface.error = fmt::format("{}: {}", settings.name, error.what());
  }
}

void Interfaces::set_mac(Interface& interface, const MacAddress& mac) {
  if (!interface.device || interface.device->state().mac == mac) return;
  changed_.insert(interface.id);
  if (const auto result = interface.device->set_mac(mac); !result) {
    interface.error = result.error().message;
  }
}

Result<void> Interfaces::set_mtu(Interface& interface, int mtu) {
  if (!interface.device || interface.device->state().mtu == mtu) return {};
  changed_.insert(interface.id);
  const auto result = interface.device->set_mtu(mtu);
  if (result) return {};
  return fail("{}: could not set MTU to {} ({})", interface.settings.name, mtu,
              result.error().message);
}

void Interfaces::reconfigure_patch(Interface& interface,
                                   const bridge::InterfaceSettings& settings) {
  patches_to_[peer_name(interface.settings)].erase(interface.id);
  interface.settings = settings;
  patches_to_[peer_name(settings)].insert(interface.id);
  join(interface);
  join_all_with(settings.name);
}

/// Finds the other end of a patch: an open patch of the wanted name that names this one.
void Interfaces::join(Interface& interface) {
  const std::string wanted = peer_name(interface.settings);
  Interface* peer = find(wanted);
  const bool exists = peer != nullptr && peer->is_patch;
  const bool points_back = exists && peer_name(peer->settings) == interface.settings.name;
  interface.peer = points_back ? std::optional(peer->id) : std::nullopt;
  interface.error.clear();
  if (!exists) {
    interface.error = fmt::format("No usable peer '{}' exists in '{}' datapath.", wanted,
                                  interface.datapath_type);
  }
  plan_[static_cast<std::size_t>(interface.id)].peer = interface.peer;
  plan_changed_ = true;
  changed_.insert(interface.id);
}

void Interfaces::join_all_with(const std::string& name) {
  const auto it = patches_to_.find(name);
  if (it == patches_to_.end()) return;
  if (it->second.empty()) {
    patches_to_.erase(it);
    return;
  }
  for (const bridge::InterfaceId id : it->second) join(*find(id));
}

void Interfaces::update_plan(const Interface& interface, bond::MemberIndex member) {
  bridge::InterfacePlan& plan = plan_[static_cast<std::size_t>(interface.id)];
  plan = {};
  plan_changed_ = true;
  if (!interface.is_open()) return;
  plan.bridge = interface.bridge;
  plan.port = interface.port;
  plan.member = member;
  plan.peer = interface.peer;
  plan.is_patch = interface.is_patch;
  plan.traffic = interface.traffic;
}

}  // namespace bondway::daemon
