#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vswitchd/bond/order.hpp"
#include "vswitchd/bridge/bridge.hpp"
#include "vswitchd/config/reconcile.hpp"
#include "vswitchd/daemon/bridge_mtu.hpp"
#include "vswitchd/daemon/interfaces.hpp"
#include "vswitchd/netdev/links.hpp"

namespace bondway::daemon {

/// Whose status columns may have changed, by row.
struct StatusNews {
  std::set<db::Uuid> bridges, ports;
  std::set<bridge::InterfaceId> interfaces;
  bool empty() const { return bridges.empty() && ports.empty() && interfaces.empty(); }
};

/// How often things happened since the start.
struct SwitchTotals {
  std::uint64_t reconfigurations = 0;
  std::uint64_t slow_frames_received = 0, slow_frames_sent = 0;
};

/// One port of the switch.
struct SwitchPort {
  db::Uuid row;
  bridge::BridgeId bridge{};
  fdb::PortId id{};
  std::vector<bridge::InterfaceId> interfaces;  ///< in the order of the settings
  std::uint64_t lacp_since =
      0;  ///< when LACP was switched on, in the order of events; 0: it is off
  bool in_bond_order = false;
  bool leaving = false;  ///< about to be removed: has nothing to announce
};

/// One bridge of the switch.
struct SwitchBridge {
  db::Uuid row;
  bridge::BridgeId id{};
  std::unique_ptr<bridge::Bridge> bridge;
  std::vector<SwitchPort*> ports;  ///< by fdb::PortId; null where free
  BridgeMtu mtu;

  SwitchPort* find(fdb::PortId port) const {
    const auto place = static_cast<std::size_t>(port);
    return place < ports.size() ? ports[place] : nullptr;
  }
};

/// The switch as a whole: carries out what the configuration asks for, brings events to the port
/// they concern, and what the ports decide to the devices and to forwarding.
///
/// Control thread only.  Every event ends in settle(), so that no path forgets an action, the plan
/// or a status column.
class Switch {
 public:
  using Logger = std::function<void(const bridge::Log&)>;

  Switch(asio::io_context& io, DummyMode dummies, std::function<TimePoint()> now, Logger log);
  ~Switch();

  /// Carries out the steps in order.
  void apply(const std::vector<config::Step>& steps);

  /// Does everything whose time has come.
  void expire();
  std::optional<TimePoint> deadline() const;

  /// Handles what links and partners have to say, now: before time is held against them that the
  /// control thread spent elsewhere.
  void listen();

  /// Called after every event, when its consequences have been carried out: time to look at
  /// deadline() and take_news().
  std::function<void()> on_settled;
  bool has_news() const { return !news_.empty(); }
  StatusNews take_news() { return std::exchange(news_, {}); }
  /// News that could not be told yet.
  void give_back(StatusNews news);

  const config::SwitchSettings& settings() const { return settings_; }
  const SwitchTotals& totals() const { return totals_; }
  const std::optional<db::Uuid>& row() const { return row_; }
  TimePoint now() const { return now_(); }

  // What the commands and the status columns are made from.
  std::map<db::Uuid, SwitchBridge>& bridges() { return bridges_; }
  std::map<db::Uuid, SwitchPort>& ports() { return ports_; }
  Interfaces& interfaces() { return interfaces_; }
  datapath::Datapath& datapath() { return datapath_; }
  /// What forwarding goes by, as last published.
  const bridge::Plan& plan() const { return *plan_; }
  /// The names of all bonds in the order in which scripts are used to see them.
  std::vector<std::string> bonds() const { return bond_order_.values(); }
  SwitchBridge* find_bridge(const std::string& name);
  SwitchPort* find_port(const std::string& name);
  bridge::Port& port(const SwitchPort& port);
  const bridge::Port* find_port_of(const Interface& interface);
  SwitchBridge& bridge_of(const SwitchPort& port) { return *find_bridge(port.bridge); }

  /// A command changed the bond of this port.
  void settle_bond(const SwitchPort& port);
  /// Brings the octets that forwarding counted to the port's bond.
  void collect_load(const SwitchPort& port);
  /// A command says that the bridge's topology has changed.
  void note_topology_change(const SwitchBridge& bridge);
  /// The administrative state of a dummy device has changed.
  void dummy_changed(Interface& interface);
  /// Asks the devices that miimon watches for their link, those whose port's interval has passed.
  void poll_mii();
  bool polls_mii() const { return !mii_ports_.empty(); }

 private:
  std::size_t count_system_devices(const std::vector<config::Step>& steps) const;
  void remove_closed();
  void perform(const config::AddBridge& step);
  void perform(const config::ChangeBridge& step);
  void perform(const config::RemoveBridge& step);
  void perform(const config::AddPort& step);
  void perform(const config::ChangePort& step);
  void perform(const config::RemovePort& step);
  void perform(const config::ChangeSwitch& step);
  void perform(const config::Warn& step);

  void note_detect_mode(const db::Uuid& port, bridge::DetectMode mode);
  Interface& add_interface(SwitchPort& port, const db::Uuid& row,
                           const bridge::InterfaceSettings& settings);
  void change_interface(SwitchPort& port, Interface& interface,
                        const bridge::InterfaceSettings& settings);
  /// Opens what the interfaces' settings ask for; those that work become members of the port.
  void open(SwitchPort& port, std::span<Interface* const> interfaces);
  bool open_one(SwitchBridge& bridge, Interface& interface);
  void log_unopened(const Interface& interface);
  void log_refused(const Interface& interface);
  void reopen(Interface& interface);
  void close(SwitchPort& port, Interface& interface);
  void remove_interface(SwitchPort& port, bridge::InterfaceId id);
  static std::optional<MacAddress> wanted_mac(const SwitchBridge& bridge,
                                              const Interface& interface);
  void choose_mac(SwitchBridge& bridge);
  void place_mac(const SwitchBridge& bridge);
  bridge::Member member_of(const Interface& interface) const;

  void perform(const SwitchBridge& bridge, const bridge::PortAction& action);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::SendFrame& send);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::PlanChanged&);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::StatusChanged&);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::Announce&);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::CheckLink& check);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::Log& log);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::ForgetAddresses&);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::ForgetAllAddresses&);
  void act(const SwitchBridge& bridge, fdb::PortId port, const bridge::TreeStatusChanged&);

  SwitchBridge* find_bridge(bridge::BridgeId id) const {
    return bridges_by_id_[static_cast<std::size_t>(id)];
  }
  void queue(bridge::BridgeId bridge, bridge::PortActions actions);
  void attend();
  void settle();
  void run_queue();
  void publish();
  void carry_out();
  bool catch_up();
  void write_log();
  void note_mtu(const Interface& interface);
  void follow_mtus();
  void note_bond(SwitchPort& port);
  void place_members(const SwitchBridge& bridge, fdb::PortId port);
  void send_waiting();
  Interface* hearing_peer(const Interface& interface, std::span<const std::uint8_t> octets);
  void announce(const SwitchBridge& bridge, fdb::PortId port);
  void on_slow_frame(bridge::InterfaceId id, std::span<const std::uint8_t> octets);
  void on_links(const std::vector<netdev::LinkEvent>& events);
  void on_link(const netdev::LinkEvent& event);
  std::set<bridge::InterfaceId> concerned_by(const netdev::LinkEvent& event);
  void on_link(Interface& interface, const netdev::LinkEvent& event);
  void replace_if_gone(bridge::InterfaceId id);
  void check_link(bridge::InterfaceId id);
  void link_changed(Interface& interface);
  SwitchPort& port_of(const Interface& interface) {
    return *find_bridge(interface.bridge)->find(interface.port);
  }
  void log(std::string text, bridge::Log::Level level = bridge::Log::Level::info);
  void log(bridge::Log line) { log_.push_back(std::move(line)); }

  static constexpr Duration kAttentionInterval = 20ms;

  std::function<TimePoint()> now_;
  Logger write_log_;
  DeviceFactory factory_;
  netdev::Links links_;
  datapath::Datapath datapath_;
  Interfaces interfaces_;
  std::vector<Watch> watches_;

  std::optional<db::Uuid> row_;
  config::SwitchSettings settings_;
  SwitchTotals totals_;
  std::map<db::Uuid, SwitchBridge> bridges_;
  std::map<db::Uuid, SwitchPort> ports_;
  std::map<std::string, db::Uuid> bridge_names_;
  std::unordered_map<std::string, SwitchPort*> port_names_;
  std::vector<SwitchBridge*> bridges_by_id_;  ///< null where free
  std::map<db::Uuid, TimePoint> mii_ports_;   ///< when to ask their devices again
  std::uint64_t sequence_ = 0;
  bond::ReferenceOrder bond_order_;
  std::shared_ptr<bridge::RecirculationIds> recirculation_ids_ =
      std::make_shared<bridge::RecirculationIds>();

  /// Whose device has another name by now, as an internal one may.
  std::set<bridge::InterfaceId> renamed_;
  std::chrono::steady_clock::time_point next_attention_{};
  std::deque<std::pair<bridge::BridgeId, bridge::PortAction>> queue_;
  /// What leaves when the plan that it needs is in force.
  std::vector<std::pair<bridge::BridgeId, fdb::PortId>> announcing_;
  std::vector<std::pair<db::Uuid, bridge::SendFrame>> sending_;  ///< with the interface's row
  std::vector<bridge::Log> log_;                                 ///< not yet written
  std::set<bridge::InterfaceId> behind_;  ///< whose device may have more to tell: catch_up()
  std::set<bridge::BridgeId> mtu_due_;    ///< whose devices' MTUs may have changed

  std::set<db::Uuid> stale_bridges_;  ///< whose plan has to be made anew
  std::vector<std::shared_ptr<const bridge::BridgePlan>> bridge_plans_;
  std::shared_ptr<const bridge::Plan> plan_ = std::make_shared<bridge::Plan>();
  std::uint64_t generation_ = 0;
  StatusNews news_;
};

}  // namespace bondway::daemon
