#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "vswitchd/bond/view.hpp"
#include "vswitchd/fdb/view.hpp"
#include "vswitchd/lacp/view.hpp"
#include "vswitchd/stp/view.hpp"

/// Snapshots as `ovs-appctl --format json` shows them: docs/appctl-json.md describes every member.
/// The text of the same commands is rendered beside the snapshots, which know no JSON.
namespace bondway::daemon {

nlohmann::json bond_list_json(std::span<const bond::BondView> bonds);
nlohmann::json bond_show_json(std::span<const bond::BondView> bonds);
nlohmann::json lacp_show_json(std::span<const lacp::LagView> ports);
nlohmann::json lacp_stats_json(std::span<const lacp::LagView> ports);

nlohmann::json tree_show_json(std::span<const stp::TreeView> bridges);

/// As releases from 3.6 on print it, and therefore without a version: bridge to array of entries.
nlohmann::json fdb_show_json(std::string_view bridge, const fdb::TableView& table);
nlohmann::json fdb_stats_json(std::string_view bridge, const fdb::Statistics& statistics);

}  // namespace bondway::daemon
