#include "db/server/monitor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/members.hpp"
#include "db/rpc/json_text.hpp"
#include "db/server/row_text.hpp"

namespace bondway::server {
namespace {

using db::Error;
using db::Kind;
using db::Members;
using db::Result;
using db::Row;
using db::Table;
using nlohmann::json;
using Column = MonitoredTable::Column;

/// Of one table in one monitor: each change of a row is held against all of them.
constexpr std::size_t kMostConditions = 10'000;

// --- requests
// -------------------------------------------------------------------------------------

tl::unexpected<Error> refused(const Members& members, const std::string& what) {
  return tl::unexpected(members.error(what));
}

Result<MonitorSelect> parse_select(const json& object, const Table& table) {
  Members members(object);
  const auto flag = [&](const char* name) {
    const json* value = members.optional(name, Kind::boolean);
    return value == nullptr || value->get<bool>();
  };
  MonitorSelect select;
  select.initial = flag("initial");
  select.insert = flag("insert");
  select.remove = flag("delete");
  select.modify = flag("modify");
  if (!members.complete()) return refused(members, "table " + table.name + " select");
  return select;
}

std::optional<std::size_t> find_column(const Table& table, std::string_view name) {
  if (name == "_uuid") return MonitoredTable::kUuid;
  if (name == "_version") return MonitoredTable::kVersion;
  return table.find(name);
}

/// Adds a column once.
bool add_column(MonitoredTable& monitored, std::size_t position, const MonitorSelect& select) {
  const bool known = std::any_of(monitored.columns.begin(), monitored.columns.end(),
                                 [&](const Column& column) { return column.position == position; });
  if (known) return false;
  Column column{position, select, {}};
  if (position < monitored.table->columns.size())
    column.default_value = db::default_value(monitored.table->columns[position].type);
  monitored.columns.push_back(std::move(column));
  return true;
}

tl::unexpected<Error> mentioned_twice(std::string_view column, const json* columns) {
  return db::fail("syntax error", fmt::format("column {} mentioned more than once", column),
                  columns != nullptr ? db::json_text(*columns) : std::string());
}

Result<void> add_columns(MonitoredTable& monitored, const json& columns,
                         const MonitorSelect& select) {
  for (const json& name : columns) {
    if (!name.is_string())
      return db::fail("syntax error", "array of column names expected", db::json_text(columns));
    const auto& text = name.get_ref<const std::string&>();
    const auto position = find_column(*monitored.table, text);
    if (!position)
      return db::fail("syntax error", text + " is not a valid column name", db::json_text(columns));
    if (!add_column(monitored, *position, select)) return mentioned_twice(text, &columns);
  }
  return {};
}

Result<void> add_all_columns(MonitoredTable& monitored, const MonitorSelect& select) {
  const auto& columns = monitored.table->columns;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (!add_column(monitored, i, select)) return mentioned_twice(columns[i].name, nullptr);
  if (!add_column(monitored, MonitoredTable::kVersion, select))
    return mentioned_twice("_version", nullptr);
  return {};
}

Result<void> add_conditions(std::vector<db::Clause>& conditions, const json& where,
                            const Table& table) {
  if (conditions.size() + where.size() > kMostConditions)
    return db::fail("resources exhausted",
                    fmt::format("table {}: too many conditions", table.name));
  for (const json& clause : where) {
    auto condition = db::Clause::parse(clause, table);
    if (!condition) return tl::unexpected(condition.error());
    conditions.push_back(std::move(*condition));
  }
  return {};
}

void add_select(MonitorSelect& all, const MonitorSelect& select) {
  all.initial |= select.initial;
  all.insert |= select.insert;
  all.remove |= select.remove;
  all.modify |= select.modify;
}

/// One <monitor-request> or <monitor-cond-request>.
Result<void> add_request(MonitoredTable& monitored, const json& request, MonitorKind kind) {
  Members members(request);
  const json* columns = members.optional("columns", Kind::array);
  const json* select_object = members.optional("select", Kind::object);
  const json* where =
      kind == MonitorKind::monitor ? nullptr : members.optional("where", Kind::array);
  if (!members.complete()) return refused(members, "table " + monitored.table->name);

  MonitorSelect select;
  if (select_object != nullptr) {
    const auto parsed = parse_select(*select_object, *monitored.table);
    if (!parsed) return tl::unexpected(parsed.error());
    select = *parsed;
  }
  add_select(monitored.select, select);
  const auto added = columns != nullptr ? add_columns(monitored, *columns, select)
                                        : add_all_columns(monitored, select);
  if (!added) return added;
  return where != nullptr ? add_conditions(monitored.conditions, *where, *monitored.table)
                          : Result<void>();
}

Result<MonitoredTable> parse_table(const Table& table, const json& requests, MonitorKind kind) {
  MonitoredTable monitored;
  monitored.table = &table;
  if (!requests.is_array()) {  // older than the RFC: a single request
    if (const auto added = add_request(monitored, requests, kind); !added)
      return tl::unexpected(added.error());
    return monitored;
  }
  for (const json& request : requests)
    if (const auto added = add_request(monitored, request, kind); !added)
      return tl::unexpected(added.error());
  return monitored;
}

/// <monitor-cond-update>: the last of the requests for a table counts.
Result<std::optional<std::vector<db::Clause>>> parse_conditions(const json& requests,
                                                                const Table& table) {
  std::optional<std::vector<db::Clause>> conditions;
  if (!requests.is_array())
    return db::fail("syntax error",
                    fmt::format("table {} no monitor-cond-change JSON array", table.name));
  for (const json& request : requests) {
    Members members(request);
    const json* columns = members.optional("columns", Kind::array);
    const json* where = members.optional("where", Kind::array);
    if (!members.complete()) return refused(members, "table " + table.name);
    if (columns != nullptr)
      return db::fail("syntax error", "changing columns is unsupported", db::json_text(request));
    conditions.emplace();
    if (where == nullptr) continue;
    if (const auto added = add_conditions(*conditions, *where, table); !added)
      return tl::unexpected(added.error());
  }
  return conditions;
}

// --- rows
// -----------------------------------------------------------------------------------------

enum class Occasion : std::uint8_t { initial, insert, modify, remove };

bool selects(const MonitorSelect& select, Occasion occasion) {
  switch (occasion) {
    case Occasion::initial:
      return select.initial;
    case Occasion::insert:
      return select.insert;
    case Occasion::modify:
      return select.modify;
    default:
      return select.remove;
  }
}

bool is_monitored(const MonitoredTable& monitored, const Row& row) {
  if (monitored.conditions.empty()) return true;
  return std::any_of(monitored.conditions.begin(), monitored.conditions.end(),
                     [&](const db::Clause& condition) { return condition.matches(row); });
}

bool differs(const Column& column, const Row& before, const Row& after) {
  if (column.position == MonitoredTable::kUuid) return false;
  if (column.position == MonitoredTable::kVersion) return before.version != after.version;
  return before.columns[column.position] != after.columns[column.position];
}

/// Writes members of a JSON object, one after the other.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  /// The caller appends the value.
  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    rpc::append_string(out_, name);
    out_ += ':';
    return out_;
  }
  void finish() { out_ += '}'; }
  bool empty() const { return first_; }

 private:
  std::string& out_;
  bool first_ = true;
};

class RowWriter {
 public:
  explicit RowWriter(const MonitoredTable& monitored) : monitored_(monitored) {}

  std::string_view name(const Column& column) const {
    if (column.position == MonitoredTable::kUuid) return "_uuid";
    if (column.position == MonitoredTable::kVersion) return "_version";
    return monitored_.table->columns[column.position].name;
  }

  void value(std::string& out, const Column& column, const Row& row) const {
    if (column.position == MonitoredTable::kUuid) return append(out, row.uuid);
    if (column.position == MonitoredTable::kVersion) return append(out, row.version);
    append(out, row.columns[column.position], monitored_.table->columns[column.position].type);
  }

  /// All columns that are selected for the occasion.
  void all(std::string& out, const Row& row, Occasion occasion) const {
    ObjectText object(out);
    for (const Column& column : monitored_.columns)
      if (selects(column.select, occasion)) value(object.member(name(column)), column, row);
    object.finish();
  }

  /// Those that do not hold their default.
  void unusual(std::string& out, const Row& row, Occasion occasion) const {
    ObjectText object(out);
    for (const Column& column : monitored_.columns) {
      if (!selects(column.select, occasion)) continue;
      const bool real = column.position < row.columns.size();
      if (real && row.columns[column.position] == column.default_value) continue;
      value(object.member(name(column)), column, row);
    }
    object.finish();
  }

  /// The old values of those that changed.
  void changed(std::string& out, const Row& before, const Row& after) const {
    ObjectText object(out);
    for (const Column& column : monitored_.columns)
      if (column.select.modify && differs(column, before, after))
        value(object.member(name(column)), column, before);
    object.finish();
  }

  /// The difference of those that changed.
  void difference(std::string& out, const Row& before, const Row& after) const {
    ObjectText object(out);
    for (const Column& column : monitored_.columns) {
      if (!column.select.modify || !differs(column, before, after)) continue;
      object.member(name(column));
      if (column.position < before.columns.size())
        append_difference(out, before.columns[column.position], after.columns[column.position],
                          monitored_.table->columns[column.position].type);
      else
        value(out, column, after);
    }
    object.finish();
  }

 private:
  const MonitoredTable& monitored_;
};

/// <row-update>; RFC 7047, 4.1.6.
void append_update(std::string& out, const RowWriter& writer, const Row* before, const Row* after,
                   Occasion occasion) {
  ObjectText update(out);
  if (occasion == Occasion::remove) writer.all(update.member("old"), *before, occasion);
  if (occasion == Occasion::modify) writer.changed(update.member("old"), *before, *after);
  if (occasion != Occasion::remove) writer.all(update.member("new"), *after, occasion);
  update.finish();
}

/// <row-update2>; ovsdb-server(7), 4.1.14.
void append_update2(std::string& out, const RowWriter& writer, const Row* before, const Row* after,
                    Occasion occasion) {
  ObjectText update(out);
  switch (occasion) {
    case Occasion::initial:
      writer.unusual(update.member("initial"), *after, occasion);
      break;
    case Occasion::insert:
      writer.unusual(update.member("insert"), *after, occasion);
      break;
    case Occasion::modify:
      writer.difference(update.member("modify"), *before, *after);
      break;
    default:
      update.member("delete") += "null";
  }
  update.finish();
}

/// Builds <table-updates> or <table-updates2>, table by table and row by row.
class TableUpdates {
 public:
  explicit TableUpdates(MonitorKind kind) : kind_(kind), tables_(text_) {}

  void begin_table(const MonitoredTable& monitored) {
    monitored_ = &monitored;
    rows_.reset();
  }

  /// What is told of a row that was `before` and is `after`; null: not in view.
  void add(const db::Uuid& uuid, const Row* before, const Row* after, bool initial = false) {
    const auto occasion = occasion_of(before, after, initial);
    if (!occasion || !selects(monitored_->select, *occasion)) return;
    if (!rows_) rows_.emplace(tables_.member(monitored_->table->name));
    rows_->member(db::to_string(uuid));
    const RowWriter writer(*monitored_);
    if (kind_ == MonitorKind::monitor)
      append_update(text_, writer, before, after, *occasion);
    else
      append_update2(text_, writer, before, after, *occasion);
  }

  void end_table() {
    if (rows_) rows_->finish();
  }

  bool empty() const { return tables_.empty(); }

  std::string finish() {
    tables_.finish();
    return std::move(text_);
  }

 private:
  std::optional<Occasion> occasion_of(const Row* before, const Row* after, bool initial) const {
    if (before == nullptr && after == nullptr) return std::nullopt;
    if (before == nullptr) return initial ? Occasion::initial : Occasion::insert;
    if (after == nullptr) return Occasion::remove;
    const auto& columns = monitored_->columns;
    const bool changed = std::any_of(columns.begin(), columns.end(), [&](const Column& column) {
      return differs(column, *before, *after);
    });
    return changed ? std::optional(Occasion::modify) : std::nullopt;
  }

  MonitorKind kind_;
  std::string text_;
  ObjectText tables_;
  std::optional<ObjectText> rows_;
  const MonitoredTable* monitored_ = nullptr;
};

const Row* in_view(const MonitoredTable& monitored, const db::RowPtr& row) {
  return row && is_monitored(monitored, *row) ? row.get() : nullptr;
}

std::optional<std::string> text_of(TableUpdates& updates) {
  if (updates.empty()) return std::nullopt;
  return updates.finish();
}

}  // namespace

Result<std::shared_ptr<MonitorView>> MonitorView::parse(MonitorKind kind, const db::Schema& schema,
                                                        const json& requests) {
  if (!requests.is_object())
    return db::fail("syntax error", "monitor-requests must be object", db::json_text(requests));
  std::vector<MonitoredTable> tables;
  for (const auto& [name, request] : requests.items()) {
    const Table* table = schema.find(name);
    if (table == nullptr) return db::fail("syntax error", "no table named " + name);
    auto monitored = parse_table(*table, request, kind);
    if (!monitored) return tl::unexpected(monitored.error());
    tables.push_back(std::move(*monitored));
  }
  return std::shared_ptr<MonitorView>(new MonitorView(kind, std::move(tables)));
}

std::string MonitorView::initial(const db::Database& database) const {
  TableUpdates updates(kind_);
  for (const MonitoredTable& table : tables_) {
    if (!table.select.initial) continue;
    updates.begin_table(table);
    for (const auto& [uuid, row] : database.rows(*table.table))
      updates.add(uuid, nullptr, in_view(table, row), true);
    updates.end_table();
  }
  return updates.finish();
}

std::optional<std::size_t> MonitorView::find(const Table& table) const {
  const auto found =
      std::find_if(tables_.begin(), tables_.end(),
                   [&](const MonitoredTable& monitored) { return monitored.table == &table; });
  if (found == tables_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - tables_.begin());
}

void MonitorView::record(const db::Changes& changes) {
  told_.reset();
  for (const db::RowChange& change : changes)
    if (find(*change.table)) open_->changes.push_back(change);
}

/// One by one: the chain may be long.
MonitorView::Batch::~Batch() {
  while (next && next.use_count() == 1) next = std::exchange(next->next, nullptr);
}

const std::shared_ptr<MonitorView::Batch>& MonitorView::cut() {
  if (open_->changes.empty()) return open_;
  open_->next = std::make_shared<Batch>();
  open_->next->number = open_->number + 1;
  open_ = open_->next;
  return open_;
}

void MonitorView::merge(const Batch& batch, Rows& rows) const {
  for (const db::RowChange& change : batch.changes) {
    const auto [entry, fresh] =
        rows.try_emplace({*find(*change.table), change.uuid}, Pending{change.before, change.after});
    if (!fresh) entry->second.after = change.after;
    if (!entry->second.before && !entry->second.after) rows.erase(entry);
  }
}

std::optional<std::string> MonitorView::text(const Rows& rows) const {
  TableUpdates updates(kind_);
  auto row = rows.begin();
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    updates.begin_table(tables_[i]);
    for (; row != rows.end() && row->first.first == i; ++row)
      updates.add(row->first.second, in_view(tables_[i], row->second.before),
                  in_view(tables_[i], row->second.after));
    updates.end_table();
  }
  return text_of(updates);
}

Monitor::Monitor(std::shared_ptr<MonitorView> view) : view_(std::move(view)), next_(view_->cut()) {}

std::optional<std::string> Monitor::take_update() {
  const auto from = next_->number;
  const auto& end = view_->cut();
  if (behind_.empty() && from == end->number) return std::nullopt;
  const auto& told = view_->told_;
  if (behind_.empty() && told && told->from == from && told->to == end->number) {
    next_ = end;
    return told->text;
  }
  const bool is_behind = !behind_.empty();
  fall_behind();
  auto text = view_->text(std::exchange(behind_, {}));
  if (!is_behind) view_->told_ = MonitorView::Told{from, next_->number, text};
  return text;
}

void Monitor::fall_behind() {
  for (const auto& end = view_->cut(); next_ != end; next_ = next_->next)
    view_->merge(*next_, behind_);
}

Result<Monitor::Change> Monitor::change_conditions(const json& requests,
                                                   const db::Database& database) const {
  if (!requests.is_object())
    return db::fail("syntax error", "monitor-cond-change-requests must be object");
  auto tables = view_->tables_;
  for (const auto& [name, request] : requests.items()) {
    const Table* table = database.schema().find(name);
    if (table == nullptr) return db::fail("syntax error", "no table named " + name);
    const auto position = view_->find(*table);
    if (!position)
      return db::fail("syntax error", fmt::format("no table named {} in monitor session", name));
    auto conditions = parse_conditions(request, *table);
    if (!conditions) return tl::unexpected(conditions.error());
    if (*conditions) tables[*position].conditions = std::move(**conditions);
  }
  if (kind() == MonitorKind::monitor) return Change{};

  TableUpdates updates(kind());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    updates.begin_table(tables[i]);
    for (const auto& [uuid, row] : database.rows(*tables[i].table)) {
      const Row* before = in_view(view_->tables_[i], row);
      const Row* after = in_view(tables[i], row);
      if ((before == nullptr) != (after == nullptr)) updates.add(uuid, before, after);
    }
    updates.end_table();
  }
  return Change{std::shared_ptr<MonitorView>(new MonitorView(kind(), std::move(tables))),
                text_of(updates)};
}

}  // namespace bondway::server
