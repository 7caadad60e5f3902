#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace bondway::db {

/// JSON as OVSDB peers write it: no spaces, members sorted by name, octets from 0x20 up unchanged
/// (even where they are not UTF-8), reals with 15 significant digits.
std::string json_text(const nlohmann::json& json);
void append_json(std::string& out, const nlohmann::json& json);

/// One string with its quotes and escapes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace bondway::db
