#pragma once

#include "ctl/bridges.hpp"
#include "ctl/command.hpp"
#include "ctl/parse.hpp"

namespace bondway::ctl {

/// What the rows of the table of commands point to; see ovs-vsctl(8) for each.

// bridge_commands.cpp
Result<void> prepare_bridge(Context& context);  ///< first argument: a bridge
Done add_bridge(Context& context);
Done delete_bridge(Context& context);
Result<void> prepare_bridges(Context& context);
Done list_bridges(Context& context);
Done bridge_exists(Context& context);
Done bridge_to_vlan(Context& context);
Done bridge_to_parent(Context& context);
Done set_external_id(Context& context);
Done get_external_id(Context& context);

// port_commands.cpp
Done list_ports(Context& context);
Done list_interfaces(Context& context);
Result<void> prepare_add_port(Context& context);
Done add_port(Context& context);
Done add_bond(Context& context);
Result<void> prepare_delete_port(Context& context);
Done delete_port(Context& context);
Result<void> prepare_port(Context& context);
Done port_to_bridge(Context& context);
Result<void> prepare_interface(Context& context);
Done interface_to_bridge(Context& context);
Result<void> prepare_bond_interface(Context& context);
Done add_bond_interface(Context& context);
Done delete_bond_interface(Context& context);

// controller_commands.cpp
Done get_controller(Context& context);
Done delete_controller(Context& context);
Done set_controller(Context& context);
Done get_fail_mode(Context& context);
Done delete_fail_mode(Context& context);
Done set_fail_mode(Context& context);
Done get_manager(Context& context);
Done delete_manager(Context& context);
Done set_manager(Context& context);
Done get_ssl(Context& context);
Done delete_ssl(Context& context);
Done set_ssl(Context& context);

// mapping_commands.cpp
Done add_aa_mapping(Context& context);
Done delete_aa_mapping(Context& context);
Done get_aa_mapping(Context& context);
Done add_zone_policy(Context& context);
Done delete_zone_policy(Context& context);
Done list_zone_policies(Context& context);
Done list_datapath_capabilities(Context& context);

// switch_commands.cpp
Done do_nothing(Context& context);
Result<void> prepare_show(Context& context);
Done show(Context& context);
Result<void> prepare_reset(Context& context);
Done emergency_reset(Context& context);

// record_commands.cpp
Result<void> prepare_list(Context& context);
Done list_records(Context& context);
Result<void> prepare_find(Context& context);
Done find_records(Context& context);
Result<void> prepare_get(Context& context);
Done get_values(Context& context);
Result<void> prepare_set(Context& context);
Done set_values(Context& context);
Result<void> prepare_add(Context& context);
Done add_values(Context& context);
Done remove_values(Context& context);
Result<void> prepare_clear(Context& context);
Done clear_columns(Context& context);
Result<void> prepare_create(Context& context);
Done create_record(Context& context);
Result<void> prepare_destroy(Context& context);
Done destroy_records(Context& context);
Result<void> prepare_wait(Context& context);
Done wait_until(Context& context);

// -- What several of them share.

/// `COLUMN[:KEY]=VALUE` applied to a row.
Result<void> apply_setting(Context& context, Row& row, const std::string& argument);
/// How values refer to `@name` in this run.
RowNames row_names(Run& run);

/// Fails when the name of a new bridge, port or interface is taken.  `what` is "a bridge", ...
Result<void> check_free(View& view, std::string_view what, const std::string& name);
/// Takes a port out of its bridge, its rows with it.
void drop_port(View& view, Row& bridge, Row& port);
Result<Bridge> existing_bridge(View& view, const std::string& name);
Result<Bridge> existing_real_bridge(View& view, const std::string& name);

}  // namespace bondway::ctl
