#pragma once

// The one way to include Boost.Asio.  Boost 1.74's headers use std::exchange without including
// <utility>, which g++ 12 does not forgive; so <utility> comes first, and formatters keep it there.

// clang-format off
#include <utility>

#include <boost/asio.hpp>
// clang-format on

namespace bondway {

namespace asio = boost::asio;

}  // namespace bondway
