#include "db/replica/replica.hpp"

#include <nlohmann/json.hpp>

#include "db/engine/json.hpp"

namespace bondway::replica {

using nlohmann::json;

Replica::Replica(db::Schema schema)
    : database_(std::move(schema)), server_(database_.schema().tables.size()) {
  subscription_ = database_.observe([this](const db::Changes& changes) { note(changes); });
}

void Replica::connect(const db::Schema& theirs) {
  following_ = Following(database_.schema(), theirs);
  for (auto& [place, columns] : being_written_) unwritten_[place].merge(columns);
  being_written_.clear();
}

json Replica::monitor_requests() const { return following_.monitor_requests(); }

db::Result<void> Replica::replace(const json& contents, Format format) {
  auto news = following_.read(contents, format, [](const auto&, const auto&) { return nullptr; });
  if (!news) return tl::unexpected(std::move(news.error()));
  std::set<Place> present;
  for (const RowNews& row : *news) present.emplace(row.table, row.uuid);
  for (const auto& [name, table] : database_.schema().tables) {
    for (const auto& [uuid, row] : server_[table.ordinal]) {
      if (!present.contains({&table, uuid})) news->push_back({&table, uuid, nullptr});
    }
  }
  take_over(std::move(*news));
  return {};
}

db::Result<void> Replica::update(const json& updates, Format format) {
  auto news = following_.read(
      updates, format,
      [this](const db::Table& table, const db::Uuid& uuid) { return theirs(table, uuid); });
  if (!news) return tl::unexpected(std::move(news.error()));
  take_over(std::move(*news));
  return {};
}

/// A column that differs is to be written, unless it is the server's news.
void Replica::note(const db::Changes& changes) {
  if (adopting_) return;
  bool is_new = false;
  for (const auto& [table, uuid, before, after] : changes) {
    if (!before || !after || !theirs(*table, uuid)) continue;
    for (std::size_t i = 0; i < after->columns.size(); ++i) {
      if (before->columns[i] == after->columns[i]) continue;
      unwritten_[{table, uuid}].insert(i);
      is_new = true;
    }
  }
  if (is_new && on_written) on_written();
}

void Replica::take_over(std::vector<RowNews> news) {
  std::vector<Place> places;
  places.reserve(news.size());
  for (RowNews& row : news) {
    const Place place(row.table, row.uuid);
    places.push_back(place);
    if (row.row) {
      server_[row.table->ordinal][row.uuid] = std::move(row.row);
      continue;
    }
    server_[row.table->ordinal].erase(row.uuid);
    unwritten_.erase(place);
    being_written_.erase(place);
  }
  settle(places);
}

/// Brings rows here to what the server said and what was set here; in one commit.
void Replica::settle(const std::vector<Place>& places) {
  database_.flush();  // what was set here until now is ours
  db::Changes changes;
  for (const Place& place : places) {
    const db::RowPtr now = database_.find(*place.first, place.second);
    db::RowPtr next = wanted(place, now);
    const bool is_same = now && next ? now->columns == next->columns : now == next;
    if (!is_same) changes.push_back({place.first, place.second, now, std::move(next)});
  }
  database_.adopt(std::move(changes));
  adopting_ = true;
  database_.flush();
  adopting_ = false;
}

db::RowPtr Replica::wanted(const Place& place, const db::RowPtr& now) const {
  const db::RowPtr said = theirs(*place.first, place.second);
  const bool has_ours = unwritten_.contains(place) || being_written_.contains(place);
  if (!said || !now || !has_ours) return said;
  auto merged = std::make_shared<db::Row>(*said);
  for (std::size_t i = 0; i < merged->columns.size(); ++i) {
    if (is_ours(place, i)) merged->columns[i] = now->columns[i];
  }
  return merged;
}

bool Replica::is_ours(const Place& place, std::size_t column) const {
  const auto holds = [&](const Columns& columns) {
    const auto at = columns.find(place);
    return at != columns.end() && at->second.contains(column);
  };
  return holds(unwritten_) || holds(being_written_);
}

db::RowPtr Replica::theirs(const db::Table& table, const db::Uuid& uuid) const {
  const auto at = server_[table.ordinal].find(uuid);
  return at == server_[table.ordinal].end() ? nullptr : at->second;
}

json Replica::take_writes() {
  json operations = json::array();
  if (!being_written_.empty()) return operations;
  being_written_ = std::exchange(unwritten_, {});
  for (const auto& [place, columns] : being_written_) {
    const auto& [table, uuid] = place;
    const db::RowPtr row = database_.find(*table, uuid);
    json values = json::object();
    for (const std::size_t i : columns) {
      if (!row || !following_.has(*table, i)) continue;  // the server knows no such column
      values[table->columns[i].name] = db::to_json(row->columns[i], table->columns[i].type);
    }
    if (values.empty()) continue;
    json operation = {{"op", "update"}, {"table", table->name}};
    operation["where"] = json::array({json::array({"_uuid", "==", db::to_json(uuid)})});
    operation["row"] = std::move(values);
    operations.push_back(std::move(operation));
  }
  if (operations.empty()) being_written_.clear();
  return operations;
}

void Replica::done() {
  std::vector<Place> places;
  for (const auto& [place, columns] : being_written_) places.push_back(place);
  being_written_.clear();
  settle(places);
}

}  // namespace bondway::replica
