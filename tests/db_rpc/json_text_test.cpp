#include "db/rpc/json_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bondway::rpc {
namespace {

/// What an OVSDB server answers to an echo of this text.
std::string echoed(std::string_view text) {
  const auto value = parse_json(text);
  return value ? to_text(*value) : "error";
}

TEST(JsonText, PrintsNumbersAsTheServerDoes) {
  struct Case {
    std::string_view text, echo;
  };
  const Case cases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.0", "0"},
      {"1e5", "100000"},
      {"1E+2", "100"},
      {"100e-2", "1"},
      {"0.1e1", "1"},
      {"1.5e1", "15"},
      {"1.0000000000000000001", "1"},
      {"0e99999", "0"},
      {"1e-400", "0"},
      {"1e18", "1000000000000000000"},
      {"-1e18", "-1000000000000000000"},
      {"922337203685477580.7e1", "9223372036854775807"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "9.22337203685478e+18"},
      {"-9223372036854775809", "-9.22337203685478e+18"},
      {"12345678901234567890123", "1.23456789012346e+22"},
      {"1e19", "1e+19"},
      {"0.1", "0.1"},
      {"1.5", "1.5"},
      {"123456789.123456789", "123456789.123457"},
      {"0.000000000000000000000000001", "1e-27"},
      {"1.7976931348623157e308", "1.79769313486232e+308"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(echoed(c.text), c.echo);
  }
}

TEST(JsonText, ReadsIntegersAsIntegers) {
  EXPECT_TRUE(parse_json("1.0")->is_number_integer());
  EXPECT_TRUE(parse_json("18446744073709551616")->is_number_float());
  EXPECT_TRUE(parse_json("9223372036854775808")->is_number_float());
}

TEST(JsonText, PrintsStringsAsTheServerDoes) {
  struct Case {
    std::string_view text, echo;
  };
  const Case cases[] = {
      {R"("\/")", R"("/")"},
      {R"("\"\\\b\f\n\r\t")", R"("\"\\\b\f\n\r\t")"},
      {R"("\u001f\u0001\u007F")", "\"\\u001f\\u0001\x7f\""},
      {R"("\u00e9\u00E9\u20ac")", "\"éé€\""},
      {R"("\ud83d\ude00")", "\"\xf0\x9f\x98\x80\""},
      {R"("\udc00")", "\"\xed\xb0\x80\""},
      {"\"\xff\xed\xa0\x80\"", "\"\xff\xed\xa0\x80\""},
      {R"("\u0041b")", R"("Ab")"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(echoed(c.text), c.echo);
  }
}

TEST(JsonText, SortsMembersAndKeepsTheLastOfAName) {
  EXPECT_EQ(echoed(R"( { "b" : [ ] , "a" : { } , "b" : [ null , true , false ] } )"),
            R"({"a":{},"b":[null,true,false]})");
}

TEST(JsonText, RefusesWhatTheServerClosesTheConnectionFor) {
  const std::string_view cases[] = {"",
                                    " ",
                                    "nul",
                                    "truee",
                                    "1 2",
                                    "[1,]",
                                    R"({"a":1,})",
                                    "{a:1}",
                                    "{\"a\" 1}",
                                    "{\"a\":1",
                                    "[1",
                                    "[1}",
                                    "{\"a\":1]",
                                    "\"a",
                                    "01",
                                    "-01",
                                    "+1",
                                    ".5",
                                    "1.",
                                    "-",
                                    "1e",
                                    "1e+",
                                    "1.e5",
                                    "0x10",
                                    "1e400",
                                    "1e99999999999999",
                                    "0.3e-308",
                                    "\"\\x\"",
                                    "\"\\U0041\"",
                                    "\"\t\"",
                                    "\"\\\"",
                                    "\"\\u12\"",
                                    "\"\\u12g4\"",
                                    "\"\\u0000\"",
                                    "\"\\ud800\"",
                                    "\"\\ud83dx\"",
                                    "\"\\ud83d\\u0041\"",
                                    "\"\\u-123\"",
                                    "\x0c"
                                    "1",
                                    "\xc2\xa0"
                                    "1",
                                    "\xef\xbb\xbf{}",
                                    "NaN",
                                    "Infinity",
                                    "'a'",
                                    "//\n1",
                                    "[,]",
                                    "{,}"};
  for (const std::string_view text : cases) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_json(text));
  }
  EXPECT_FALSE(parse_json(std::string_view("\"\0\"", 3)));
  EXPECT_FALSE(parse_json(std::string_view("1\0", 2)));
}

TEST(JsonText, RefusesNestingBeyondTheLimit) {
  EXPECT_TRUE(parse_json(std::string(1000, '[') + std::string(1000, ']')));
  EXPECT_FALSE(parse_json(std::string(1001, '[') + std::string(1001, ']')));
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
  EXPECT_TRUE(parse_json("[[],[]]", 2));
  EXPECT_FALSE(parse_json("[[],{\"a\":[]}]", 2));
}

TEST(JsonText, TellsWhereTheErrorIs) {
  EXPECT_EQ(parse_json("[1, nope]").error().message, "invalid keyword at octet 4");
}

}  // namespace
}  // namespace bondway::rpc
