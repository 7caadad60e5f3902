#pragma once

#include <functional>
#include <string>

#include "db/engine/database.hpp"
#include "db/rpc/asio.hpp"
#include "process/clock.hpp"
#include "process/log.hpp"
#include "vswitchd/config/reconcile.hpp"
#include "vswitchd/daemon/status.hpp"
#include "vswitchd/daemon/switch.hpp"

namespace bondway::daemon {

/// Keeps the switch and the database in step, both ways, and owns the one timer: committed changes
/// become steps of the switch, what happens there becomes status columns.
class Controller {
 public:
  /// `committed` is called after each commit of ours, and not from within the database.  Everything
  /// named outlives the controller.
  Controller(asio::io_context& io, const process::Clock& clock, Switch& bondway_switch,
             db::Database& database, std::function<void()> committed, process::Logger log);

  /// Brings the switch to what is configured now, and keeps it there from now on.
  void start();

  /// One pass of the main loop: everything that is due at clock.now().
  void pass();

 private:
  void on_changes(const db::Changes& changes);
  void apply_changes();
  void on_settled();
  void write_status();
  /// False, and said so, when the database refuses; what was to be written is still due then.
  bool commit(db::Transaction& transaction);
  void write_statistics();
  void give_back_memory();
  void age_addresses();
  void arm_timer();
  TimePoint next_duty() const;

  asio::io_context& io_;
  const process::Clock& clock_;
  Switch& switch_;
  db::Database& database_;
  std::function<void()> committed_;
  process::Logger log_;
  config::Reconciler reconciler_;
  StatusWriter status_;
  asio::steady_timer timer_, retry_;
  process::LogRateLimit refusals_{6, 6};  ///< a full disk is told of six times a minute
  db::Subscription subscription_;

  db::Changes pending_;
  bool apply_posted_ = false, write_posted_ = false;
  std::int64_t reached_cfg_ = -1;
  TimePoint next_statistics_, next_ageing_, next_mii_poll_;
  std::size_t next_interface_ = 0;  ///< whose statistics come next
  TimePoint last_pass_;
  std::optional<TimePoint> trim_due_;
  std::optional<TimePoint> armed_;  ///< when the timer goes off
};

}  // namespace bondway::daemon
