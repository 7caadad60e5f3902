#include "db/store/cell.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "db/engine/json.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

bool is_single(const ColumnType& type) { return type.max == 1 && !type.is_map(); }

/// Plainer than on the wire: a uuid is a string.
json plain_json(const Atom& atom) {
  if (const auto* uuid = std::get_if<Uuid>(&atom)) return to_string(*uuid);
  return to_json(atom);
}

std::string key_text(const Atom& key) {
  if (const auto* text = std::get_if<std::string>(&key)) return *text;
  const json plain = plain_json(key);
  return plain.is_string() ? plain.get<std::string>() : plain.dump();
}

/// Sets of references may be long, and are written anew whenever one of them comes or goes.
std::string references_text(const Datum& datum) {
  std::string text = "[";
  for (const Atom& atom : datum.keys()) {
    if (text.size() > 1) text += ',';
    text += '"';
    text += to_string(std::get<Uuid>(atom));
    text += '"';
  }
  return text + ']';
}

std::string collection_text(const Datum& datum, const ColumnType& type) {
  if (datum.empty()) return type.is_map() ? "{}" : "[]";
  if (!type.is_map() && type.key.type == AtomicType::uuid) return references_text(datum);
  if (type.is_map()) {
    json object = json::object();
    for (std::size_t i = 0; i < datum.size(); ++i) {
      object[key_text(datum.keys()[i])] = plain_json(datum.values()[i]);
    }
    return object.dump();
  }
  json array = json::array();
  for (const Atom& atom : datum.keys()) array.push_back(plain_json(atom));
  return array.dump();
}

/// The wire form of a plain atom, which the engine's parser then checks.
json wire_json(const json& plain, AtomicType type) {
  if (type == AtomicType::uuid) return json::array({"uuid", plain});
  return plain;
}

/// A map's key, which JSON can write only as a string.
json wire_key(const std::string& text, AtomicType type) {
  if (type == AtomicType::string) return text;
  if (type == AtomicType::uuid) return wire_json(text, type);
  return json::parse(text, nullptr, false);
}

Result<Datum> read_collection(const std::string& text, const ColumnType& type) {
  // Most are empty, and opening a large database is mostly reading them.
  if (type.min == 0 && text == (type.is_map() ? "{}" : "[]")) return Datum();
  const json source = json::parse(text, nullptr, false);
  json wire = json::array();
  if (type.is_map()) {
    if (!source.is_object()) return fail("ovsdb error", "expected a JSON object");
    for (const auto& [key, value] : source.items()) {
      wire.push_back(
          json::array({wire_key(key, type.key.type), wire_json(value, type.value->type)}));
    }
    return datum_from_json(json::array({"map", std::move(wire)}), type);
  }
  if (!source.is_array()) return fail("ovsdb error", "expected a JSON array");
  for (const json& element : source) wire.push_back(wire_json(element, type.key.type));
  return datum_from_json(json::array({"set", std::move(wire)}), type);
}

Result<Atom> read_atom(const Statement& statement, int column, const BaseType& type) {
  switch (type.type) {
    case AtomicType::integer:
      return Atom(statement.integer(column));
    case AtomicType::real:
      return Atom(statement.real(column));
    case AtomicType::boolean:
      return Atom(statement.integer(column) != 0);
    case AtomicType::string:
      return Atom(statement.text(column));
    case AtomicType::uuid:
      break;
  }
  const auto uuid = Uuid::parse(statement.text(column));
  if (!uuid) return fail("ovsdb error", "expected a UUID");
  return Atom(*uuid);
}

}  // namespace

std::string sql_type(const ColumnType& type) {
  if (!is_single(type)) return "TEXT";
  switch (type.key.type) {
    case AtomicType::integer:
    case AtomicType::boolean:
      return "INTEGER";
    case AtomicType::real:
      return "REAL";
    default:
      return "TEXT";
  }
}

void bind(Statement& statement, int parameter, const Datum& datum, const ColumnType& type) {
  if (!is_single(type)) return statement.bind_copy(parameter, collection_text(datum, type));
  if (datum.empty()) return statement.bind_null(parameter);
  const Atom& atom = datum.keys()[0];
  switch (type.key.type) {
    case AtomicType::integer:
      return statement.bind(parameter, std::get<std::int64_t>(atom));
    case AtomicType::real:
      return statement.bind(parameter, std::get<double>(atom));
    case AtomicType::boolean:
      return statement.bind(parameter, std::int64_t{std::get<bool>(atom)});
    case AtomicType::string:
      return statement.bind(parameter, std::string_view(std::get<std::string>(atom)));
    case AtomicType::uuid:
      return statement.bind_copy(parameter, to_string(std::get<Uuid>(atom)));
  }
}

Result<Datum> read(const Statement& statement, int column, const ColumnType& type) {
  if (!is_single(type)) return read_collection(statement.text(column), type);
  if (statement.is_null(column)) {
    if (type.min == 0) return Datum();
    return fail("ovsdb error", "NULL where a value is required");
  }
  auto atom = read_atom(statement, column, type.key);
  if (!atom) return tl::unexpected(std::move(atom.error()));
  if (auto error = check(*atom, type.key)) return tl::unexpected(std::move(*error));
  return Datum(std::move(*atom));
}

}  // namespace bondway::db
