#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "vswitchd/config/settings.hpp"

namespace bondway::config {

struct AddBridge {
  db::Uuid bridge;
  bridge::BridgeSettings settings;
};
struct ChangeBridge {
  db::Uuid bridge;
  bridge::BridgeSettings settings;
};
struct RemoveBridge {
  db::Uuid bridge;
};

/// A port and the rows of its interfaces, in the order of settings.interfaces.
struct AddPort {
  db::Uuid bridge, port;
  bridge::PortSettings settings;
  std::vector<db::Uuid> interfaces;
};
struct ChangePort {
  db::Uuid port;
  bridge::PortSettings settings;
  std::vector<db::Uuid> interfaces;
};
struct RemovePort {
  db::Uuid port;
};

/// The switch's own settings; always the last step, so that next_cfg is reported as reached when
/// everything before it has been done.
struct ChangeSwitch {
  db::Uuid row;
  SwitchSettings settings;
};

/// For the log.
struct Warn {
  Warning warning;
};

using Step = std::variant<AddBridge, ChangeBridge, RemoveBridge, AddPort, ChangePort, RemovePort,
                          ChangeSwitch, Warn>;

/// Turns committed changes of the database into steps that bring the switch to what is configured:
/// only what changed, removals first, a bridge before its ports.
///
/// Work is proportional to the change: a row that changed is read, its neighbours are not.  Changes
/// of status columns, the daemon's own among them, cause no step.
class Reconciler {
 public:
  /// The database outlives the reconciler.
  explicit Reconciler(const db::Database& database);

  /// Everything that is configured now; for a switch that has nothing yet.
  std::vector<Step> start();

  std::vector<Step> apply(const db::Changes& changes);

 private:
  struct Affected;
  struct KnownPort {
    db::Uuid bridge;
    bridge::PortSettings settings;
    std::vector<db::Uuid> interfaces;
    Warnings warnings;  ///< as last told
  };
  struct KnownBridge {
    bridge::BridgeSettings settings;
    Warnings warnings;
    std::vector<db::Uuid> ports, mirrors;  ///< sorted
  };

  Affected affected(const db::Changes& changes) const;
  void reconcile(const Affected& affected, std::vector<Step>& steps);
  void reconcile_bridges(Affected& affected, std::vector<Step>& steps);
  bridge::BridgeSettings read_bridge(const db::Row& row, Warnings& warnings) const;
  void remove_port(const db::Uuid& port, std::vector<Step>& steps);
  void read_port(const db::Uuid& port, const db::Uuid& bridge, std::vector<Step>& steps);
  void read_switch(std::vector<Step>& steps);

  const db::Database& database_;
  std::map<db::Uuid, KnownBridge> bridges_;
  std::map<db::Uuid, KnownPort> ports_;
  std::map<db::Uuid, db::Uuid> port_of_interface_;
  std::optional<SwitchSettings> switch_;
  Warnings switch_warnings_;
};

}  // namespace bondway::config
