#pragma once

#include <string>
#include <string_view>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::db {

/// How people read and type values: ovs-vsctl(8), "Database Values".  Used by the command-line
/// tools and in error messages.

/// `5`, `0.25`, `true`, a uuid, or a string: bare where it can be read back as typed (a letter or
/// `_`, then letters, digits, `_`, `-`, `.`; no boolean, no uuid), else as a JSON string.
std::string to_text(const Atom& atom);

/// A bare atom when the column holds at most one and it is present, else `[a, b]` or `{k=v, k=v}`.
std::string to_text(const Datum& datum, const ColumnType& type);

/// As above for the elements alone: `a, b` or `k=v, k=v`.
std::string elements_to_text(const Datum& datum);

/// Whether a string may stand without quotes, see to_text.
bool is_bare_word(std::string_view text);

/// A real number as the database writes it everywhere: 15 significant digits.
std::string real_to_text(double number);

/// The type in words, for messages: `integer`, `set of up to 4096 integers`,
/// `map of (string, string) pairs`.
std::string describe(const ColumnType& type);

}  // namespace bondway::db
