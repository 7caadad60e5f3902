#include "db/engine/database.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "db/engine/table_data.hpp"

namespace bondway::db {

struct Database::Watcher {
  Observer call{};
  bool ended = false;  ///< not called any more
};

Database::Database(Schema schema, Journal* journal)
    : schema_(std::move(schema)), journal_(journal) {
  tables_.reserve(schema_.tables.size());
  for (auto& [name, table] : schema_.tables) {
    table.ordinal = tables_.size();
    tables_.push_back(std::make_unique<TableData>(schema_, table));
  }
}

Database::~Database() = default;

const RowMap& Database::rows(const Table& table) const { return data(table).rows; }

RowPtr Database::find(const Table& table, const Uuid& uuid) const {
  const RowMap& rows = data(table).rows;
  const auto at = rows.find(uuid);
  return at == rows.end() ? nullptr : at->second;
}

RowPtr Database::find(const Table& table, std::size_t index, std::span<const Datum> key) const {
  const Row* row = data(table).indexes[index].find(IndexKey(key));
  return row ? find(table, row->uuid) : nullptr;
}

std::size_t Database::references(const Table& table, const Uuid& uuid) const {
  const auto& strong = data(table).strong;
  const auto at = strong.find(uuid);
  return at == strong.end() ? 0 : at->second;
}

Subscription Database::observe(Observer observer) {
  flush();
  auto watcher = std::make_shared<Watcher>(Watcher{std::move(observer)});
  watchers_.push_back(watcher);
  return Subscription([this, watcher] {
    watcher->ended = true;
    std::erase(watchers_, watcher);
  });
}

std::optional<Error> Database::flush() {
  if (unflushed_.empty() || flushing_) return std::nullopt;
  flushing_ = true;
  const std::vector<Unflushed> group = std::exchange(unflushed_, {});
  const std::optional<Error> error = journal_ ? journal_->flush() : std::nullopt;
  if (error) take_back(group);
  for (const Unflushed& commit : group) {
    if (!error) announce(commit.changes);
    for (const Flushed& done : commit.done) done(error);
  }
  flushing_ = false;
  return error;
}

void Database::when_flushed(Flushed done) {
  if (unflushed_.empty()) return done(std::nullopt);
  unflushed_.back().done.push_back(std::move(done));
}

void Database::apply(const Changes& changes) {
  for (const RowChange& change : changes) {
    if (!change.before) continue;
    for (UniqueIndex& index : data(*change.table).indexes) index.erase(*change.before);
  }
  for (const RowChange& change : changes) replace(change);
  for (const RowChange& change : changes) {
    if (!change.after) continue;
    for (UniqueIndex& index : data(*change.table).indexes) index.insert(*change.after);
  }
}

/// Everything but the indexes, in which the rows of a transaction may get in each other's way.
void Database::replace(const RowChange& change) {
  TableData& own = data(*change.table);
  for (const ReferenceColumn& column : own.references) {
    diff_references(column, change.before.get(), change.after.get(),
                    [&](const ReferenceChange& difference) {
                      data(*difference.target).count(difference, {change.table, change.uuid});
                    });
  }
  if (change.after) {
    own.rows[change.uuid] = change.after;
  } else {
    own.rows.erase(change.uuid);
  }
}

void Database::commit(Changes changes, const CommitNote& note) {
  if (changes.empty()) return;
  apply(changes);
  if (journal_) journal_->append(changes, note);
  unflushed_.push_back({std::move(changes), {}});
}

void Database::take_back(const std::vector<Unflushed>& group) {
  for (auto commit = group.rbegin(); commit != group.rend(); ++commit) {
    Changes inverse = commit->changes;
    for (RowChange& change : inverse) std::swap(change.before, change.after);
    apply(inverse);
  }
}

void Database::announce(const Changes& changes) {
  const auto watchers = watchers_;  // they may come and go meanwhile
  for (const auto& watcher : watchers) {
    if (!watcher->ended) watcher->call(changes);
  }
}

}  // namespace bondway::db
