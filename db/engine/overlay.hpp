#pragma once

#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "db/engine/table_data.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::db {

/// What a transaction did to one table: the rows it touched, over those that were committed.
class Transaction::Overlay {
 public:
  explicit Overlay(const Table& of) : table(of), lookup_(of.indexes.size()) {}

  const Table& table;
  std::vector<Uuid> order;  ///< rows touched, in the order of the first touch
  std::unordered_map<Uuid, Entry> entries;

  Entry* find(const Uuid& uuid) {
    const auto at = entries.find(uuid);
    return at == entries.end() ? nullptr : &at->second;
  }

  Entry& add(const Uuid& uuid, Entry entry) {
    order.push_back(uuid);
    return entries[uuid] = std::move(entry);
  }

  /// The row was or will be edited: lookups must look at it anew.
  void touch(const Uuid& uuid) { edited_.push_back(uuid); }

  /// Touched rows that have this key now, each once.
  std::vector<Uuid> find(std::size_t index, const IndexKey& key);

 private:
  void index_edited_rows();

  /// Touched rows by the hash of a key they have or had.
  std::vector<std::unordered_multimap<std::size_t, Uuid>> lookup_;
  std::vector<Uuid> edited_;
};

}  // namespace bondway::db
