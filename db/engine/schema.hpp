#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/error.hpp"
#include "db/engine/value.hpp"

namespace bondway::db {

enum class RefKind : std::uint8_t { strong, weak };

/// RFC 7047, 3.2 <base-type>: an atomic type and what limits its values.
struct BaseType {
  AtomicType type = AtomicType::integer;
  std::vector<Atom> allowed{};  ///< the enum, sorted; empty: any value
  std::optional<std::int64_t> min_integer{}, max_integer{};
  std::optional<double> min_real{}, max_real{};
  std::optional<std::uint64_t> min_length{}, max_length{};  ///< in characters
  std::string ref_table{};                                  ///< uuid only; empty: refers to nothing
  RefKind ref_kind = RefKind::strong;
  bool operator==(const BaseType&) const = default;
};

inline constexpr std::uint32_t kUnlimited = std::numeric_limits<std::uint32_t>::max();

/// RFC 7047, 3.2 <type>.
struct ColumnType {
  BaseType key{};
  std::optional<BaseType> value{};  ///< present: a map
  std::uint32_t min = 1, max = 1;

  bool is_map() const { return value.has_value(); }
  bool is_scalar() const { return min == 1 && max == 1 && !value; }
  bool is_optional() const { return min == 0 && max == 1; }
  bool operator==(const ColumnType&) const = default;
};

struct Column {
  std::string name{};
  ColumnType type{};
  bool ephemeral = false;
  bool is_mutable = true;
};

/// One table.  Rows keep their data in the order of `columns`, which is sorted by name; `_uuid` and
/// `_version` are not among them.
struct Table {
  std::string name{};
  std::vector<Column> columns{};
  std::vector<std::vector<std::size_t>> indexes{};  ///< each a list of positions in `columns`
  std::uint32_t max_rows = kUnlimited;
  bool is_root = false;
  std::size_t ordinal = 0;  ///< its place among the tables of its schema, by name

  std::optional<std::size_t> find(std::string_view column) const;  ///< its position
};

/// RFC 7047, 3.2 <database-schema>.  Immutable once parsed.
class Schema {
 public:
  /// Errors are those that a client sees when it sends such a schema.
  static Result<Schema> parse(const nlohmann::json& json);
  nlohmann::json to_json() const;  ///< the canonical form that get_schema answers

  std::string name, version, cksum;
  std::map<std::string, Table, std::less<>> tables;

  const Table* find(std::string_view table) const;
};

}  // namespace bondway::db
