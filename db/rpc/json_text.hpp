#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "vswitchd/net/result.hpp"

namespace bondway::rpc {

/// JSON text to value, by OVSDB's rules, which no general parser has all of:
/// - a number whose value is an integer of 64 bits is one however it is written (1.0, 1e3, -0);
///   every other number is a double, and one beyond its range (1e400) is an error;
/// - of members of the same name the last wins;
/// - strings are octets: invalid UTF-8 is passed through, because a client may well echo it, and
///   what goes into a database is checked there; but \u0000 and the first half of a surrogate pair
///   alone are errors;
/// - nesting deeper than `depth` is an error.
/// White space around the value is allowed, anything else after it is not.  The error tells the
/// offset in octets.
Result<nlohmann::json> parse_json(std::string_view text, std::size_t depth = 1000);

/// Value to text as OVSDB servers print it: no white space, members sorted by name, doubles with 15
/// significant digits, only '"', '\\' and control characters escaped (short forms where there are).
std::string to_text(const nlohmann::json& value);

/// The same, appended.
void append_text(std::string& out, const nlohmann::json& value);
/// A string in quotes with escapes, appended.
void append_string(std::string& out, std::string_view string);
/// A double, appended; one with an integer value is printed as an integer.
void append_real(std::string& out, double value);

}  // namespace bondway::rpc
