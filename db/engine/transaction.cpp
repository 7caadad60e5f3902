#include "db/engine/transaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "db/engine/committer.hpp"
#include "db/engine/json.hpp"
#include "db/engine/overlay.hpp"
#include "db/engine/table_data.hpp"

namespace bondway::db {

namespace {

std::shared_ptr<Row> default_row(const Table& table, const Uuid& uuid) {
  auto row = std::make_shared<Row>();
  row->uuid = uuid;
  row->version = Uuid::random();
  row->columns.reserve(table.columns.size());
  for (const Column& column : table.columns) row->columns.push_back(default_value(column.type));
  return row;
}

}  // namespace

std::vector<Uuid> Transaction::Overlay::find(std::size_t index, const IndexKey& key) {
  index_edited_rows();
  std::vector<Uuid> found;
  const auto [begin, end] = lookup_[index].equal_range(key.hash());
  for (auto at = begin; at != end; ++at) {
    const Row* row = entries[at->second].after.get();
    const bool is_known = std::find(found.begin(), found.end(), at->second) != found.end();
    if (!is_known && row && IndexKey(*row, table.indexes[index]) == key)
      found.push_back(at->second);
  }
  return found;
}

void Transaction::Overlay::index_edited_rows() {
  for (const Uuid& uuid : std::exchange(edited_, {})) {
    const Row* row = entries[uuid].after.get();
    if (!row) continue;
    for (std::size_t i = 0; i < lookup_.size(); ++i) {
      lookup_[i].emplace(IndexKey(*row, table.indexes[i]).hash(), uuid);
    }
  }
}

Transaction::Transaction(Database& database)
    : database_(database), overlays_(database.schema().tables.size()) {}

Transaction::~Transaction() = default;

Transaction::Overlay* Transaction::find_overlay(const Table& table) const {
  return overlays_[table.ordinal].get();
}

Transaction::Overlay& Transaction::overlay(const Table& table) {
  auto& slot = overlays_[table.ordinal];
  if (!slot) slot = std::make_unique<Overlay>(table);
  return *slot;
}

Transaction::Entry* Transaction::find_entry(const Table& table, const Uuid& uuid) const {
  Overlay* touched = find_overlay(table);
  return touched ? touched->find(uuid) : nullptr;
}

const Row* Transaction::get(const Table& table, const Uuid& uuid) const {
  if (const Entry* entry = find_entry(table, uuid)) return entry->after.get();
  return database_.find(table, uuid).get();
}

std::vector<Uuid> Transaction::find(const Table& table, std::size_t index,
                                    std::span<const Datum> key) const {
  Overlay* touched = find_overlay(table);
  std::vector<Uuid> found;
  if (touched) found = touched->find(index, IndexKey(key));
  const RowPtr committed = database_.find(table, index, key);
  if (committed && !(touched && touched->find(committed->uuid))) found.push_back(committed->uuid);
  return found;
}

std::size_t Transaction::most_rows(const Table& table) const {
  const Overlay* touched = find_overlay(table);
  return database_.rows(table).size() + (touched ? touched->order.size() : 0);
}

void Transaction::for_each(const Table& table, const std::function<void(const Row&)>& visit) const {
  Overlay* touched = find_overlay(table);
  for (const auto& [uuid, row] : database_.rows(table)) {
    if (!touched || !touched->find(uuid)) visit(*row);
  }
  if (!touched) return;
  for (const Uuid& uuid : touched->order) {
    if (const Row* row = touched->find(uuid)->after.get()) visit(*row);
  }
}

Uuid Transaction::insert(const Table& table) {
  const Uuid uuid = Uuid::random();
  insert(table, uuid);
  return uuid;
}

void Transaction::insert(const Table& table, const Uuid& uuid) {
  assert(can_insert(table, uuid));
  Overlay& touched = overlay(table);
  touched.add(uuid, Entry{nullptr, default_row(table, uuid)});
  touched.touch(uuid);
}

bool Transaction::can_insert(const Table& table, const Uuid& uuid) const {
  return !find_entry(table, uuid) && !database_.find(table, uuid);
}

void Transaction::set(const Table& table, const Uuid& uuid, std::string_view column, Datum value) {
  const auto position = table.find(column);
  if (position) return set(table, uuid, *position, std::move(value));
  refuse({"unknown column", fmt::format("No column {} in table {}.", column, table.name)});
}

void Transaction::set(const Table& table, const Uuid& uuid, std::size_t column, Datum value) {
  if (auto error = check(value, table.columns[column].type)) return refuse(std::move(*error));
  if (!get(table, uuid)) {
    return refuse({"constraint violation",
                   fmt::format("No row {} in table {}.", to_string(uuid), table.name)});
  }
  edit(table, uuid)[column] = std::move(value);
}

std::vector<Datum>& Transaction::edit(const Table& table, const Uuid& uuid) {
  Overlay& touched = overlay(table);
  Entry* entry = touched.find(uuid);
  if (!entry) {
    RowPtr committed = database_.find(table, uuid);
    assert(committed);
    auto copy = std::make_shared<Row>(*committed);
    entry = &touched.add(uuid, Entry{std::move(committed), std::move(copy)});
  }
  assert(entry->after);
  touched.touch(uuid);
  return entry->after->columns;
}

bool Transaction::erase(const Table& table, const Uuid& uuid) {
  if (Entry* entry = find_entry(table, uuid)) {
    return std::exchange(entry->after, nullptr) != nullptr;
  }
  RowPtr committed = database_.find(table, uuid);
  if (!committed) return false;
  overlay(table).add(uuid, Entry{std::move(committed), nullptr});
  return true;
}

void Transaction::comment(std::string_view text) {
  if (!note_.comment.empty()) note_.comment += '\n';
  note_.comment += text;
}

void Transaction::refuse(Error error) {
  if (!refused_) refused_ = std::move(error);
}

Result<Changes> Transaction::commit() {
  if (refused_) return tl::unexpected(*refused_);
  Result<Changes> changes = Committer(*this).run();
  if (changes) database_.commit(*changes, note_);
  overlays_.clear();
  overlays_.resize(schema().tables.size());
  return changes;
}

}  // namespace bondway::db
