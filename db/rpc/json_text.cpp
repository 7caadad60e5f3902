#include "db/rpc/json_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace bondway::rpc {
namespace {

using nlohmann::json;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A number's text taken apart, so that "100e-2" is recognised as the integer 1 without rounding.
struct Decimal {
  bool negative = false;
  std::uint64_t digits = 0;  ///< without the trailing zeros
  bool exact = true;         ///< false: more digits than fit
  std::int64_t exponent = 0;

  void add(char digit) {
    const auto d = static_cast<unsigned>(digit - '0');
    if (digits > (std::numeric_limits<std::uint64_t>::max() - d) / 10) {
      exact = false;
      return;
    }
    digits = digits * 10 + d;
  }

  std::optional<std::int64_t> integer() const;
};

std::optional<std::int64_t> Decimal::integer() const {
  if (!exact) return std::nullopt;
  if (digits == 0) return 0;
  std::uint64_t magnitude = digits;
  std::int64_t power = exponent;
  for (; power < 0; ++power) {
    if (magnitude % 10 != 0) return std::nullopt;
    magnitude /= 10;
  }
  for (; power > 0; --power) {
    if (magnitude > std::numeric_limits<std::uint64_t>::max() / 10) return std::nullopt;
    magnitude *= 10;
  }
  const std::uint64_t limit = std::uint64_t{1} << 63;
  if (magnitude > limit || (magnitude == limit && !negative)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? ~magnitude + 1 : magnitude);
}

/// Recursive descent; the depth limit bounds the stack.
class Parser {
 public:
  Parser(std::string_view text, std::size_t depth)
      : text_(text), at_(text.data()), end_(text.data() + text.size()), depth_left_(depth) {}

  Result<json> document() {
    json value;
    skip_space();
    if (!parse_value(value)) return error();
    skip_space();
    if (at_ != end_) {
      refuse("trailing garbage");
      return error();
    }
    return value;
  }

 private:
  tl::unexpected<Error> error() const {
    return fail("{} at octet {}", why_, where_ - text_.data());
  }

  bool refuse(const char* why) {
    why_ = why;
    where_ = at_;
    return false;
  }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool parse_value(json& out) {
    if (at_ == end_) return refuse("value expected");
    switch (*at_) {
      case '{':
        return parse_object(out);
      case '[':
        return parse_array(out);
      case '"':
        out = std::string();
        return parse_string(out.get_ref<std::string&>());
      case 't':
        return parse_word("true", true, out);
      case 'f':
        return parse_word("false", false, out);
      case 'n':
        return parse_word("null", nullptr, out);
      default:
        return parse_number(out);
    }
  }

  template <typename T>
  bool parse_word(std::string_view word, T value, json& out) {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word)
      return refuse("invalid keyword");
    at_ += word.size();
    out = value;
    return true;
  }

  bool parse_array(json& out) {
    if (depth_left_ == 0) return refuse("nested too deep");
    --depth_left_;
    ++at_;
    out = json::array();
    auto& elements = out.get_ref<json::array_t&>();
    skip_space();
    if (!take(']')) {
      do {
        skip_space();
        if (!parse_value(elements.emplace_back())) return false;
        skip_space();
      } while (take(','));
      if (!take(']')) return refuse("',' or ']' expected");
    }
    ++depth_left_;
    return true;
  }

  bool parse_object(json& out) {
    if (depth_left_ == 0) return refuse("nested too deep");
    --depth_left_;
    ++at_;
    out = json::object();
    auto& members = out.get_ref<json::object_t&>();
    skip_space();
    if (!take('}')) {
      do {
        if (!parse_member(members)) return false;
        skip_space();
      } while (take(','));
      if (!take('}')) return refuse("',' or '}' expected");
    }
    ++depth_left_;
    return true;
  }

  bool parse_member(json::object_t& members) {
    skip_space();
    if (at_ == end_ || *at_ != '"') return refuse("member name expected");
    std::string name;
    if (!parse_string(name)) return false;
    skip_space();
    if (!take(':')) return refuse("':' expected");
    skip_space();
    return parse_value(members[std::move(name)]);
  }

  bool parse_string(std::string& out) {
    ++at_;
    while (true) {
      const char* plain = at_;
      while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20)
        ++at_;
      out.append(plain, at_);
      if (at_ == end_) return refuse("string without an end");
      if (*at_ == '"') break;
      if (*at_ != '\\') return refuse("control character in a string");
      ++at_;
      if (!parse_escape(out)) return false;
    }
    ++at_;
    return true;
  }

  bool parse_escape(std::string& out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ == end_) return refuse("string without an end");
    if (*at_ == 'u') return parse_unicode(out);
    const std::size_t which = kLetters.find(*at_);
    if (which == std::string_view::npos) return refuse("bad escape");
    out += kMeanings[which];
    ++at_;
    return true;
  }

  std::optional<unsigned> hex4() {
    if (end_ - at_ < 5 || *at_ != 'u') return std::nullopt;
    unsigned code = 0;
    const auto [stop, failure] = std::from_chars(at_ + 1, at_ + 5, code, 16);
    if (failure != std::errc() || stop != at_ + 5) return std::nullopt;
    at_ += 5;
    return code;
  }

  bool parse_unicode(std::string& out) {
    std::optional<unsigned> code = hex4();
    if (!code) return refuse("bad \\u escape");
    if (*code == 0) return refuse("a string may not contain \\u0000");
    if (*code >= 0xd800 && *code < 0xdc00) {
      if (!take('\\')) return refuse("half a surrogate pair");
      const std::optional<unsigned> low = hex4();
      if (!low || *low < 0xdc00 || *low > 0xdfff) return refuse("half a surrogate pair");
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
    }
    append_utf8(out, *code);
    return true;
  }

  static void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
      return;
    }
    if (code < 0x800) {
      out += static_cast<char>(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
      out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    }
    out += static_cast<char>(0x80 | (code & 0x3f));
  }

  bool parse_number(json& out) {
    const char* begin = at_;
    Decimal number;
    number.negative = take('-');
    if (at_ == end_ || !is_digit(*at_)) return refuse("value expected");
    if (*at_ == '0' && end_ - at_ > 1 && is_digit(at_[1])) return refuse("leading zero");
    while (at_ != end_ && is_digit(*at_)) number.add(*at_++);
    if (take('.') && !parse_fraction(number)) return refuse("digit expected");
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (!parse_exponent(number)) return refuse("digit expected");
    }
    if (const auto integer = number.integer()) {
      out = *integer;
      return true;
    }
    return parse_real(std::string(begin, at_), out);
  }

  bool parse_fraction(Decimal& number) {
    if (at_ == end_ || !is_digit(*at_)) return false;
    std::int64_t zeros = 0;  // trailing ones do not count
    for (; at_ != end_ && is_digit(*at_); ++at_) {
      if (*at_ == '0') {
        ++zeros;
        continue;
      }
      for (; zeros > 0; --zeros, --number.exponent) number.add('0');
      number.add(*at_);
      --number.exponent;
    }
    return true;
  }

  bool parse_exponent(Decimal& number) {
    const bool negative = take('-');
    if (!negative) take('+');
    if (at_ == end_ || !is_digit(*at_)) return false;
    std::int64_t exponent = 0;
    for (; at_ != end_ && is_digit(*at_); ++at_)
      if (exponent < 1'000'000) exponent = exponent * 10 + (*at_ - '0');
    number.exponent += negative ? -exponent : exponent;
    return true;
  }

  /// Out of the integers' range, or with a fraction that counts, or with more digits than we keep.
  bool parse_real(const std::string& number, json& out) {
    const double value = std::strtod(number.c_str(), nullptr);
    if (!std::isfinite(value)) return refuse("number out of range");
    if (value != 0 && !std::isnormal(value)) return refuse("number out of range");
    constexpr double kLimit = 9223372036854775808.0;
    if (value == std::trunc(value) && value > -kLimit && value < kLimit)
      out = static_cast<std::int64_t>(value);
    else
      out = value;
    return true;
  }

  std::string_view text_;
  const char* at_;
  const char* end_;
  std::size_t depth_left_;
  const char* why_ = "";
  const char* where_ = nullptr;
};

void append_object(std::string& out, const json::object_t& members) {
  char separator = '{';
  for (const auto& [name, value] : members) {
    out += separator;
    append_string(out, name);
    out += ':';
    append_text(out, value);
    separator = ',';
  }
  out += members.empty() ? "{}" : "}";
}

void append_array(std::string& out, const json::array_t& elements) {
  char separator = '[';
  for (const json& element : elements) {
    out += separator;
    append_text(out, element);
    separator = ',';
  }
  out += elements.empty() ? "[]" : "]";
}

}  // namespace

Result<json> parse_json(std::string_view text, std::size_t depth) {
  return Parser(text, depth).document();
}

void append_real(std::string& out, double value) {
  constexpr double kLimit = 9223372036854775808.0;
  if (value == std::trunc(value) && value > -kLimit && value < kLimit) {
    out += fmt::format_int(static_cast<std::int64_t>(value)).c_str();
    return;
  }
  std::array<char, 40> digits{};
  const int length = std::snprintf(digits.data(), digits.size(), "%.15g", value);
  out.append(digits.data(), static_cast<std::size_t>(length));
}

void append_string(std::string& out, std::string_view string) {
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < string.size(); ++i) {
    static constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kLetters = "\"\\bfnrt";
    const auto c = static_cast<unsigned char>(string[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(string, plain, i - plain);
    plain = i + 1;
    const std::size_t which = kSpecial.find(string[i]);
    if (which != std::string_view::npos)
      (out += '\\') += kLetters[which];
    else
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
  }
  out.append(string, plain);
  out += '"';
}

void append_text(std::string& out, const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return append_object(out, value.get_ref<const json::object_t&>());
    case json::value_t::array:
      return append_array(out, value.get_ref<const json::array_t&>());
    case json::value_t::string:
      return append_string(out, value.get_ref<const std::string&>());
    case json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case json::value_t::number_integer:
      out += fmt::format_int(value.get<std::int64_t>()).c_str();
      return;
    case json::value_t::number_unsigned:
      out += fmt::format_int(value.get<std::uint64_t>()).c_str();
      return;
    case json::value_t::number_float:
      return append_real(out, value.get<double>());
    default:
      out += "null";
  }
}

std::string to_text(const json& value) {
  std::string out;
  append_text(out, value);
  return out;
}

}  // namespace bondway::rpc
