#include "db/engine/committer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "db/engine/text.hpp"

namespace bondway::db {

namespace {

Error integrity_error(std::string details) {
  return {"referential integrity violation", std::move(details)};
}

Error violation(std::string details) { return {"constraint violation", std::move(details)}; }

bool has_weak(const std::vector<ReferenceColumn>& columns) {
  return std::any_of(columns.begin(), columns.end(),
                     [](const ReferenceColumn& column) { return column.has(RefKind::weak); });
}

std::string index_values(const Row& row, const Table& table,
                         const std::vector<std::size_t>& index) {
  std::string text;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (i > 0) text += i + 1 == index.size() ? (index.size() > 2 ? ", and " : " and ") : ", ";
    text += to_text(row.columns[index[i]], table.columns[index[i]].type);
  }
  return text;
}

std::string index_columns(const Table& table, const std::vector<std::size_t>& index) {
  std::string text = index.size() == 1 ? "column " : "columns ";
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (i > 0) text += i + 1 == index.size() ? (index.size() > 2 ? ", and " : " and ") : ", ";
    text += fmt::format("\"{}\"", table.columns[index[i]].name);
  }
  return text;
}

}  // namespace

Committer::Committer(Transaction& transaction)
    : transaction_(transaction), difference_(transaction.schema().tables.size()) {}

Result<Changes> Committer::run() {
  drop_unchanged();
  for_each_entry([&](const Table& table, const Uuid& uuid, Entry& entry) {
    account(table, uuid, entry.before.get(), entry.after.get());
  });
  if (auto error = check_strong_references()) return tl::unexpected(std::move(*error));
  if (auto error = check_deleted_rows()) return tl::unexpected(std::move(*error));
  collect_garbage();
  if (auto error = check_row_limits()) return tl::unexpected(std::move(*error));
  if (auto error = drop_weak_references()) return tl::unexpected(std::move(*error));
  if (auto error = check_indexes()) return tl::unexpected(std::move(*error));
  return changes();
}

template <typename Visit>
void Committer::for_each_entry(Visit visit) {
  for (const auto& overlay : transaction_.overlays_) {
    if (!overlay) continue;
    for (std::size_t i = 0; i < overlay->order.size(); ++i) {
      visit(overlay->table, overlay->order[i], *overlay->find(overlay->order[i]));
    }
  }
}

void Committer::drop_unchanged() {
  for (const auto& overlay : transaction_.overlays_) {
    if (!overlay) continue;
    std::erase_if(overlay->order, [&](const Uuid& uuid) {
      const Entry& entry = *overlay->find(uuid);
      const bool is_same = entry.before && entry.after
                               ? entry.before->columns == entry.after->columns
                               : !entry.before && !entry.after;
      if (is_same) overlay->entries.erase(uuid);
      return is_same;
    });
  }
}

/// Counts the references that one row gains and loses, and notes who may be affected.
void Committer::account(const Table& table, const Uuid& uuid, const Row* before, const Row* after) {
  const auto& columns = data(table).references;
  for (const ReferenceColumn& column : columns) {
    diff_references(column, before, after, [&](const ReferenceChange& change) {
      if (change.kind != RefKind::strong) return;
      if (change.target == &table && change.uuid == uuid) return;  // keeps nothing alive
      difference_[change.target->ordinal][change.uuid] += change.difference;
      if (change.difference > 0) {
        gained_.push_back({{&table, uuid}, column.column, {change.target, change.uuid}});
      } else {
        unreferenced_.emplace_back(change.target, change.uuid);
      }
    });
  }
  if (!before) unreferenced_.emplace_back(&table, uuid);
  if (after && has_weak(columns)) weak_holders_.emplace_back(&table, uuid);
  if (after) return;
  const auto referrers = data(table).weak.find(uuid);
  if (referrers == data(table).weak.end()) return;
  for (const auto& [referrer, times] : referrers->second) {
    weak_holders_.emplace_back(referrer.table, referrer.uuid);
  }
}

/// A row that this transaction deletes is the business of check_deleted_rows().
std::optional<Error> Committer::check_strong_references() {
  for (const Gained& reference : gained_) {
    const auto& [table, uuid] = reference.target;
    if (transaction_.get(*table, uuid) || transaction_.database_.find(*table, uuid)) continue;
    const auto& [source_table, source_uuid] = reference.source;
    return integrity_error(
        fmt::format("Table {} column {} row {} references nonexistent row {} in "
                    "table {}.",
                    source_table->name, source_table->columns[reference.column].name,
                    to_string(source_uuid), to_string(uuid), table->name));
  }
  return std::nullopt;
}

std::int64_t Committer::references(const Table& table, const Uuid& uuid) {
  const auto& differences = difference_[table.ordinal];
  const auto at = differences.find(uuid);
  const auto committed = static_cast<std::int64_t>(transaction_.database_.references(table, uuid));
  return committed + (at == differences.end() ? 0 : at->second);
}

std::optional<Error> Committer::check_deleted_rows() {
  std::optional<Error> error;
  for_each_entry([&](const Table& table, const Uuid& uuid, Entry& entry) {
    if (entry.after || error) return;
    const std::int64_t remaining = references(table, uuid);
    if (remaining == 0) return;
    error =
        integrity_error(fmt::format("cannot delete {} row {} because of {} remaining reference(s)",
                                    table.name, to_string(uuid), remaining));
  });
  return error;
}

void Committer::collect_garbage() {
  while (!unreferenced_.empty()) {
    const auto [table, uuid] = unreferenced_.back();
    unreferenced_.pop_back();
    if (!table->is_root && references(*table, uuid) == 0) collect(*table, uuid);
  }
}

void Committer::collect(const Table& table, const Uuid& uuid) {
  const Row* row = transaction_.get(table, uuid);
  if (!row) return;
  const RowPtr committed = transaction_.database_.find(table, uuid);
  const Entry* entry = transaction_.find_entry(table, uuid);
  const std::shared_ptr<Row> touched = entry ? entry->after : nullptr;  // outlives erase()
  transaction_.erase(table, uuid);
  account(table, uuid, touched ? touched.get() : committed.get(), nullptr);
}

std::optional<Error> Committer::check_row_limits() {
  for (const auto& overlay : transaction_.overlays_) {
    if (!overlay || overlay->table.max_rows == kUnlimited) continue;
    std::size_t count = transaction_.database_.rows(overlay->table).size();
    for (const auto& [uuid, entry] : overlay->entries) {
      count = count + (entry.after ? 1U : 0U) - (entry.before ? 1U : 0U);
    }
    if (count <= overlay->table.max_rows) continue;
    return violation(
        fmt::format("transaction causes \"{}\" table to contain {} rows, greater than "
                    "the schema-defined limit of {} row(s)",
                    overlay->table.name, count, overlay->table.max_rows));
  }
  return std::nullopt;
}

/// An element that goes may have held strong references, too: then there is new garbage, and
/// perhaps new dangling references.
std::optional<Error> Committer::drop_weak_references() {
  while (!weak_holders_.empty()) {
    const auto [table, uuid] = weak_holders_.back();
    weak_holders_.pop_back();
    if (auto error = drop_weak_references(*table, uuid)) return error;
    collect_garbage();
  }
  return std::nullopt;
}

std::optional<Error> Committer::drop_weak_references(const Table& table, const Uuid& uuid) {
  for (const ReferenceColumn& column : data(table).references) {
    const Row* row = transaction_.get(table, uuid);
    if (!row) return std::nullopt;
    if (!column.has(RefKind::weak)) continue;
    std::vector<Atom> dangling;
    const Datum& datum = row->columns[column.column];
    for (std::size_t i = 0; i < datum.size(); ++i) {
      if (is_dangling(column, datum, i)) dangling.push_back(datum.keys()[i]);
    }
    if (dangling.empty()) continue;
    const Row old = *row;
    Datum& edited = transaction_.edit(table, uuid)[column.column];
    edited.erase_all(*Datum::set(dangling));  // keys of a sorted datum: no two are equal
    if (edited.size() < table.columns[column.column].type.min) {
      return emptied(table, uuid, column.column, dangling);
    }
    if (column.has(RefKind::strong)) account(table, uuid, &old, transaction_.get(table, uuid));
  }
  return std::nullopt;
}

Error Committer::emptied(const Table& table, const Uuid& uuid, std::size_t column,
                         const std::vector<Atom>& dangling) {
  const std::string& name = table.columns[column].name;
  const bool is_new = !transaction_.find_entry(table, uuid)->before;
  const std::string row = fmt::format("\"{}\" row {}{}", table.name, to_string(uuid),
                                      is_new ? " (inserted within this transaction)" : "");
  if (std::find(dangling.begin(), dangling.end(), Atom(Uuid())) != dangling.end()) {
    return violation(fmt::format(  // "volation": so says the original
        "Weak reference column \"{}\" in {} contained all-zeros UUID (probably as the default "
        "value "
        "for this column) but deleting this value caused a constraint volation because this column "
        "is "
        "not allowed to be empty.",
        name, row));
  }
  return violation(
      fmt::format("Deletion of {} weak reference(s) to deleted (or never-existing) rows from "
                  "column \"{}\" in {} "
                  "caused this column to become empty, but constraints on this column disallow an "
                  "empty column.",
                  dangling.size(), name, row));
}

bool Committer::is_dangling(const ReferenceColumn& column, const Datum& datum,
                            std::size_t element) {
  const auto is_missing = [&](const Table* target, RefKind kind, std::span<const Atom> atoms) {
    return target && kind == RefKind::weak &&
           !transaction_.get(*target, std::get<Uuid>(atoms[element]));
  };
  return is_missing(column.key_target, column.key_kind, datum.keys()) ||
         is_missing(column.value_target, column.value_kind, datum.values());
}

std::optional<Error> Committer::check_indexes() {
  for (const auto& overlay : transaction_.overlays_) {
    if (!overlay) continue;
    for (std::size_t i = 0; i < overlay->table.indexes.size(); ++i) {
      if (auto error = check_index(*overlay, i)) return error;
    }
  }
  return std::nullopt;
}

std::optional<Error> Committer::check_index(Overlay& overlay, std::size_t index) {
  const auto& columns = overlay.table.indexes[index];
  const UniqueIndex& committed = data(overlay.table).indexes[index];
  UniqueIndex own(columns);
  for (const Uuid& uuid : overlay.order) {
    const Entry& entry = *overlay.find(uuid);
    if (!entry.after) continue;
    const IndexKey key(*entry.after, columns);
    const Row* other = own.find(key);
    if (!other) {
      other = committed.find(key);
      if (other && overlay.find(other->uuid))
        other = nullptr;  // it has another key now, or is here
    }
    if (other) return duplicate(overlay, index, *other, *entry.after);
    own.insert(*entry.after);
  }
  return std::nullopt;
}

Error Committer::duplicate(const Overlay& overlay, std::size_t index, const Row& first,
                           const Row& second) {
  const Table& table = overlay.table;
  return violation(fmt::format(
      "Transaction causes multiple rows in \"{}\" table to have identical values ({}) for index on "
      "{}.  First row, with UUID {}, {}  Second row, with UUID {}, {}",
      table.name, index_values(first, table, table.indexes[index]),
      index_columns(table, table.indexes[index]), to_string(first.uuid),
      history(overlay, index, first), to_string(second.uuid), history(overlay, index, second)));
}

std::string Committer::history(const Overlay& overlay, std::size_t index, const Row& row) {
  const auto entry = overlay.entries.find(row.uuid);
  if (entry == overlay.entries.end()) {
    return "existed in the database before this transaction and was not modified by the "
           "transaction.";
  }
  if (!entry->second.before) return "was inserted by this transaction.";
  const auto& columns = overlay.table.indexes[index];
  const Row& before = *entry->second.before;
  if (IndexKey(before, columns) == IndexKey(row, columns)) {
    return "existed in the database before this transaction, which modified some of the row's "
           "columns but not any columns in this index.";
  }
  return fmt::format("had the following index values before the transaction: {}.",
                     index_values(before, overlay.table, columns));
}

Changes Committer::changes() {
  drop_unchanged();  // what was inserted and collected again
  Changes changes;
  for_each_entry([&](const Table& table, const Uuid& uuid, Entry& entry) {
    if (entry.after) entry.after->version = Uuid::random();
    changes.push_back({&table, uuid, std::move(entry.before), std::move(entry.after)});
  });
  return changes;
}

}  // namespace bondway::db
