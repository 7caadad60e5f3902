#include "db/engine/members.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;

bool allows(Kind kinds, Kind kind) {
  return (static_cast<unsigned>(kinds) & static_cast<unsigned>(kind)) != 0;
}

bool is_of(const json& value, Kind kinds) {
  switch (value.type()) {
    case json::value_t::object:
      return allows(kinds, Kind::object);
    case json::value_t::array:
      return allows(kinds, Kind::array);
    case json::value_t::boolean:
      return allows(kinds, Kind::boolean);
    case json::value_t::null:
      return allows(kinds, Kind::null);
    case json::value_t::string:
      return allows(kinds, Kind::string) ||
             (allows(kinds, Kind::id) && is_id(value.get_ref<const std::string&>()));
    default:
      return allows(kinds, Kind::number) ||
             (allows(kinds, Kind::integer) && integer_of(value).has_value());
  }
}

}  // namespace

Members::Members(const json& object) : json_(object) {
  used_.reserve(8);
  if (!json_.is_object()) why_ = "Object expected.";
}

const json* Members::required(std::string_view name, Kind kinds) { return get(name, kinds, true); }

const json* Members::optional(std::string_view name, Kind kinds) { return get(name, kinds, false); }

void Members::complain(std::string why) {
  if (why_.empty()) why_ = std::move(why);
}

bool Members::complete() {
  if (!failed() && used_.size() < json_.size()) complain(unknown_members());
  return !failed();
}

Error Members::error(std::string_view what) const {
  return {"syntax error", fmt::format("Parsing {} failed: {}", what, why_),
          json_.is_object() ? json_text(json_) : std::string()};
}

const json* Members::get(std::string_view name, Kind kinds, bool must_exist) {
  if (!json_.is_object()) return nullptr;
  const auto member = json_.find(name);
  if (member == json_.end()) {
    if (must_exist) complain(fmt::format("Required '{}' member is missing.", name));
    return nullptr;
  }
  if (!is_used(member.key())) used_.push_back(member.key());
  if (is_of(*member, kinds)) return &*member;
  complain(fmt::format("Type mismatch for member '{}'.", name));
  return nullptr;
}

bool Members::is_used(std::string_view name) const {
  return std::find(used_.begin(), used_.end(), name) != used_.end();
}

std::string Members::unknown_members() const {
  std::string_view first;
  for (const auto& [name, member] : json_.items()) {
    if (!is_used(name)) {
      first = name;
      break;
    }
  }
  const std::size_t others = json_.size() - used_.size() - 1;
  if (others == 0) return fmt::format("Member '{}' is present but not allowed here.", first);
  return fmt::format("Member '{}' and {} other {} present but not allowed here.", first, others,
                     others == 1 ? "member are" : "members are");
}

std::optional<std::int64_t> integer_of(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  if (number != std::trunc(number) || number < -0x1p63 || number >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace bondway::db
