#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "db/engine/overlay.hpp"
#include "db/engine/table_data.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::db {

/// The rules that hold at the end of every transaction, RFC 7047, 4.1.3 and 3.2, applied in the
/// original's order.  Looks only at rows that were touched and at what refers to them.
class Committer {
 public:
  explicit Committer(Transaction& transaction);

  /// What changes in the end.  The database itself stays as it is.
  Result<Changes> run();

 private:
  using Entry = Transaction::Entry;
  using Overlay = Transaction::Overlay;
  using Place = std::pair<const Table*, Uuid>;

  Database::TableData& data(const Table& table) { return transaction_.database_.data(table); }
  template <typename Visit>
  void for_each_entry(Visit visit);

  void drop_unchanged();
  void account(const Table& table, const Uuid& uuid, const Row* before, const Row* after);
  std::optional<Error> check_strong_references();
  std::optional<Error> check_deleted_rows();
  std::int64_t references(const Table& table, const Uuid& uuid);
  void collect_garbage();
  void collect(const Table& table, const Uuid& uuid);
  std::optional<Error> check_row_limits();
  std::optional<Error> drop_weak_references();
  std::optional<Error> drop_weak_references(const Table& table, const Uuid& uuid);
  Error emptied(const Table& table, const Uuid& uuid, std::size_t column,
                const std::vector<Atom>& dangling);
  bool is_dangling(const ReferenceColumn& column, const Datum& datum, std::size_t element);
  std::optional<Error> check_indexes();
  std::optional<Error> check_index(Overlay& overlay, std::size_t index);
  Error duplicate(const Overlay& overlay, std::size_t index, const Row& first, const Row& second);
  std::string history(const Overlay& overlay, std::size_t index, const Row& row);
  Changes changes();

  /// A strong reference that a touched row gained.
  struct Gained {
    Place source{};
    std::size_t column = 0;
    Place target{};
  };

  Transaction& transaction_;
  std::vector<Gained> gained_;
  /// By how much the strong references to a row differ from the committed ones, by table.
  std::vector<std::unordered_map<Uuid, std::int64_t>> difference_;
  std::vector<Place> unreferenced_;  ///< may have to go
  std::vector<Place> weak_holders_;  ///< may hold weak references to rows that are not there
};

}  // namespace bondway::db
