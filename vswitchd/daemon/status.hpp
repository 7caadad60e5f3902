#pragma once

#include "db/engine/transaction.hpp"
#include "vswitchd/daemon/switch.hpp"

namespace bondway::daemon {

/// Writes what the daemon reports into the database: ovs-vswitchd.conf.db(5), the columns that say
/// "status" or "reported".  Writes only what differs; the caller commits.
class StatusWriter {
 public:
  /// Both outlive the writer.
  StatusWriter(Switch& bondway_switch, const db::Schema& schema);

  /// Status columns of everything in the news.
  void write(const StatusNews& news, db::Transaction& transaction);

  /// Statistics columns of the interfaces that have these numbers; with the first of them, those of
  /// mirrors and spanning trees, which are few.
  void write_statistics(std::size_t begin, std::size_t end, db::Transaction& transaction);

  /// The configuration of this number is in force.
  void write_reached(std::int64_t next_cfg, db::Transaction& transaction);

  /// What this program offers: iface_types, datapath_types.
  void write_capabilities(db::Transaction& transaction);

 private:
  void write_bridge(const db::Uuid& row, db::Transaction& transaction);
  void write_port(const db::Uuid& row, db::Transaction& transaction);
  void write_tree_port(const SwitchPort& port, db::Transaction& transaction);
  void write_interface(Interface& interface, db::Transaction& transaction);
  void write_device(const Interface& interface, db::Transaction& transaction);
  void write_mirror_statistics(const bridge::Bridge& bridge, db::Transaction& transaction);
  void write_interface_statistics(Interface& interface, db::Transaction& transaction);

  Switch& switch_;
  const db::Table& bridges_;
  const db::Table& ports_;
  const db::Table& interfaces_;
  const db::Table& mirrors_;
  const db::Table& switch_table_;
};

}  // namespace bondway::daemon
