#include "vswitchd/config/row.hpp"

#include <algorithm>
#include <charconv>

namespace bondway::config {
namespace {

/// The first element as a T, if there is one and it is one.
template <typename T>
std::optional<T> first(const db::Datum& datum) {
  if (datum.empty()) return std::nullopt;
  const T* value = std::get_if<T>(&datum.keys().front());
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

template <typename T>
std::vector<T> elements(const db::Datum& datum) {
  std::vector<T> result;
  result.reserve(datum.size());
  for (const db::Atom& atom : datum.keys()) {
    if (const T* value = std::get_if<T>(&atom)) result.push_back(*value);
  }
  return result;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

const db::Datum& Row::datum(std::string_view column) const {
  static const db::Datum kEmpty;
  const auto position = table_->find(column);
  return position ? row_->columns[*position] : kEmpty;
}

std::string Row::text(std::string_view column) const { return optional_text(column).value_or(""); }

std::optional<std::string> Row::optional_text(std::string_view column) const {
  return first<std::string>(datum(column));
}

bool Row::flag(std::string_view column) const { return first<bool>(datum(column)).value_or(false); }

std::int64_t Row::number(std::string_view column) const {
  return optional_number(column).value_or(0);
}

std::optional<std::int64_t> Row::optional_number(std::string_view column) const {
  return first<std::int64_t>(datum(column));
}

std::vector<std::int64_t> Row::numbers(std::string_view column) const {
  return elements<std::int64_t>(datum(column));
}

std::vector<db::Uuid> Row::references(std::string_view column) const {
  return elements<db::Uuid>(datum(column));
}

std::map<std::string, std::string> Row::strings(std::string_view column) const {
  const db::Datum& map = datum(column);
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < map.values().size(); ++i) {
    const auto* key = std::get_if<std::string>(&map.keys()[i]);
    const auto* value = std::get_if<std::string>(&map.values()[i]);
    if (key != nullptr && value != nullptr) result.emplace(*key, *value);
  }
  return result;
}

std::optional<std::string> Keys::text(const std::string& key) const {
  const auto it = strings_.find(key);
  return it == strings_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::int64_t> Keys::number(const std::string& key) const {
  const auto it = strings_.find(key);
  if (it == strings_.end()) return std::nullopt;
  std::string_view digits = it->second;
  if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> Keys::number(const std::string& key, std::int64_t min,
                                         std::int64_t max) const {
  const auto value = number(key);
  return value && *value >= min && *value <= max ? value : std::nullopt;
}

bool Keys::is_true(const std::string& key) const {
  const auto value = text(key);
  return value && equal_ignoring_case(*value, "true");
}

bool Keys::is_false(const std::string& key) const {
  const auto value = text(key);
  return value && equal_ignoring_case(*value, "false");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace bondway::config
