#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "vswitchd/net/result.hpp"

namespace bondway::rpc {

/// A JSON-RPC 1.0 request; one whose id is null is a notification and gets no reply.
struct Request {
  std::string method;
  nlohmann::json params;  ///< an array
  nlohmann::json id;      ///< any JSON value

  bool is_notification() const { return id.is_null(); }
};

/// The answer to the request of that id: a result, or an error that is not null.
struct Reply {
  nlohmann::json id;
  nlohmann::json result;
  nlohmann::json error;

  bool is_error() const { return !error.is_null(); }
};

using Message = std::variant<Request, Reply>;

/// One message from its text.  An error means that the peer does not speak JSON-RPC 1.0 and that
/// the connection is to be closed: bad JSON, not an object, a member other than method, params, id,
/// result and error, params that are no array, neither request nor reply or both.  A member that is
/// null counts as absent, except the result and the id.
Result<Message> parse_message(std::string_view text);

/// The wire text of each kind.  Members come in the order in which servers send them.
std::string encode_request(std::string_view method, const nlohmann::json& params,
                           const nlohmann::json& id);
std::string encode_notification(std::string_view method, const nlohmann::json& params);
std::string encode_reply(const nlohmann::json& id, const nlohmann::json& result);
/// Without a "result" member, which clients of OVSDB accept as well as RFC 7047's null.
std::string encode_error(const nlohmann::json& id, const nlohmann::json& error);

/// The same from text made before, so that what goes to many clients is written once.
std::string encode_notification_text(std::string_view method, std::string_view params);
std::string encode_reply_text(const nlohmann::json& id, std::string_view result);

}  // namespace bondway::rpc
