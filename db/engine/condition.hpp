#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "db/engine/error.hpp"
#include "db/engine/field.hpp"
#include "db/engine/json.hpp"

namespace bondway::db {

/// RFC 7047, 5.1 <function>.
enum class Function : std::uint8_t {
  equal,
  differs,
  less,
  at_most,
  greater,
  at_least,
  includes,
  excludes
};

/// RFC 7047, 5.1 <condition>: a column, a function and a value; or, as an extension, a boolean.
class Clause {
 public:
  static Result<Clause> parse(const nlohmann::json& json, const Table& table,
                              const NameToUuid& names = {});
  bool matches(const Row& row) const;

  /// The column that must equal value(); null: the clause demands something else.
  const Field* equal_field() const;
  const Datum& value() const { return value_; }
  bool operator==(const Clause&) const = default;

 private:
  std::optional<Field> field_;  ///< empty: a boolean
  Function function_ = Function::equal;
  Datum value_;
};

/// The clauses of a "where".
class Condition {
 public:
  static Result<Condition> parse(const nlohmann::json& array, const Table& table,
                                 const NameToUuid& names = {});
  /// Transactions: the empty condition holds.
  bool matches_all(const Row& row) const;
  /// Monitors with conditions: the empty condition holds, too.
  bool matches_any(const Row& row) const;

  const std::vector<Clause>& clauses() const { return clauses_; }
  bool operator==(const Condition&) const = default;

 private:
  std::vector<Clause> clauses_;
};

}  // namespace bondway::db
