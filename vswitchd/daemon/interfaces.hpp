#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "db/engine/value.hpp"
#include "vswitchd/bridge/settings.hpp"
#include "vswitchd/daemon/device_factory.hpp"
#include "vswitchd/daemon/frame_budget.hpp"
#include "vswitchd/daemon/heartbeat.hpp"
#include "vswitchd/daemon/watch.hpp"
#include "vswitchd/datapath/datapath.hpp"
#include "vswitchd/netdev/buffers.hpp"
#include "vswitchd/netdev/control_socket.hpp"

namespace bondway::daemon {

/// An interface of the switch and what stands behind it: a device, a patch to another interface, or
/// nothing but an error.
struct Interface {
  bridge::InterfaceId id{};
  db::Uuid row;
  bridge::InterfaceSettings settings;
  std::string type;           ///< the one that acts, see DeviceFactory
  std::string datapath_type;  ///< of its bridge, "system" if that names none

  bridge::BridgeId bridge{};
  fdb::PortId port{};
  std::optional<std::uint16_t> number;  ///< OpenFlow port number, while open

  std::unique_ptr<netdev::Netdev> device;
  /// Of a system device.
  struct Control {
    netdev::ControlSocket socket;
    FrameBudget budget{};
  };
  std::optional<Control> slow_frames, bpdus;
  std::vector<Watch> watches;  ///< of the descriptors above
  bool is_patch = false;
  MacAddress patch_mac;
  std::optional<bridge::InterfaceId> peer;  ///< the open patch that points back
  std::shared_ptr<bridge::Traffic> traffic = std::make_shared<bridge::Traffic>();
  bridge::Traffic slow_traffic;    ///< LACPDUs over a patch, which forwarding does not see
  std::string error;               ///< empty, or why it does not work
  bool newly_open = false;         ///< its statistics have not been reported yet
  std::optional<bool> mii_status;  ///< last polled, when that decides about the link

  bool is_open() const { return device || is_patch; }
  bool link_up() const;
  MacAddress mac() const { return device ? device->state().mac : patch_mac; }
};

/// All interfaces of the switch: opens and closes what stands behind them, joins patches, and keeps
/// forwarding's list of them.
class Interfaces {
 public:
  /// Called with slow-protocol frames and BPDUs that arrive on a system device.
  using SlowFrameHandler = std::function<void(bridge::InterfaceId, const FrameView&)>;

  Interfaces(asio::io_context& io, DeviceFactory& factory, datapath::Datapath& datapath,
             SlowFrameHandler on_slow_frame);
  ~Interfaces();

  Interface& add(const db::Uuid& row, const bridge::InterfaceSettings& settings);
  /// Closes it, too.  The reference is gone afterwards.
  void remove(Interface& interface);

  Interface* find(bridge::InterfaceId id);
  Interface* find(const std::string& name);
  std::vector<Interface*> all();
  /// No interface has this number or a higher one.
  std::size_t end() const { return interfaces_.size(); }

  /// Opens what the settings ask for; an internal device gets the address, if there is one.  On
  /// failure the interface's error says why.
  void open(Interface& interface, const std::optional<MacAddress>& mac);
  void close(Interface& interface);
  /// New settings of the same type: patches are joined anew, devices get their options and
  /// MTU.
  void reconfigure(Interface& interface, const bridge::InterfaceSettings& settings);
  /// Gives the device this address, if it has another one.
  void set_mac(Interface& interface, const MacAddress& mac);
  /// Gives the device this MTU, if it has another one.
  Result<void> set_mtu(Interface& interface, int mtu);

  /// Whether an open interface may stay open with these settings.
  static bool can_reconfigure(const Interface& interface,
                              const bridge::InterfaceSettings& settings);

  /// Sends a slow-protocol frame on its own way out of a system device, as lost as on a cut wire
  /// when the device does not take it.  A LACPDU is repeated when it should have been followed by
  /// another one, until silence() is called.
  void send_slow_frame(Interface& interface, std::span<const std::uint8_t> octets);
  void silence(bridge::InterfaceId id);
  /// Handles the slow-protocol frames and BPDUs that wait, now.
  void hear_slow_frames();

  /// Interfaces whose status may have changed since the last call.
  std::set<bridge::InterfaceId> take_changed() { return std::exchange(changed_, {}); }

  /// For Plan::interfaces.
  std::vector<bridge::InterfacePlan> plan() const { return plan_; }
  void update_plan(const Interface& interface, bond::MemberIndex member);
  /// Whether plan() differs from what it was at the last call.
  bool take_plan_changed() { return std::exchange(plan_changed_, false); }

 private:
  void open_patch(Interface& interface);
  void open_device(Interface& interface, const std::optional<MacAddress>& mac);
  void reconfigure_patch(Interface& interface, const bridge::InterfaceSettings& settings);
  void close_device(Interface& interface);
  void apply_settings(Interface& interface);
  void join(Interface& interface);
  void join_all_with(const std::string& name);
  Result<void> open_control(Interface& interface);
  Result<void> open_control(Interface& interface, netdev::ControlSocket::Kind kind,
                            std::optional<Interface::Control>& control);
  std::size_t hear(bridge::InterfaceId id, netdev::ControlSocket& socket);

  asio::io_context& io_;
  DeviceFactory& factory_;
  datapath::Datapath& datapath_;
  SlowFrameHandler on_slow_frame_;
  netdev::FrameBuffers buffers_;
  std::vector<std::unique_ptr<Interface>> interfaces_;  ///< by InterfaceId; null where free
  std::set<std::size_t> free_;
  std::map<std::string, bridge::InterfaceId> names_;
  std::map<std::string, std::set<bridge::InterfaceId>> patches_to_;  ///< by peer's name
  std::vector<bridge::InterfacePlan> plan_;
  bool plan_changed_ = false;
  std::set<bridge::InterfaceId> changed_;
  std::optional<Heartbeat> heartbeat_;  ///< not with dummies, whose clock may stand still
};

}  // namespace bondway::daemon
