#pragma once

#include "process/command_table.hpp"
#include "vswitchd/daemon/switch.hpp"

/// The commands of ovs-appctl(8) that ask or steer the switch, as rows for the control socket.  The
/// switch outlives the table.
namespace bondway::daemon {

void add_bond_commands(process::CommandTable& table, Switch& bondway_switch);
void add_lacp_commands(process::CommandTable& table, Switch& bondway_switch);
void add_fdb_commands(process::CommandTable& table, Switch& bondway_switch);
/// ofproto/list, dpif/show, dpif/dump-dps, qos/*, revalidator/*.
void add_datapath_commands(process::CommandTable& table, Switch& bondway_switch);
/// workers/show, flows/show.
void add_worker_commands(process::CommandTable& table, Switch& bondway_switch);
/// stp/show, stp/tcn.
void add_tree_commands(process::CommandTable& table, Switch& bondway_switch);
/// bridge/trace.
void add_trace_command(process::CommandTable& table, Switch& bondway_switch);
/// netdev-dummy/*.
void add_dummy_commands(process::CommandTable& table, Switch& bondway_switch);

}  // namespace bondway::daemon
