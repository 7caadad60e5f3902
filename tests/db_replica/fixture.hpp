#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::replica {

/// A root table that refers to rows of another, and columns of every shape.
inline db::Schema test_schema() {
  return db::Schema::parse(nlohmann::json::parse(R"({
    "name": "Test", "version": "1.0.0", "tables": {
      "Box": {"isRoot": true, "indexes": [["name"]], "columns": {
        "name": {"type": "string"},
        "kind": {"type": {"key": {"type": "string", "enum": ["set", ["", "big", "small"]]}}},
        "weight": {"type": {"key": "integer", "min": 0, "max": 1}},
        "tags": {"type": {"key": "integer", "min": 0, "max": "unlimited"}},
        "notes": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
        "things": {"type": {"key": {"type": "uuid", "refTable": "Thing"}, "min": 0,
                            "max": "unlimited"}}}},
      "Thing": {"columns": {"name": {"type": "string"}}}}})"))
      .value();
}

inline const std::string kBox = "00000000-0000-4000-8000-00000000000b";
inline const std::string kOtherBox = "00000000-0000-4000-8000-00000000000c";
inline const std::string kThing = "00000000-0000-4000-8000-00000000000d";

inline db::Uuid uuid(const std::string& text) { return db::Uuid::parse(text).value(); }
inline db::Atom text(const char* value) { return db::Atom(std::string(value)); }
inline db::Atom number(std::int64_t value) { return db::Atom(value); }

}  // namespace bondway::replica
