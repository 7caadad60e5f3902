#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/error.hpp"

namespace bondway::db {

/// A set of changes to a database that happen together or not at all; without commit() they never
/// happened.  Reads see the transaction's own changes.  While one lives, no other may commit.
///
/// Costs are proportional to the rows touched, whatever the size of the tables.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Database& database() { return database_; }
  const Schema& schema() const { return database_.schema(); }

  /// The row as this transaction leaves it; null: there is none.  Valid until the next change.
  const Row* get(const Table& table, const Uuid& uuid) const;
  /// The rows with these values in table.indexes[index]: while a transaction is under way there may
  /// be several.
  std::vector<Uuid> find(const Table& table, std::size_t index, std::span<const Datum> key) const;
  /// No fewer than for_each() visits.
  std::size_t most_rows(const Table& table) const;
  /// Visits every row; the visitor must not change the transaction.
  void for_each(const Table& table, const std::function<void(const Row&)>& visit) const;

  /// A new row with default values.  Rows of tables that are not root need a strong reference by
  /// the time of commit, or vanish.
  Uuid insert(const Table& table);
  /// The same under a uuid of the caller's, which must be can_insert().
  void insert(const Table& table, const Uuid& uuid);
  /// False if the uuid is in use in the table or was deleted by this transaction.
  bool can_insert(const Table& table, const Uuid& uuid) const;

  /// Sets a column.  A missing row or column or a value that violates the column's type makes
  /// commit() fail.  Immutability is the business of requests from outside.
  void set(const Table& table, const Uuid& uuid, std::string_view column, Datum value);
  void set(const Table& table, const Uuid& uuid, std::size_t column, Datum value);
  /// The columns of an existing row, for edits that the caller has checked.  Valid until the next
  /// change.
  std::vector<Datum>& edit(const Table& table, const Uuid& uuid);
  /// False if there is no such row.
  bool erase(const Table& table, const Uuid& uuid);

  void comment(std::string_view text);
  void make_durable() { note_.durable = true; }

  /// Checks and applies all, as RFC 7047, 4.1.3 demands: strong references, garbage collection,
  /// maxRows, weak references, indexes.  The result may be empty: nothing changed.  On an error
  /// nothing happened.  Ends the transaction in either case.
  Result<Changes> commit();

 private:
  friend class Committer;
  struct Entry {
    RowPtr before{};
    std::shared_ptr<Row> after{};  ///< null: deleted, or inserted and deleted
  };
  class Overlay;  ///< what this transaction did to one table

  Overlay* find_overlay(const Table& table) const;
  Overlay& overlay(const Table& table);
  Entry* find_entry(const Table& table, const Uuid& uuid) const;
  void refuse(Error error);

  Database& database_;
  std::vector<std::unique_ptr<Overlay>> overlays_;  ///< by ordinal; null: untouched
  CommitNote note_;
  std::optional<Error> refused_;
};

}  // namespace bondway::db
