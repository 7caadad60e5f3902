#include "db/replica/following.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/engine/json.hpp"

namespace bondway::replica {
namespace {

using nlohmann::json;

db::BaseType unconstrained(const db::BaseType& type) {
  db::BaseType bare;
  bare.type = type.type;
  return bare;
}

db::ColumnType unconstrained(const db::ColumnType& type) {
  db::ColumnType bare;
  bare.key = unconstrained(type.key);
  if (type.value) bare.value = unconstrained(*type.value);
  bare.min = type.min;
  bare.max = type.max;
  return bare;
}

bool same_kind(const db::ColumnType& a, const db::ColumnType& b) {
  if (a.key.type != b.key.type || a.is_map() != b.is_map()) return false;
  return !a.is_map() || a.value->type == b.value->type;
}

tl::unexpected<db::Error> nonsense(const std::string& what) {
  return db::fail("syntax error", what);
}

const json* member(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? nullptr : &*at;
}

}  // namespace

Following::Following(const db::Schema& ours, const db::Schema& theirs) {
  for (const auto& [name, table] : ours.tables) {
    const db::Table* other = theirs.find(name);
    if (other == nullptr) continue;
    FollowedTable followed{&table, {}};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const auto at = other->find(table.columns[i].name);
      if (!at || !same_kind(table.columns[i].type, other->columns[*at].type)) continue;
      followed.columns.push_back({i, unconstrained(other->columns[*at].type)});
    }
    tables_.push_back(std::move(followed));
  }
}

json Following::monitor_requests() const {
  json requests = json::object();
  for (const FollowedTable& followed : tables_) {
    json columns = json::array();
    for (const FollowedColumn& column : followed.columns) {
      columns.push_back(followed.table->columns[column.position].name);
    }
    json request = json::object();
    request["columns"] = std::move(columns);
    requests[followed.table->name] = json::array({std::move(request)});
  }
  return requests;
}

bool Following::has(const db::Table& table, std::size_t column) const {
  const FollowedTable* followed = find_table(table.name);
  return followed != nullptr &&
         std::ranges::any_of(followed->columns,
                             [&](const FollowedColumn& c) { return c.position == column; });
}

const Following::FollowedTable* Following::find_table(const std::string& name) const {
  const auto at = std::ranges::find_if(
      tables_, [&](const FollowedTable& followed) { return followed.table->name == name; });
  return at == tables_.end() ? nullptr : &*at;
}

db::Result<std::vector<RowNews>> Following::read(const json& updates, Format format,
                                                 const Find& find) const {
  if (!updates.is_object()) return nonsense("table updates are not an object");
  std::vector<RowNews> news;
  for (const auto& [name, rows] : updates.items()) {
    const FollowedTable* table = find_table(name);
    if (table == nullptr) return nonsense("update of table " + name + ", which is not monitored");
    if (!rows.is_object()) return nonsense("row updates are not an object");
    for (const auto& [text, update] : rows.items()) {
      const auto uuid = db::Uuid::parse(text);
      if (!uuid) return nonsense(text + " is not a UUID");
      auto row = read_row(*table, *uuid, update, format, find(*table->table, *uuid));
      if (!row) return tl::unexpected(std::move(row.error()));
      news.push_back({table->table, *uuid, std::move(*row)});
    }
  }
  return news;
}

/// Null: the row is gone.
db::Result<db::RowPtr> Following::read_row(const FollowedTable& table, const db::Uuid& uuid,
                                           const json& update, Format format,
                                           const db::RowPtr& before) const {
  if (!update.is_object()) return nonsense("row update is not an object");
  if (format == Format::whole_rows) {
    const json* now = member(update, "new");
    return now != nullptr ? whole_row(table, uuid, *now) : nullptr;
  }
  for (const char* whole : {"initial", "insert"}) {
    if (const json* now = member(update, whole)) return whole_row(table, uuid, *now);
  }
  if (update.contains("delete")) return nullptr;
  const json* difference = member(update, "modify");
  if (difference == nullptr) return nonsense("row update without initial, insert, modify, delete");
  if (!before) return nonsense("change of a row that does not exist");
  return changed_row(table, *before, *difference);
}

/// Columns that are not mentioned hold their default, also those that the server lacks.
db::Result<db::RowPtr> Following::whole_row(const FollowedTable& table, const db::Uuid& uuid,
                                            const json& columns) const {
  if (!columns.is_object()) return nonsense("row is not an object");
  auto row = std::make_shared<db::Row>(db::Row{uuid, {}, {}});
  for (const db::Column& column : table.table->columns) {
    row->columns.push_back(db::default_value(column.type));
  }
  for (const FollowedColumn& column : table.columns) {
    row->columns[column.position] = db::default_value(column.type);
    const json* value = member(columns, table.table->columns[column.position].name.c_str());
    if (value == nullptr) continue;
    auto datum = db::datum_from_json(*value, column.type, {}, db::CountCheck::none);
    if (!datum) return tl::unexpected(std::move(datum.error()));
    row->columns[column.position] = std::move(*datum);
  }
  return row;
}

db::Result<db::RowPtr> Following::changed_row(const FollowedTable& table, const db::Row& before,
                                              const json& columns) const {
  if (!columns.is_object()) return nonsense("row is not an object");
  auto row = std::make_shared<db::Row>(before);
  for (const FollowedColumn& column : table.columns) {
    const json* value = member(columns, table.table->columns[column.position].name.c_str());
    if (value == nullptr) continue;
    const auto difference = db::datum_from_json(*value, column.type, {}, db::CountCheck::none);
    if (!difference) return tl::unexpected(difference.error());
    db::Datum& datum = row->columns[column.position];
    datum = with_difference(datum, *difference, column.type);
  }
  return row;
}

db::Datum with_difference(const db::Datum& before, const db::Datum& difference,
                          const db::ColumnType& type) {
  if (type.max == 1) return difference;
  db::Datum after = before;
  for (std::size_t i = 0; i < difference.size(); ++i) {
    const db::Atom& key = difference.keys()[i];
    if (type.is_map()) {
      const db::Atom& value = difference.values()[i];
      const db::Atom* old = before.find(key);
      if (old != nullptr && *old == value) {
        after.erase(key);
      } else {
        after.insert(key, value);
      }
    } else if (!after.erase(key)) {
      after.insert(key);
    }
  }
  return after;
}

}  // namespace bondway::replica
