// How answers in JSON are shown; ovs-appctl(8), --format and --pretty of later releases.

#include "appctl/answer.hpp"

#include <gtest/gtest.h>

namespace bondway::appctl {
namespace {

using nlohmann::json;

TEST(Pretty, ClosesBracketsWhereTheLastElementEnds) {
  EXPECT_EQ(pretty(json::parse(R"({"b":[1,[],{"x":null}],"a":{},"c":"q\""})")),
            "{\n"
            "  \"a\": {},\n"
            "  \"b\": [\n"
            "    1,\n"
            "    [],\n"
            "    {\n"
            "      \"x\": null}],\n"
            "  \"c\": \"q\\\"\"}");
  EXPECT_EQ(pretty("text"), "\"text\"");
}

TEST(TypeName, IsTheJsonWord) {
  EXPECT_EQ(type_name(5), "number");
  EXPECT_EQ(type_name(json::object()), "object");
  EXPECT_EQ(type_name(true), "true");
  EXPECT_EQ(type_name(nullptr), "null");
}

}  // namespace
}  // namespace bondway::appctl
