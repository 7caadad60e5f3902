#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bondway::ctl {

/// What the switch makes of the keys of `other_config`.  The database stores any; a mistyped key or
/// a value out of range is then ignored or changed in silence.  This tells beforehand.
/// Keys and values: ovs-vswitchd.conf.db(5).

/// A key that the switch knows.
struct KnownKey {
  enum class Rule : std::uint8_t {
    anything,
    words,  ///< one of `values`; all else acts as `otherwise`, or is ignored if that is empty
    words_in_any_case,
    number,   ///< between `least` and `most`; all else as above
    clamped,  ///< a number, moved between `least` and `most`; what is none as above
  };
  /// What 0 means where numbers are moved.
  enum class Zero : std::uint8_t { number, itself, otherwise };
  std::string_view table, name;
  Rule rule = Rule::anything;
  std::string_view values = {};  ///< with blanks between
  long long least = 0, most = 0;
  std::string_view otherwise = {};
  Zero zero = Zero::number;
};
std::span<const KnownKey> known_keys();

/// Why `column:key=value` will not do what it says: `other_config:lacp-tme is not a key of Port;
/// did you mean lacp-time?`, `bond-rebalance-interval=500 will act as 1000`.  Empty: nothing to
/// say.
std::optional<std::string> advise(std::string_view table, std::string_view column,
                                  std::string_view key, std::string_view value);

}  // namespace bondway::ctl
