#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bondway::db {

/// Why a text is not UTF-8 (RFC 3629): "invalid UTF-8 sequence 0xff".  Empty: it is.
std::optional<std::string> utf8_error(std::string_view text);

/// The number of characters in valid UTF-8.
std::size_t utf8_length(std::string_view text);

}  // namespace bondway::db
