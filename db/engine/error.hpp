#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace bondway::db {

/// Why the database refused something: RFC 7047, 3.1 <error>.
struct Error {
  std::string tag;            ///< "constraint violation", "syntax error", ...
  std::string details;        ///< may be empty, and is then not sent
  std::string syntax = {};    ///< the offending JSON as compact text; empty: not sent
  std::string io_error = {};  ///< of an "I/O error": what the system said; may be empty
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(std::string tag, std::string details,
                                                std::string syntax = {}) {
  return tl::unexpected(Error{std::move(tag), std::move(details), std::move(syntax)});
}

}  // namespace bondway::db
