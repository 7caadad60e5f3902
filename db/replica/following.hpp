#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "db/engine/database.hpp"
#include "db/engine/schema.hpp"

namespace bondway::replica {

/// The two ways in which servers tell what changed: <table-updates> of RFC 7047, 4.1.6, with whole
/// rows, and <table-updates2> of ovsdb-server(7), 4.1.14, with differences.
enum class Format : std::uint8_t { whole_rows, differences };

/// A row as the server has it now.
struct RowNews {
  const db::Table* table = nullptr;
  db::Uuid uuid{};
  db::RowPtr row{};  ///< null: it is gone
};

/// What of another server's database can be followed with our schema: the columns that both have,
/// with values of the same kind.  The server may be older or newer: what it lacks keeps its
/// default, and whatever it allows in a column is taken, also what our own schema would refuse.
class Following {
 public:
  Following() = default;  ///< nothing
  /// `ours` outlives this.
  Following(const db::Schema& ours, const db::Schema& theirs);

  /// The <monitor-requests> for all of it; RFC 7047, 4.1.5.
  nlohmann::json monitor_requests() const;

  bool has(const db::Table& table, std::size_t column) const;

  /// What the server had before; null: no such row.
  using Find = std::function<db::RowPtr(const db::Table&, const db::Uuid&)>;

  /// The rows in an update or in the initial contents.  An error means that the server's words make
  /// no sense and that all must be read anew.
  db::Result<std::vector<RowNews>> read(const nlohmann::json& updates, Format format,
                                        const Find& find) const;

 private:
  struct FollowedColumn {
    std::size_t position = 0;  ///< in our table
    db::ColumnType type{};     ///< theirs, without constraints
  };
  struct FollowedTable {
    const db::Table* table = nullptr;
    std::vector<FollowedColumn> columns{};
  };

  const FollowedTable* find_table(const std::string& name) const;
  db::Result<db::RowPtr> read_row(const FollowedTable& table, const db::Uuid& uuid,
                                  const nlohmann::json& update, Format format,
                                  const db::RowPtr& before) const;
  db::Result<db::RowPtr> whole_row(const FollowedTable& table, const db::Uuid& uuid,
                                   const nlohmann::json& columns) const;
  db::Result<db::RowPtr> changed_row(const FollowedTable& table, const db::Row& before,
                                     const nlohmann::json& columns) const;

  std::vector<FollowedTable> tables_;
};

/// A column after a difference, as <row-update2> tells it: of a column of at most one element the
/// new value; of a larger set the elements to add or remove, whichever applies; of a map the pairs
/// to remove, add, or change.
db::Datum with_difference(const db::Datum& before, const db::Datum& difference,
                          const db::ColumnType& type);

}  // namespace bondway::replica
