#include "db/rpc/message.hpp"

#include "db/rpc/json_text.hpp"

namespace bondway::rpc {
namespace {

using nlohmann::json;

/// Takes a member out of an object; null if there is none.
json take(json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) return nullptr;
  json value = std::move(*member);
  object.erase(member);
  return value;
}

Result<Message> make_request(json method, json params, json id) {
  if (!method.is_string()) return fail("\"method\" is not a string");
  if (!params.is_array()) return fail("request without an array of \"params\"");
  return Request{std::move(method.get_ref<std::string&>()), std::move(params), std::move(id)};
}

Result<Message> make_reply(json id, json result, json error) {
  if (id.is_null()) return fail("reply without \"id\"");
  if (!result.is_null() && !error.is_null()) return fail("both \"result\" and \"error\"");
  return Reply{std::move(id), std::move(result), std::move(error)};
}

}  // namespace

Result<Message> parse_message(std::string_view text) {
  Result<json> parsed = parse_json(text);
  if (!parsed) return tl::unexpected(parsed.error());
  if (!parsed->is_object()) return fail("message is not an object");
  json& object = *parsed;
  json method = take(object, "method");
  json params = take(object, "params");
  json id = take(object, "id");
  const bool has_result = object.contains("result");
  json result = take(object, "result");
  json error = take(object, "error");
  if (!object.empty()) return fail("unexpected member \"{}\"", object.begin().key());

  if (!method.is_null()) {
    if (!result.is_null() || !error.is_null()) return fail("both request and reply");
    return make_request(std::move(method), std::move(params), std::move(id));
  }
  if (!params.is_null()) return fail("\"params\" without \"method\"");
  if (!has_result && error.is_null()) return fail("neither request nor reply");
  return make_reply(std::move(id), std::move(result), std::move(error));
}

std::string encode_request(std::string_view method, const json& params, const json& id) {
  std::string out = "{\"id\":";
  append_text(out, id);
  out += ",\"method\":";
  append_string(out, method);
  out += ",\"params\":";
  append_text(out, params);
  out += '}';
  return out;
}

std::string encode_notification(std::string_view method, const json& params) {
  return encode_request(method, params, nullptr);
}

std::string encode_notification_text(std::string_view method, std::string_view params) {
  std::string out = "{\"id\":null,\"method\":";
  out.reserve(params.size() + 64);
  append_string(out, method);
  out += ",\"params\":";
  out += params;
  out += '}';
  return out;
}

std::string encode_reply(const json& id, const json& result) {
  return encode_reply_text(id, to_text(result));
}

std::string encode_reply_text(const json& id, std::string_view result) {
  std::string out = "{\"id\":";
  out.reserve(result.size() + 64);
  append_text(out, id);
  out += ",\"result\":";
  out += result;
  out += ",\"error\":null}";
  return out;
}

std::string encode_error(const json& id, const json& error) {
  std::string out = "{\"id\":";
  append_text(out, id);
  out += ",\"error\":";
  append_text(out, error);
  out += '}';
  return out;
}

}  // namespace bondway::rpc
