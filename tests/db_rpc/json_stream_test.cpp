#include "db/rpc/json_stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bondway::rpc {
namespace {

/// Everything that comes out of `stream`, and then "error" if it broke.
std::vector<std::string> drain(JsonStream& stream) {
  std::vector<std::string> values;
  while (true) {
    const auto value = stream.next();
    if (!value) {
      values.emplace_back("error");
      return values;
    }
    if (!*value) return values;
    values.emplace_back(**value);
  }
}

std::vector<std::string> in_one_piece(std::string_view text) {
  JsonStream stream;
  stream.feed(text);
  return drain(stream);
}

std::vector<std::string> byte_by_byte(std::string_view text) {
  JsonStream stream;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < text.size(); ++i) {
    stream.feed(text.substr(i, 1));
    for (std::string& value : drain(stream)) {
      values.push_back(value);
      if (value == "error") return values;
    }
  }
  return values;
}

TEST(JsonStream, CutsTheStreamTheSameHoweverItArrives) {
  struct Case {
    std::string text;
    std::vector<std::string> values;
  };
  const Case cases[] = {
      {"", {}},
      {" \r\n\t ", {}},
      {"{}", {"{}"}},
      {"{}{}", {"{}", "{}"}},
      {" {\"a\":[1,{}]}\n[ ] ", {"{\"a\":[1,{}]}", "[ ]"}},
      {R"({"a":"}"}{"b":"\"}"})", {R"({"a":"}"})", R"({"b":"\"}"})"}},
      {R"(["\\"]["\\\""])", {R"(["\\"])", R"(["\\\""])"}},
      {R"("a""b")", {R"("a")", R"("b")"}},
      {"hello", {}},  // may go on
      {"hello ", {"hello"}},
      {"1 2\n3[4]", {"1", "2", "3", "[4]"}},
      {"{\"a\":1", {}},
      {"[\"", {}},
      {"}", {"error"}},
      {"{}]", {"{}", "error"}},
      {",", {"error"}},
      {"'", {"error"}},
      {"\xff", {"error"}},
      {std::string("\0", 1), {"error"}},
      {std::string("[\0]", 3), {"error"}},
      {"[\"\n\"]", {"error"}},
      {"\"\x01\"", {"error"}},
      {"[\x7f\"\xff\"]", {"[\x7f\"\xff\"]"}},  // for the parser to judge
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(in_one_piece(c.text), c.values);
    EXPECT_EQ(byte_by_byte(c.text), c.values);
  }
}

TEST(JsonStream, RefusesNestingBeyondItsLimitBeforeTheValueEnds) {
  EXPECT_EQ(in_one_piece(std::string(1000, '[')), std::vector<std::string>{});
  EXPECT_EQ(in_one_piece(std::string(1001, '[')), std::vector<std::string>{"error"});
  EXPECT_EQ(in_one_piece(std::string(1'000'000, '[')), std::vector<std::string>{"error"});
  EXPECT_EQ(in_one_piece(std::string(1000, '[') + std::string(1000, ']')).size(), 1U);
}

TEST(JsonStream, RefusesAMessageBeyondItsLimitBeforeItEnds) {
  JsonStream stream({.bytes = 10, .depth = 1000});
  stream.feed("\"12345678\"");
  EXPECT_EQ(drain(stream), std::vector<std::string>{"\"12345678\""});
  stream.feed("\"1234567890");
  EXPECT_EQ(drain(stream), std::vector<std::string>{"error"});
}

TEST(JsonStream, IsBrokenForGoodAfterAnError) {
  JsonStream stream;
  stream.feed("]");
  EXPECT_FALSE(stream.next());
  stream.feed("{}");
  EXPECT_FALSE(stream.next());
}

TEST(JsonStream, TellsWhatItHolds) {
  JsonStream stream;
  stream.feed("{}{\"a\"");
  EXPECT_EQ(stream.pending(), 6U);
  EXPECT_EQ(drain(stream), std::vector<std::string>{"{}"});
  EXPECT_EQ(stream.pending(), 4U);
}

TEST(JsonStream, NeedsTimeInProportionToTheBytes) {
  // A scan that started over with each piece would look at 2^41 bytes here.
  JsonStream stream;
  stream.feed("\"");
  const std::string piece(16, 'x');
  for (int i = 0; i < 1 << 17; ++i) {
    stream.feed(piece);
    ASSERT_TRUE(drain(stream).empty());
  }
  stream.feed("\"");
  EXPECT_EQ(drain(stream).at(0).size(), (std::size_t{16} << 17) + 2);
}

}  // namespace
}  // namespace bondway::rpc
