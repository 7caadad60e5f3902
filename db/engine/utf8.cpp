#include "db/engine/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace bondway::db {

namespace {

/// RFC 3629, 4: how a sequence that begins with some octet must go on.
struct Sequence {
  std::size_t continuations = 0;
  std::uint8_t second_min = 0x80, second_max = 0xbf;  ///< later ones: always 0x80 to 0xbf
};

std::optional<Sequence> sequence_of(std::uint8_t first) {
  if (first >= 0xc2 && first <= 0xdf) return Sequence{1};
  if (first == 0xe0) return Sequence{2, 0xa0, 0xbf};
  if (first == 0xed) return Sequence{2, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return Sequence{2};
  if (first == 0xf0) return Sequence{3, 0x90, 0xbf};
  if (first >= 0xf1 && first <= 0xf3) return Sequence{3};
  if (first == 0xf4) return Sequence{3, 0x80, 0x8f};
  return std::nullopt;
}

/// Past the end stands a NUL: it shows in the message that the text ended too early.
std::uint8_t octet_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0;
}

std::string bad_sequence(std::string_view text, std::size_t begin, std::size_t last) {
  std::string why = "invalid UTF-8 sequence";
  for (std::size_t i = begin; i <= last; ++i) {
    why += fmt::format(" 0x{:02x}", unsigned{octet_at(text, i)});
  }
  return why;
}

}  // namespace

std::optional<std::string> utf8_error(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t begin = i;
    if (octet_at(text, i) < 0x80) continue;
    const auto sequence = sequence_of(octet_at(text, i));
    if (!sequence) return bad_sequence(text, begin, i);
    std::uint8_t min = sequence->second_min, max = sequence->second_max;
    for (std::size_t n = 0; n < sequence->continuations; ++n) {
      const std::uint8_t octet = octet_at(text, ++i);
      if (octet < min || octet > max) return bad_sequence(text, begin, i);
      min = 0x80;
      max = 0xbf;
    }
  }
  return std::nullopt;
}

std::size_t utf8_length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace bondway::db
