#include "db/engine/table_data.hpp"

#include <utility>

namespace bondway::db {

namespace {

const Datum kNothing;

using Visit = std::function<void(const ReferenceChange&)>;

void visit_element(const ReferenceColumn& column, const Datum& datum, std::size_t i, int difference,
                   const Visit& visit) {
  if (column.key_target) {
    visit({column.key_target, std::get<Uuid>(datum.keys()[i]), column.key_kind, difference});
  }
  if (column.value_target) {
    visit({column.value_target, std::get<Uuid>(datum.values()[i]), column.value_kind, difference});
  }
}

bool same_value(const Datum& a, std::size_t i, const Datum& b, std::size_t j) {
  return !a.is_map() || a.values()[i] == b.values()[j];
}

const Table* target_of(const Schema& schema, const BaseType& type) {
  return type.ref_table.empty() ? nullptr : schema.find(type.ref_table);
}

}  // namespace

void diff_references(const ReferenceColumn& column, const Row* before, const Row* after,
                     const Visit& visit) {
  const Datum& old = before ? before->columns[column.column] : kNothing;
  const Datum& now = after ? after->columns[column.column] : kNothing;
  std::size_t i = 0, j = 0;
  while (i < old.size() || j < now.size()) {
    const bool old_first = j == now.size() || (i < old.size() && old.keys()[i] < now.keys()[j]);
    const bool now_first = i == old.size() || (j < now.size() && now.keys()[j] < old.keys()[i]);
    if (old_first) {
      visit_element(column, old, i++, -1, visit);
    } else if (now_first) {
      visit_element(column, now, j++, +1, visit);
    } else {
      if (!same_value(old, i, now, j)) {
        visit_element(column, old, i, -1, visit);
        visit_element(column, now, j, +1, visit);
      }
      ++i;
      ++j;
    }
  }
}

std::size_t IndexKey::hash() const {
  std::size_t mixed = 0;
  for (std::size_t i = 0; i < size(); ++i) mixed = mixed * 31 + hash_of((*this)[i]);
  return mixed;
}

bool IndexKey::operator==(const IndexKey& other) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if ((*this)[i] != other[i]) return false;
  }
  return true;
}

Database::TableData::TableData(const Schema& schema, const Table& of) : table(of) {
  for (const auto& columns : of.indexes) indexes.emplace_back(columns);
  for (std::size_t i = 0; i < of.columns.size(); ++i) {
    const ColumnType& type = of.columns[i].type;
    ReferenceColumn column{.column = i, .key_target = target_of(schema, type.key)};
    column.key_kind = type.key.ref_kind;
    if (type.value) {
      column.value_target = target_of(schema, *type.value);
      column.value_kind = type.value->ref_kind;
    }
    if (column.key_target || column.value_target) references.push_back(column);
  }
}

void Database::TableData::count(const ReferenceChange& change, const Referrer& by) {
  if (change.kind == RefKind::strong) {
    const bool is_self = by.uuid == change.uuid && by.table == &table;
    if (is_self) return;  // does not keep a row alive
    const auto entry = strong.try_emplace(change.uuid, 0).first;
    entry->second += static_cast<std::uint32_t>(change.difference);
    if (entry->second == 0) strong.erase(entry);
    return;
  }
  Referrers& referrers = weak[change.uuid];
  const auto entry = referrers.try_emplace(by, 0).first;
  entry->second += static_cast<std::uint32_t>(change.difference);
  if (entry->second == 0) referrers.erase(entry);
  if (referrers.empty()) weak.erase(change.uuid);
}

}  // namespace bondway::db
