#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace bondway::appctl {

struct Answer {
  nlohmann::json result;  ///< null if there is an error
  nlohmann::json error;
};

/// How --pretty prints JSON: an element a line, two blanks a level, closing brackets at the end of
/// the last element's line; members sorted.
std::string pretty(const nlohmann::json& value);

/// "number", "object": what a value is, in the words of a complaint.
std::string type_name(const nlohmann::json& value);

}  // namespace bondway::appctl
