#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/error.hpp"

namespace bondway::db {

/// What a member of a JSON object may be; several are or-ed.  `id` is a string that is an RFC 7047
/// <id>; `integer` any number with an integer value in the range of 64 bits.
enum class Kind : unsigned {
  null = 1,
  boolean = 2,
  integer = 4,
  number = 8,
  string = 16,
  id = 32,
  array = 64,
  object = 128,
  any = 255 & ~32U,
};
constexpr Kind operator|(Kind a, Kind b) {
  return static_cast<Kind>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// Takes a JSON object apart, member by member, so that every object from a peer is refused in the
/// same words: "Parsing WHAT failed: Required 'x' member is missing." and the like.
class Members {
 public:
  /// `json` must outlive this.  Need not be an object: that is the first thing complained of.
  explicit Members(const nlohmann::json& json);

  /// The member, or null where it is missing or of another kind; that is remembered for complete().
  const nlohmann::json* required(std::string_view name, Kind kinds);
  /// The same; a missing member is no error.
  const nlohmann::json* optional(std::string_view name, Kind kinds);
  /// An error of the caller's about the object as a whole; the first one counts.
  void complain(std::string why);

  bool failed() const { return !why_.empty(); }
  /// Whether there was no error so far and every member has been asked for.
  bool complete();
  /// The first error, about a `what`: "ovsdb type".
  Error error(std::string_view what) const;

  const nlohmann::json& source() const { return json_; }

 private:
  const nlohmann::json* get(std::string_view name, Kind kinds, bool must_exist);
  bool is_used(std::string_view name) const;
  std::string unknown_members() const;

  const nlohmann::json& json_;
  std::vector<std::string_view> used_;
  std::string why_;  ///< empty: no error
};

/// The value of a JSON number that is an integer in the range of 64 bits, however it was written
/// (1, 1.0, 1e0); empty for everything else.
std::optional<std::int64_t> integer_of(const nlohmann::json& json);

}  // namespace bondway::db
