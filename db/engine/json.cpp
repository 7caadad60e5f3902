#include "db/engine/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "db/engine/json_text.hpp"
#include "db/engine/members.hpp"
#include "db/engine/text.hpp"
#include "db/engine/utf8.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

tl::unexpected<Error> syntax_error(std::string details, const json& culprit) {
  return fail("syntax error", std::move(details), json_text(culprit));
}

Error violation(std::string details) { return {"constraint violation", std::move(details)}; }

/// The array in ["map", [...]]; null for any other shape.
const json* tagged_array(const json& value, std::string_view tag) {
  if (!value.is_array() || value.size() != 2) return nullptr;
  if (!value[0].is_string() || value[0].get_ref<const std::string&>() != tag) return nullptr;
  return value[1].is_array() ? &value[1] : nullptr;
}

bool begins_with_tag(const json& value, std::string_view tag) {
  return value.is_array() && !value.empty() && value[0].is_string() &&
         value[0].get_ref<const std::string&>() == tag;
}

Result<Atom> uuid_from_json(const json& value, const NameToUuid& names) {
  const bool is_pair =
      value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string();
  std::string_view tag;
  if (is_pair) tag = value[0].get_ref<const std::string&>();
  if (tag == "uuid") {
    const auto& text = value[1].get_ref<const std::string&>();
    if (const auto uuid = Uuid::parse(text)) return Atom(*uuid);
    return syntax_error(fmt::format("\"{}\" is not a valid UUID", text), value);
  }
  if (tag == "named-uuid" && names) {
    const auto& name = value[1].get_ref<const std::string&>();
    if (is_id(name)) return Atom(names(name));
    return syntax_error("named-uuid string is not a valid <id>", value);
  }
  return syntax_error("expected [\"uuid\", <string>]", value);
}

Result<Atom> string_from_json(const json& value) {
  const auto& text = value.get_ref<const std::string&>();
  if (const auto why = utf8_error(text)) {
    return fail("constraint violation", fmt::format("not a valid UTF-8 string: {}", *why));
  }
  return Atom(text);
}

Result<Atom> unchecked_atom(const json& value, AtomicType type, const NameToUuid& names) {
  switch (type) {
    case AtomicType::uuid:
      return uuid_from_json(value, names);
    case AtomicType::integer:
      if (const auto number = integer_of(value)) return Atom(*number);
      break;
    case AtomicType::real:
      if (value.is_number()) return Atom(value.get<double>());
      break;
    case AtomicType::boolean:
      if (value.is_boolean()) return Atom(value.get<bool>());
      break;
    case AtomicType::string:
      if (value.is_string()) return string_from_json(value);
      break;
  }
  return syntax_error(fmt::format("expected {}", to_string(type)), value);
}

std::string_view collection_name(const ColumnType& type) { return type.is_map() ? "map" : "set"; }

/// Empty: so many elements are allowed.
std::optional<std::string> count_error(std::size_t count, const ColumnType& type) {
  if (count >= type.min && count <= type.max) return std::nullopt;
  if (type.min == 1 && type.max == 1) {
    return fmt::format("{} must have exactly one member but {} are present", collection_name(type),
                       count);
  }
  return fmt::format("{} must have {} to {} members but {} are present", collection_name(type),
                     type.min, type.max, count);
}

Result<Datum> map_from_json(const json& value, const ColumnType& type, const NameToUuid& names,
                            CountCheck count) {
  const json* pairs = tagged_array(value, "map");
  if (!pairs) return syntax_error("expected [\"map\", <array>]", value);
  if (const auto why = count_error(pairs->size(), type); why && count == CountCheck::type) {
    return syntax_error(*why, value);
  }
  std::vector<std::pair<Atom, Atom>> parsed;
  parsed.reserve(pairs->size());
  for (const json& pair : *pairs) {
    if (!pair.is_array() || pair.size() != 2) {
      return syntax_error("expected 2-element array", pair);
    }
    auto key = atom_from_json(pair[0], type.key, names);
    if (!key) return tl::unexpected(std::move(key.error()));
    auto mapped = atom_from_json(pair[1], *type.value, names);
    if (!mapped) return tl::unexpected(std::move(mapped.error()));
    parsed.emplace_back(std::move(*key), std::move(*mapped));
  }
  auto datum = Datum::map(std::move(parsed));
  if (!datum) return fail("ovsdb error", "map contains duplicate key");
  return std::move(*datum);
}

Result<Datum> set_from_json(const json& value, const ColumnType& type, const NameToUuid& names,
                            CountCheck count) {
  const json* elements = tagged_array(value, "set");
  if (!elements) return syntax_error("expected [\"set\", <array>]", value);
  if (const auto why = count_error(elements->size(), type); why && count == CountCheck::type) {
    return syntax_error(*why, value);
  }
  std::vector<Atom> parsed;
  parsed.reserve(elements->size());
  for (const json& element : *elements) {
    auto atom = atom_from_json(element, type.key, names);
    if (!atom) return tl::unexpected(std::move(atom.error()));
    parsed.push_back(std::move(*atom));
  }
  auto datum = Datum::set(std::move(parsed));
  if (!datum) return fail("ovsdb error", "set contains duplicate");
  return std::move(*datum);
}

struct AtomWriter {
  json operator()(const Uuid& uuid) const { return to_json(uuid); }
  json operator()(const auto& plain) const { return plain; }
};

/// The texts of all three kinds of range; `show` prints a bound.
template <typename Number>
std::optional<Error> check_range(Number value, std::optional<Number> min,
                                 std::optional<Number> max) {
  if (min && value < *min) {
    if (!max) {
      return violation(fmt::format("{} is less than minimum allowed value {}", to_text(Atom(value)),
                                   to_text(Atom(*min))));
    }
  } else if (!max || value <= *max) {
    return std::nullopt;
  }
  if (!min) {
    return violation(fmt::format("{} is greater than maximum allowed value {}",
                                 to_text(Atom(value)), to_text(Atom(*max))));
  }
  return violation(fmt::format("{} is not in the valid range {} to {} (inclusive)",
                               to_text(Atom(value)), to_text(Atom(*min)), to_text(Atom(*max))));
}

std::optional<Error> check_length(const std::string& text, const BaseType& type) {
  if (!type.min_length && !type.max_length) return std::nullopt;
  const std::size_t length = utf8_length(text);
  if (type.min_length && length < *type.min_length) {
    return violation(fmt::format("\"{}\" length {} is less than minimum allowed length {}", text,
                                 length, *type.min_length));
  }
  if (type.max_length && length > *type.max_length) {
    return violation(fmt::format("\"{}\" length {} is greater than maximum allowed length {}", text,
                                 length, *type.max_length));
  }
  return std::nullopt;
}

std::optional<Error> check_allowed(const Atom& atom, const std::vector<Atom>& allowed) {
  if (allowed.empty() || std::binary_search(allowed.begin(), allowed.end(), atom)) {
    return std::nullopt;
  }
  const auto values = Datum::set(allowed);
  return violation(fmt::format("{} is not one of the allowed values ([{}])", to_text(atom),
                               elements_to_text(*values)));
}

}  // namespace

Result<Atom> atom_from_json(const json& value, const BaseType& type, const NameToUuid& names) {
  auto atom = unchecked_atom(value, type.type, names);
  if (!atom) return atom;
  if (auto error = check(*atom, type)) return tl::unexpected(std::move(*error));
  return atom;
}

Result<Datum> datum_from_json(const json& value, const ColumnType& type, const NameToUuid& names,
                              CountCheck count) {
  if (type.is_map()) return map_from_json(value, type, names, count);
  if (begins_with_tag(value, "set")) return set_from_json(value, type, names, count);
  auto atom = atom_from_json(value, type.key, names);
  if (!atom) return tl::unexpected(std::move(atom.error()));
  return Datum(std::move(*atom));
}

json to_json(const Atom& atom) { return std::visit(AtomWriter{}, atom); }

json to_json(const Uuid& uuid) {
  json pair = json::array();
  pair.push_back("uuid");
  pair.push_back(to_string(uuid));
  return pair;
}

json to_json(const Datum& datum, const ColumnType& type) {
  if (!type.is_map() && datum.size() == 1) return to_json(datum.keys()[0]);
  json elements = json::array();
  for (std::size_t i = 0; i < datum.size(); ++i) {
    json key = to_json(datum.keys()[i]);
    if (type.is_map()) {
      json pair = json::array();
      pair.push_back(std::move(key));
      pair.push_back(to_json(datum.values()[i]));
      key = std::move(pair);
    }
    elements.push_back(std::move(key));
  }
  json tagged = json::array();
  tagged.push_back(type.is_map() ? "map" : "set");
  tagged.push_back(std::move(elements));
  return tagged;
}

json to_json(const Error& error) {
  json object = {{"error", error.tag}};
  if (!error.details.empty()) object["details"] = error.details;
  if (!error.syntax.empty()) object["syntax"] = error.syntax;
  if (!error.io_error.empty()) object["io-error"] = error.io_error;
  return object;
}

std::optional<Error> check(const Atom& atom, const BaseType& type) {
  if (!type.allowed.empty()) return check_allowed(atom, type.allowed);
  if (const auto* integer = std::get_if<std::int64_t>(&atom)) {
    return check_range(*integer, type.min_integer, type.max_integer);
  }
  if (const auto* real = std::get_if<double>(&atom)) {
    return check_range(*real, type.min_real, type.max_real);
  }
  if (const auto* text = std::get_if<std::string>(&atom)) return check_length(*text, type);
  return std::nullopt;
}

std::optional<Error> check(const Datum& datum, const ColumnType& type) {
  if (const auto why = count_error(datum.size(), type)) return violation(*why);
  for (const Atom& key : datum.keys()) {
    if (auto error = check(key, type.key)) return error;
  }
  if (!type.value) return std::nullopt;
  for (const Atom& value : datum.values()) {
    if (auto error = check(value, *type.value)) return error;
  }
  return std::nullopt;
}

Atom default_value(AtomicType type) {
  switch (type) {
    case AtomicType::integer:
      return Atom(std::int64_t{0});
    case AtomicType::real:
      return Atom(0.0);
    case AtomicType::boolean:
      return Atom(false);
    case AtomicType::string:
      return Atom(std::string());
    case AtomicType::uuid:
      break;
  }
  return Atom(Uuid());
}

Datum default_value(const ColumnType& type) {
  Datum datum;
  if (type.min == 0) return datum;
  if (!type.value) return Datum(default_value(type.key.type));
  datum.insert(default_value(type.key.type), default_value(type.value->type));
  return datum;
}

bool is_id(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto is_rest = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), is_rest);
}

}  // namespace bondway::db
