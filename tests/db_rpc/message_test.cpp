#include "db/rpc/message.hpp"

#include <gtest/gtest.h>

namespace bondway::rpc {
namespace {

using nlohmann::json;

TEST(Message, RequestsNotificationsAndRepliesAreToldApart) {
  const auto request = parse_message(R"({"id":1,"method":"echo","params":[2]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<Request>(*request).method, "echo");
  EXPECT_EQ(std::get<Request>(*request).params, json::array({2}));
  EXPECT_FALSE(std::get<Request>(*request).is_notification());

  EXPECT_TRUE(std::get<Request>(*parse_message(R"({"id":null,"method":"m","params":[]})"))
                  .is_notification());
  EXPECT_TRUE(std::get<Request>(*parse_message(R"({"method":"m","params":[]})")).is_notification());

  EXPECT_EQ(std::get<Reply>(*parse_message(R"({"id":1,"result":[],"error":null})")).result,
            json::array());
  EXPECT_EQ(std::get<Reply>(*parse_message(R"({"id":1,"error":"x"})")).error, "x");
  EXPECT_TRUE(std::get<Reply>(*parse_message(R"({"id":1,"result":null,"error":"x"})")).is_error());
}

TEST(Message, NullMembersCountAsAbsent) {
  const auto request =
      parse_message(R"({"id":{"a":1},"method":"m","params":[],"error":null,"result":null})");
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<Request>(*request).id, json({{"a", 1}}));
}

TEST(Message, WhatIsNoJsonRpcIsAnError) {
  const char* const cases[] = {
      "",
      "hello",
      "1",
      "\"a\"",
      "[]",
      "{}",
      "{\"id\":1",
      R"({"id":1})",
      R"({"id":1,"method":"m","params":[],"x":null})",
      R"({"id":1,"method":"m","params":[],"jsonrpc":"2.0"})",
      R"({"id":1,"method":"m","params":[],"error":1})",
      R"({"id":1,"method":"m","params":[],"result":1})",
      R"({"id":1,"method":null,"params":[]})",
      R"({"id":1,"method":1,"params":[]})",
      R"({"id":1,"method":"m","params":{}})",
      R"({"id":1,"method":"m","params":null})",
      R"({"id":1,"method":"m"})",
      R"({"id":null,"result":1})",
      R"({"result":1})",
      R"({"id":1,"result":1,"error":1})",
      R"({"id":1,"error":"x","params":[]})",
  };
  for (const char* text : cases) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_message(text));
  }
}

TEST(Message, TheWireTextHasTheServersOrderOfMembers) {
  EXPECT_EQ(encode_request("echo", json::array(), "echo"),
            R"({"id":"echo","method":"echo","params":[]})");
  EXPECT_EQ(encode_notification("locked", {"l"}),
            R"({"id":null,"method":"locked","params":["l"]})");
  EXPECT_EQ(encode_reply(1, json::object()), R"({"id":1,"result":{},"error":null})");
  EXPECT_EQ(encode_error({1, "a"}, "canceled"), R"({"id":[1,"a"],"error":"canceled"})");
  EXPECT_EQ(encode_reply_text(7, "[]"), encode_reply(7, json::array()));
  EXPECT_EQ(encode_notification_text("m", "[1]"), encode_notification("m", {1}));
}

}  // namespace
}  // namespace bondway::rpc
