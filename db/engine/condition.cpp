#include "db/engine/condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "db/engine/json_text.hpp"
#include "db/engine/text.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kFunctions{
    "==", "!=", "<", "<=", ">", ">=", "includes", "excludes"};

std::optional<Function> find_function(std::string_view name) {
  const auto at = std::find(kFunctions.begin(), kFunctions.end(), name);
  if (at == kFunctions.end()) return std::nullopt;
  return static_cast<Function>(at - kFunctions.begin());
}

bool is_order(Function function) {
  return function >= Function::less && function <= Function::at_least;
}

bool has_order(const ColumnType& type) {
  const bool is_number = type.key.type == AtomicType::integer || type.key.type == AtomicType::real;
  return is_number && !type.is_map() && type.max == 1;
}

/// What the value of a clause may be: one number to compare with, any part of a set or a map.
ColumnType argument_type(const ColumnType& type, Function function) {
  ColumnType argument = type;
  if (is_order(function)) {
    argument.min = 1;
  } else if (!type.is_scalar() && function >= Function::includes) {
    argument.min = 0;
    if (function == Function::excludes) argument.max = kUnlimited;
  }
  return argument;
}

/// Whether a datum has an element, in a map with the same value.
bool has_element(const Datum& datum, const Datum& part, std::size_t i) {
  if (!part.is_map()) return datum.contains(part.keys()[i]);
  const Atom* value = datum.find(part.keys()[i]);
  return value && *value == part.values()[i];
}

std::size_t count_shared(const Datum& datum, const Datum& part) {
  std::size_t shared = 0;
  for (std::size_t i = 0; i < part.size(); ++i) shared += has_element(datum, part, i) ? 1U : 0U;
  return shared;
}

/// An absent number is neither less nor greater than any.
bool in_order(const Datum& datum, Function function, const Datum& value) {
  if (datum.empty()) return false;
  const Atom &a = datum.keys()[0], &b = value.keys()[0];
  switch (function) {
    case Function::less:
      return a < b;
    case Function::at_most:
      return a <= b;
    case Function::greater:
      return a > b;
    default:
      return a >= b;
  }
}

bool is_clause_shaped(const json& clause) {
  return clause.is_array() && clause.size() == 3 && clause[0].is_string() && clause[1].is_string();
}

}  // namespace

Result<Clause> Clause::parse(const json& source, const Table& table, const NameToUuid& names) {
  Clause clause;
  if (source.is_boolean()) {
    clause.function_ = source.get<bool>() ? Function::equal : Function::differs;
    return clause;
  }
  if (!is_clause_shaped(source)) {
    return fail("syntax error", "Parse error in condition.", json_text(source));
  }
  const auto& column = source[0].get_ref<const std::string&>();
  const auto& function_name = source[1].get_ref<const std::string&>();
  clause.field_ = Field::find(table, column);
  if (!clause.field_) {
    return fail("unknown column", fmt::format("No column {} in table {}.", column, table.name),
                json_text(source));
  }
  const auto function = find_function(function_name);
  if (!function)
    return fail("unknown function", fmt::format("No function named {}.", function_name));
  clause.function_ = *function;
  const ColumnType& type = clause.field_->type();
  if (is_order(*function) && !has_order(type)) {
    return fail(
        "syntax error",
        fmt::format("Type mismatch: \"{}\" operator may not be applied to column {} of type {}.",
                    function_name, column, describe(type)),
        json_text(source));
  }
  auto value = datum_from_json(source[2], argument_type(type, *function), names);
  if (!value) return tl::unexpected(std::move(value.error()));
  clause.value_ = std::move(*value);
  return clause;
}

bool Clause::matches(const Row& row) const {
  if (!field_) return function_ == Function::equal;
  Datum scratch;
  const Datum& datum = field_->get(row, scratch);
  switch (function_) {
    case Function::equal:
      return datum == value_;
    case Function::differs:
      return datum != value_;
    case Function::includes:
      return count_shared(datum, value_) == value_.size();
    case Function::excludes:
      return count_shared(datum, value_) == 0;
    default:
      return in_order(datum, function_, value_);
  }
}

const Field* Clause::equal_field() const {
  const bool is_equality = function_ == Function::equal || (function_ == Function::includes &&
                                                            field_ && field_->type().is_scalar());
  return field_ && is_equality ? &*field_ : nullptr;
}

Result<Condition> Condition::parse(const json& array, const Table& table, const NameToUuid& names) {
  Condition condition;
  for (const json& source : array) {
    auto clause = Clause::parse(source, table, names);
    if (!clause) return tl::unexpected(std::move(clause.error()));
    condition.clauses_.push_back(std::move(*clause));
  }
  return condition;
}

bool Condition::matches_all(const Row& row) const {
  return std::all_of(clauses_.begin(), clauses_.end(),
                     [&](const Clause& clause) { return clause.matches(row); });
}

bool Condition::matches_any(const Row& row) const {
  return clauses_.empty() || std::any_of(clauses_.begin(), clauses_.end(),
                                         [&](const Clause& clause) { return clause.matches(row); });
}

}  // namespace bondway::db
