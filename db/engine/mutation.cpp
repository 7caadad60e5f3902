#include "db/engine/mutation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "db/engine/field.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/text.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kMutators{
    "+=", "-=", "*=", "/=", "%=", "insert", "delete"};

std::string_view name_of(Mutator mutator) { return kMutators[static_cast<std::size_t>(mutator)]; }

std::optional<Mutator> find_mutator(std::string_view name) {
  const auto at = std::find(kMutators.begin(), kMutators.end(), name);
  if (at == kMutators.end()) return std::nullopt;
  return static_cast<Mutator>(at - kMutators.begin());
}

bool is_applicable(Mutator mutator, const ColumnType& type) {
  if (mutator == Mutator::insert || mutator == Mutator::erase) return !type.is_scalar();
  if (type.is_map()) return false;
  if (type.key.type == AtomicType::integer) return true;
  return type.key.type == AtomicType::real && mutator != Mutator::remainder;
}

/// One number, of whatever size, to calculate with.
ColumnType number_type(const ColumnType& type) { return {.key = BaseType{.type = type.key.type}}; }

ColumnType part_type(const ColumnType& type, std::uint32_t max) {
  ColumnType part = type;
  part.min = 0;
  part.max = max;
  return part;
}

/// What to delete from a map: pairs, or keys whatever their values.
Result<Datum> parse_deletion(const json& source, const ColumnType& type, const NameToUuid& names) {
  auto pairs = datum_from_json(source, part_type(type, kUnlimited), names);
  if (pairs || !type.is_map()) return pairs;
  return datum_from_json(source, {.key = type.key, .min = 0, .max = kUnlimited}, names);
}

Result<Datum> parse_argument(const json& source, Mutator mutator, const ColumnType& type,
                             const NameToUuid& names) {
  switch (mutator) {
    case Mutator::insert:
      return datum_from_json(source, part_type(type, type.max), names);
    case Mutator::erase:
      return parse_deletion(source, type, names);
    default:
      return datum_from_json(source, number_type(type), names);
  }
}

Error domain_error() { return {"domain error", "Division by zero."}; }

Error range_error(Mutator mutator) {
  return {"range error",
          fmt::format("Result of \"{}\" operation is out of range.", name_of(mutator))};
}

std::optional<Error> calculate(Mutator mutator, std::int64_t& number, std::int64_t by) {
  bool overflows = false;
  switch (mutator) {
    case Mutator::add:
      overflows = __builtin_add_overflow(number, by, &number);
      break;
    case Mutator::subtract:
      overflows = __builtin_sub_overflow(number, by, &number);
      break;
    case Mutator::multiply:
      overflows = __builtin_mul_overflow(number, by, &number);
      break;
    default:
      if (by == 0) return domain_error();
      overflows = by == -1 && number == std::numeric_limits<std::int64_t>::min();
      if (overflows) break;
      number = mutator == Mutator::divide ? number / by : number % by;
  }
  if (overflows) return range_error(mutator);
  return std::nullopt;
}

std::optional<Error> calculate(Mutator mutator, double& number, double by) {
  switch (mutator) {
    case Mutator::add:
      number += by;
      break;
    case Mutator::subtract:
      number -= by;
      break;
    case Mutator::multiply:
      number *= by;
      break;
    default:
      if (by == 0) return domain_error();
      number /= by;
  }
  if (!std::isfinite(number)) return range_error(mutator);
  return std::nullopt;
}

std::optional<Error> calculate(Mutator mutator, Atom& number, const Atom& by) {
  if (auto* integer = std::get_if<std::int64_t>(&number)) {
    return calculate(mutator, *integer, std::get<std::int64_t>(by));
  }
  return calculate(mutator, std::get<double>(number), std::get<double>(by));
}

Error violation(std::string details) { return {"constraint violation", std::move(details)}; }

std::optional<Error> check_count(const Datum& datum, const ColumnType& type) {
  if (datum.size() >= type.min && datum.size() <= type.max) return std::nullopt;
  return violation(
      fmt::format("Attempted to store {} elements in {}.", datum.size(), describe(type)));
}

bool is_mutation_shaped(const json& mutation) {
  return mutation.is_array() && mutation.size() == 3 && mutation[0].is_string() &&
         mutation[1].is_string();
}

}  // namespace

Result<Mutation> Mutation::parse(const json& source, const Table& table, const NameToUuid& names) {
  if (!is_mutation_shaped(source)) {
    return fail("syntax error", "Parse error in mutation.", json_text(source));
  }
  const auto& column = source[0].get_ref<const std::string&>();
  const auto& mutator_name = source[1].get_ref<const std::string&>();
  const auto field = Field::find(table, column);
  if (!field) {
    return fail("unknown column", fmt::format("No column {} in table {}.", column, table.name),
                json_text(source));
  }
  if (!field->is_mutable()) {
    return fail("constraint violation",
                fmt::format("Cannot mutate immutable column {} in table {}.", column, table.name),
                json_text(source));
  }
  const auto mutator = find_mutator(mutator_name);
  if (!mutator) return fail("unknown mutator", fmt::format("No mutator named {}.", mutator_name));
  if (!is_applicable(*mutator, field->type())) {
    return fail(
        "syntax error",
        fmt::format("Type mismatch: \"{}\" operator may not be applied to column {} of type {}.",
                    mutator_name, column, describe(field->type())),
        json_text(source));
  }
  auto argument = parse_argument(source[2], *mutator, field->type(), names);
  if (!argument) return tl::unexpected(std::move(argument.error()));
  Mutation mutation;
  mutation.column_ = *field->position();
  mutation.type_ = &field->type();
  mutation.mutator_ = *mutator;
  mutation.argument_ = std::move(*argument);
  return mutation;
}

std::optional<Error> Mutation::apply(Datum& datum) const {
  switch (mutator_) {
    case Mutator::insert:
      datum.insert_missing(argument_);
      return check_count(datum, *type_);
    case Mutator::erase:
      datum.erase_all(argument_);
      return check_count(datum, *type_);
    default:
      return calculate(datum);
  }
}

/// Numbers of a set are calculated one by one; they must stay different.
std::optional<Error> Mutation::calculate(Datum& datum) const {
  std::vector<Atom> numbers(datum.keys().begin(), datum.keys().end());
  for (Atom& number : numbers) {
    if (auto error = db::calculate(mutator_, number, argument_.keys()[0])) return error;
    if (auto error = db::check(number, type_->key)) return error;
  }
  auto result = Datum::set(std::move(numbers));
  if (!result) {
    return violation(
        fmt::format("Result of \"{}\" operation contains duplicates.", name_of(mutator_)));
  }
  datum = std::move(*result);
  return std::nullopt;
}

}  // namespace bondway::db
