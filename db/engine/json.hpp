#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "db/engine/error.hpp"
#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::db {

/// Values on the wire, RFC 7047, 5.1: <atom>, <set>, <map>.

/// Which row a <named-uuid> stands for.  An empty function: named uuids are not allowed here.
using NameToUuid = std::function<Uuid(const std::string& name)>;

/// Whether the number of elements given is checked against the type.
enum class CountCheck : std::uint8_t { type, none };

/// Parses and checks type, constraints and duplicates.  The tags are "syntax error" (with the
/// offending JSON), "constraint violation", and "ovsdb error" for duplicates.
Result<Atom> atom_from_json(const nlohmann::json& json, const BaseType& type,
                            const NameToUuid& names = {});
Result<Datum> datum_from_json(const nlohmann::json& json, const ColumnType& type,
                              const NameToUuid& names = {}, CountCheck count = CountCheck::type);

nlohmann::json to_json(const Atom& atom);
nlohmann::json to_json(const Datum& datum, const ColumnType& type);
nlohmann::json to_json(const Uuid& uuid);    ///< ["uuid", TEXT]
nlohmann::json to_json(const Error& error);  ///< {"details": ..., "error": ..., "syntax": ...}

/// The enum, range or length of a base type; "constraint violation".  Empty: the atom satisfies it.
std::optional<Error> check(const Atom& atom, const BaseType& type);
/// Every element of a datum, and their number.
std::optional<Error> check(const Datum& datum, const ColumnType& type);

/// What a column holds when nothing was given: nothing if it may be empty, else one zero value.
Datum default_value(const ColumnType& type);
Atom default_value(AtomicType type);

/// RFC 7047, 3.1 <id>: a letter or underscore, then letters, digits or underscores.
bool is_id(std::string_view text);

}  // namespace bondway::db
