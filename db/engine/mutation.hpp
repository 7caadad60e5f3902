#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "db/engine/error.hpp"
#include "db/engine/json.hpp"
#include "db/engine/schema.hpp"

namespace bondway::db {

/// RFC 7047, 5.1 <mutator>.
enum class Mutator : std::uint8_t { add, subtract, multiply, divide, remainder, insert, erase };

/// RFC 7047, 5.1 <mutation>: a change of one column.
class Mutation {
 public:
  static Result<Mutation> parse(const nlohmann::json& json, const Table& table,
                                const NameToUuid& names = {});

  std::size_t column() const { return column_; }
  /// Changes the content of the column.  On an error it may be half changed.
  std::optional<Error> apply(Datum& datum) const;

 private:
  std::optional<Error> calculate(Datum& datum) const;

  std::size_t column_ = 0;
  const ColumnType* type_ = nullptr;
  Mutator mutator_ = Mutator::add;
  Datum argument_;
};

}  // namespace bondway::db
