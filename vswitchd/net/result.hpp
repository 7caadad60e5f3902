#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace bondway {

/// Why something that a peer or a user asked for was refused: the thing, the rule and the value, in
/// words for whoever asked.
struct Error {
  std::string message;
  bool operator==(const Error&) const = default;
};

/// A value, or the reason why there is none.
template <typename T>
using Result = tl::expected<T, Error>;

/// Makes the failed Result of any type: `return fail("no bridge named {}", name);`
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace bondway
