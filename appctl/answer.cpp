#include "appctl/answer.hpp"

#include "db/rpc/json_text.hpp"

namespace bondway::appctl {
namespace {

using nlohmann::json;

void append_pretty(std::string& out, const json& value, std::size_t depth) {
  if (!value.is_structured() || value.empty()) {
    rpc::append_text(out, value);
    return;
  }
  out += value.is_object() ? '{' : '[';
  const char* separator = "\n";
  for (auto element = value.begin(); element != value.end(); ++element) {
    out += separator;
    out.append((depth + 1) * 2, ' ');
    if (value.is_object()) {
      rpc::append_string(out, element.key());
      out += ": ";
    }
    append_pretty(out, *element, depth + 1);
    separator = ",\n";
  }
  out += value.is_object() ? '}' : ']';
}

}  // namespace

std::string pretty(const json& value) {
  std::string out;
  append_pretty(out, value, 0);
  return out;
}

std::string type_name(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  return value.type_name();
}

}  // namespace bondway::appctl
