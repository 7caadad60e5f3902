#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "db/engine/database.hpp"

namespace bondway::db {

/// The engine's own view of one table: rows, unique indexes and who refers to whom, all kept up to
/// date change by change.

/// A column that refers to rows, by its elements or keys, by its values, or by both.
struct ReferenceColumn {
  std::size_t column = 0;
  const Table* key_target = nullptr;    ///< null: keys refer to nothing
  const Table* value_target = nullptr;  ///< null: values refer to nothing
  RefKind key_kind = RefKind::strong, value_kind = RefKind::strong;

  bool has(RefKind kind) const {
    return (key_target && key_kind == kind) || (value_target && value_kind == kind);
  }
};

/// One reference gained or lost.
struct ReferenceChange {
  const Table* target = nullptr;
  Uuid uuid{};
  RefKind kind = RefKind::strong;
  int difference = 0;  ///< +1 gained, -1 lost
};

/// Visits what changed between two contents of a column; null: the row is not there.
void diff_references(const ReferenceColumn& column, const Row* before, const Row* after,
                     const std::function<void(const ReferenceChange&)>& visit);

/// The columns of a row that make up one index, as a key that can be hashed and compared.
class IndexKey {
 public:
  IndexKey(const Row& row, const std::vector<std::size_t>& columns)
      : row_(&row), columns_(&columns) {}
  explicit IndexKey(std::span<const Datum> key) : key_(key) {}

  std::size_t size() const { return row_ ? columns_->size() : key_.size(); }
  const Datum& operator[](std::size_t i) const {
    return row_ ? row_->columns[(*columns_)[i]] : key_[i];
  }
  std::size_t hash() const;
  bool operator==(const IndexKey& other) const;

 private:
  const Row* row_ = nullptr;
  const std::vector<std::size_t>* columns_ = nullptr;
  std::span<const Datum> key_{};
};

/// A set of rows that are unique in some columns.
class UniqueIndex {
 public:
  explicit UniqueIndex(const std::vector<std::size_t>& columns)
      : rows_(0, Hash{&columns}, Equal{&columns}) {}
  void insert(const Row& row) { rows_.insert(&row); }
  void erase(const Row& row) { rows_.erase(&row); }
  const Row* find(const IndexKey& key) const {
    const auto at = rows_.find(key);
    return at == rows_.end() ? nullptr : *at;
  }

 private:
  struct Hash {
    using is_transparent = void;
    const std::vector<std::size_t>* columns;
    std::size_t operator()(const Row* row) const { return IndexKey(*row, *columns).hash(); }
    std::size_t operator()(const IndexKey& key) const { return key.hash(); }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<std::size_t>* columns;
    bool operator()(const Row* a, const Row* b) const {
      return IndexKey(*a, *columns) == IndexKey(*b, *columns);
    }
    bool operator()(const IndexKey& a, const Row* b) const { return a == IndexKey(*b, *columns); }
    bool operator()(const Row* a, const IndexKey& b) const { return b == IndexKey(*a, *columns); }
  };
  std::unordered_set<const Row*, Hash, Equal> rows_;
};

/// A row of some table that refers to a row.
struct Referrer {
  const Table* table = nullptr;
  Uuid uuid{};
  bool operator==(const Referrer&) const = default;
};
struct ReferrerHash {
  std::size_t operator()(const Referrer& referrer) const {
    return std::hash<Uuid>()(referrer.uuid) ^ std::hash<const Table*>()(referrer.table);
  }
};
using Referrers = std::unordered_map<Referrer, std::uint32_t, ReferrerHash>;  ///< how many times

class Database::TableData {
 public:
  explicit TableData(const Schema& schema, const Table& of);

  const Table& table;
  std::vector<ReferenceColumn> references;
  std::vector<UniqueIndex> indexes;
  RowMap rows;
  /// Strong references by other rows.  Absent: none.
  std::unordered_map<Uuid, std::uint32_t> strong;
  /// Rows with weak references, by the row they refer to, which need not exist.
  std::unordered_map<Uuid, Referrers> weak;

  void count(const ReferenceChange& change, const Referrer& by);
};

}  // namespace bondway::db
