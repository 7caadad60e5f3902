#include "db/engine/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "db/engine/json_text.hpp"

namespace bondway::db {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word_rest(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

struct AtomPrinter {
  std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return real_to_text(number); }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(const Uuid& uuid) const { return to_string(uuid); }
  std::string operator()(const std::string& text) const {
    if (is_bare_word(text)) return text;
    std::string quoted;
    append_json_string(quoted, text);
    return quoted;
  }
};

std::string describe_count(const ColumnType& type) {
  if (type.max == kUnlimited) {
    return type.min == 0 ? " of" : fmt::format(" of {} or more", type.min);
  }
  if (type.min != 0) return fmt::format(" of {} to {}", type.min, type.max);
  return fmt::format(" of up to {}", type.max);
}

}  // namespace

bool is_bare_word(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return false;
  if (!std::all_of(text.begin(), text.end(), is_word_rest)) return false;
  return text != "true" && text != "false" && !Uuid::parse(text);
}

std::string real_to_text(double number) { return fmt::format("{:.15g}", number); }

std::string to_text(const Atom& atom) { return std::visit(AtomPrinter{}, atom); }

std::string elements_to_text(const Datum& datum) {
  std::string text;
  for (std::size_t i = 0; i < datum.size(); ++i) {
    if (i > 0) text += ", ";
    text += to_text(datum.keys()[i]);
    if (datum.is_map()) (text += '=') += to_text(datum.values()[i]);
  }
  return text;
}

std::string to_text(const Datum& datum, const ColumnType& type) {
  if (type.is_map()) return "{" + elements_to_text(datum) + "}";
  if (type.max == 1 && datum.size() == 1) return to_text(datum.keys()[0]);
  return "[" + elements_to_text(datum) + "]";
}

std::string describe(const ColumnType& type) {
  const std::string_view key = to_string(type.key.type);
  if (type.is_scalar()) return std::string(key);
  if (!type.value) return fmt::format("set{} {}s", describe_count(type), key);
  return fmt::format("map{} ({}, {}) pairs", describe_count(type), key,
                     to_string(type.value->type));
}

}  // namespace bondway::db
