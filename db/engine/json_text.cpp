#include "db/engine/json_text.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

namespace bondway::db {

namespace {

using nlohmann::json;

void append_real(std::string& out, double number) {
  fmt::format_to(std::back_inserter(out), "{:.15g}", number);
}

void append_unsigned(std::string& out, std::uint64_t number) {
  if (number <= static_cast<std::uint64_t>(INT64_MAX)) {
    fmt::format_to(std::back_inserter(out), "{}", number);
  } else {
    append_real(out, static_cast<double>(number));
  }
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", unsigned{c});
  }
}

void append_array(std::string& out, const json& array) {
  out += '[';
  const char* separator = "";
  for (const json& element : array) {
    out += separator;
    append_json(out, element);
    separator = ",";
  }
  out += ']';
}

void append_object(std::string& out, const json& object) {
  out += '{';
  const char* separator = "";
  for (const auto& [name, member] : object.get_ref<const json::object_t&>()) {
    out += separator;
    append_json_string(out, name);
    out += ':';
    append_json(out, member);
    separator = ",";
  }
  out += '}';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // start of the run not yet copied
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    append_escaped(out, c);
    plain = i + 1;
  }
  out.append(text, plain);
  out += '"';
}

void append_json(std::string& out, const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return append_object(out, value);
    case json::value_t::array:
      return append_array(out, value);
    case json::value_t::string:
      return append_json_string(out, value.get_ref<const std::string&>());
    case json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case json::value_t::number_integer:
      fmt::format_to(std::back_inserter(out), "{}", value.get<std::int64_t>());
      return;
    case json::value_t::number_unsigned:
      return append_unsigned(out, value.get<std::uint64_t>());
    case json::value_t::number_float:
      return append_real(out, value.get<double>());
    default:
      out += "null";
  }
}

std::string json_text(const json& value) {
  std::string out;
  append_json(out, value);
  return out;
}

}  // namespace bondway::db
