#include <algorithm>
#include <array>
#include <span>

#include "ctl/commands.hpp"
#include "db/engine/json.hpp"
#include "db/engine/text.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

/// Names of columns; those that are empty do not count.
using Names = std::array<std::string_view, 8>;

std::span<const std::string_view> used(const Names& names) {
  const auto end = std::find(names.begin(), names.end(), std::string_view());
  return std::span(names).first(static_cast<std::size_t>(end - names.begin()));
}

Columns positions_of(const db::Table& table, const Names& names) {
  Columns columns;
  for (const std::string_view name : used(names)) columns.push_back(column_of(table, name));
  return columns;
}

// ---------------------------------------------------------------- show

/// What the overview prints of a table's row: its name, and then these columns in this order.
struct Shown {
  std::string_view table, name;
  Names columns;
};

constexpr Shown kShown[] = {
    {"Open_vSwitch", "", {"manager_options", "bridges", "ovs_version"}},
    {"Bridge", "name", {"controller", "fail_mode", "datapath_type", "ports"}},
    {"Port", "name", {"tag", "trunks", "interfaces"}},
    {"Interface", "name", {"type", "options", "error", "bfd_status"}},
    {"Controller", "target", {"is_connected"}},
    {"Manager", "target", {"is_connected"}},
};

const Shown* find_shown(std::string_view table) {
  for (const Shown& shown : kShown) {
    if (shown.table == table) return &shown;
  }
  return nullptr;
}

Columns columns_of(const db::Table& table, const Shown& shown) {
  Columns columns = positions_of(table, shown.columns);
  if (!shown.name.empty()) columns.push_back(column_of(table, shown.name));
  return columns;
}

/// Writes the overview, from the root down.
class Overview {
 public:
  explicit Overview(View& view) : view_(view) {
    for (const Shown& shown : kShown) {
      const db::Table& table = view.table(shown.table);
      for (Row* row : view.select(table, Where::all(), columns_of(table, shown), Guard::no)) {
        if (!row->removed) rows_.emplace(row->uuid, row);
      }
    }
  }

  std::string text() && {
    Row& root = root_of(view_);
    out_ = to_string(root.uuid) + '\n';
    columns(root, *find_shown("Open_vSwitch"), 1);
    return std::move(out_);
  }

 private:
  void columns(Row& row, const Shown& shown, std::size_t depth) {
    for (const std::string_view name : used(shown.columns)) {
      const db::Column& column = row.table->columns[column_of(*row.table, name)];
      const Datum& datum = view_.get(row, name);
      if (const Shown* child = find_shown(column.type.key.ref_table)) {
        children(datum, *child, depth);
      } else if (datum != db::default_value(column.type)) {
        line(depth, fmt::format("{}: {}", name, db::to_text(datum, column.type)));
      }
    }
  }

  void children(const Datum& references, const Shown& shown, std::size_t depth) {
    for (const Atom& uuid : references.keys()) {
      const auto row = rows_.find(std::get<Uuid>(uuid));
      if (row == rows_.end()) continue;
      const db::Column& name =
          row->second->table->columns[column_of(*row->second->table, shown.name)];
      line(depth, fmt::format("{} {}", shown.table,
                              db::to_text(view_.get(*row->second, shown.name), name.type)));
      columns(*row->second, shown, depth + 1);
    }
  }

  void line(std::size_t depth, std::string_view text) {
    out_.append(4 * depth, ' ').append(text) += '\n';
  }

  View& view_;
  std::unordered_map<Uuid, Row*> rows_;
  std::string out_;
};

// ---------------------------------------------------------------- emer-reset

/// What has to go: whole tables, and columns of those that stay.
constexpr std::string_view kTablesToEmpty[] = {"Mirror", "Controller", "Manager", "NetFlow",
                                               "SSL",    "sFlow",      "IPFIX"};
/// Goes only when another command looks at it, as in the original.
constexpr std::string_view kSamples = "Flow_Sample_Collector_Set";

struct Cleared {
  std::string_view table;
  Names columns;
};

constexpr Cleared kColumnsToClear[] = {
    {"Open_vSwitch", {"manager_options", "ssl"}},
    {"Bridge",
     {"controller", "fail_mode", "mirrors", "netflow", "sflow", "ipfix", "flood_vlans",
      "other_config"}},
    {"Port", {"other_config"}},
    {"Interface", {"ingress_policing_rate", "ingress_policing_burst"}},
};

/// What stays of a column that is cleared.
Datum remainder(View& view, Row& row, std::string_view column) {
  const db::ColumnType& type = row.table->columns[column_of(*row.table, column)].type;
  Datum rest = db::default_value(type);
  if (row.table->name == "Bridge" && column == "other_config") {
    const Atom kept(std::string("hwaddr"));
    if (const Atom* address = view.get(row, column).find(kept)) rest.insert(kept, *address);
  }
  return rest;
}

}  // namespace

Done do_nothing(Context& /*context*/) { return Next::go_on; }

Result<void> prepare_show(Context& context) {
  View& view = context.view();
  for (const Shown& shown : kShown) {
    const db::Table& table = view.table(shown.table);
    view.want(table, Where::all(), columns_of(table, shown));
  }
  return {};
}

Done show(Context& context) {
  context.output.text = Overview(context.view()).text();
  return Next::go_on;
}

Result<void> prepare_reset(Context& context) {
  View& view = context.view();
  for (const std::string_view name : kTablesToEmpty) view.want(view.table(name), Where::all(), {});
  for (const Cleared& cleared : kColumnsToClear) {
    const db::Table& table = view.table(cleared.table);
    view.want(table, Where::all(), positions_of(table, cleared.columns));
  }
  return {};
}

Done emergency_reset(Context& context) {
  View& view = context.view();
  for (const Cleared& cleared : kColumnsToClear) {
    const db::Table& table = view.table(cleared.table);
    for (Row* row : view.select(table, Where::all(), positions_of(table, cleared.columns))) {
      for (const std::string_view column : used(cleared.columns)) {
        view.set(*row, column, remainder(view, *row, column));
      }
    }
  }
  std::vector<std::string_view> names(std::begin(kTablesToEmpty), std::end(kTablesToEmpty));
  if (view.uses(view.table(kSamples))) names.push_back(kSamples);
  for (const std::string_view name : names) {
    for (Row* row : view.select(view.table(name), Where::all(), {}, Guard::no)) view.remove(*row);
  }
  return Next::go_on;
}

}  // namespace bondway::ctl
