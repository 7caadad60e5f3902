#include "db/engine/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "db/engine/json_text.hpp"

namespace bondway::db {
namespace {

using nlohmann::json;

const BaseType kInteger{};
const BaseType kString{.type = AtomicType::string};
const BaseType kUuid{.type = AtomicType::uuid};
const ColumnType kUpToFive{.key = {.min_integer = -5, .max_integer = 10}, .min = 0, .max = 5};
const ColumnType kMap{.key = kString, .value = kInteger, .min = 0, .max = kUnlimited};

struct BadCase {
  std::string json;
  ColumnType type;
  Error error;
};

TEST(JsonTest, RefusesWhatDoesNotFitTheType) {  // RFC 7047, 5.1
  const BadCase cases[] = {
      {R"("x")", {.key = kInteger}, {"syntax error", "expected integer", R"("x")"}},
      {"1.5", {.key = kInteger}, {"syntax error", "expected integer", "1.5"}},
      {"9223372036854775808",
       {.key = kInteger},
       {"syntax error", "expected integer", "9.22337203685478e+18"}},
      {R"(["set",[]])",
       {.key = kInteger},
       {"syntax error", "set must have exactly one member but 0 are present", R"(["set",[]])"}},
      {R"(["set"])",
       {.key = kInteger},
       {"syntax error", R"(expected ["set", <array>])", R"(["set"])"}},
      {R"(["foo",[]])", {.key = kString}, {"syntax error", "expected string", R"(["foo",[]])"}},
      {R"("x")", {.key = kUuid}, {"syntax error", R"(expected ["uuid", <string>])", R"("x")"}},
      {R"(["uuid","q"])",
       {.key = kUuid},
       {"syntax error", R"("q" is not a valid UUID)", R"(["uuid","q"])"}},
      {"11",
       kUpToFive,
       {"constraint violation", "11 is not in the valid range -5 to 10 (inclusive)", ""}},
      {R"(["set",[1,1]])", kUpToFive, {"ovsdb error", "set contains duplicate", ""}},
      {R"(["set",[1,2,3,4,5,6]])",
       kUpToFive,
       {"syntax error", "set must have 0 to 5 members but 6 are present",
        R"(["set",[1,2,3,4,5,6]])"}},
      {R"("x")", kMap, {"syntax error", R"(expected ["map", <array>])", R"("x")"}},
      {R"(["map",[["a"]]])", kMap, {"syntax error", "expected 2-element array", R"(["a"])"}},
      {R"(["map",[["a",1],["a",2]]])", kMap, {"ovsdb error", "map contains duplicate key", ""}},
      {R"(["map",[["a","b"]]])", kMap, {"syntax error", "expected integer", R"("b")"}},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.json);
    const auto datum = datum_from_json(json::parse(bad.json), bad.type);
    ASSERT_FALSE(datum);
    EXPECT_EQ(datum.error(), bad.error);
  }
}

TEST(JsonTest, AnIntegerMayBeWrittenAsAReal) {
  for (const char* one : {"1", "1.0", "1e0"}) {
    const auto datum = datum_from_json(json::parse(one), {.key = kInteger});
    ASSERT_TRUE(datum);
    EXPECT_EQ(*datum, Datum(Atom(std::int64_t{1})));
  }
}

TEST(JsonTest, OneElementNeedsNoSet) {  // RFC 7047, 5.1 <set>
  for (const char* one : {"7", R"(["set",[7]])"}) {
    const auto datum = datum_from_json(json::parse(one), kUpToFive);
    ASSERT_TRUE(datum);
    EXPECT_EQ(to_json(*datum, kUpToFive), json(7));
  }
}

TEST(JsonTest, WritesSetsAndMapsSorted) {
  const auto set = datum_from_json(json::parse(R"(["set",[3,1,2]])"), kUpToFive);
  EXPECT_EQ(json_text(to_json(*set, kUpToFive)), R"(["set",[1,2,3]])");
  const auto map = datum_from_json(json::parse(R"(["map",[["b",1],["a",2]]])"), kMap);
  EXPECT_EQ(json_text(to_json(*map, kMap)), R"(["map",[["a",2],["b",1]]])");
  EXPECT_EQ(json_text(to_json(Datum(), kMap)), R"(["map",[]])");
  EXPECT_EQ(json_text(to_json(Datum(), kUpToFive)), R"(["set",[]])");
}

TEST(JsonTest, NamedUuidsAreResolvedByTheCaller) {  // RFC 7047, 5.1 <named-uuid>
  const Uuid uuid = Uuid::random();
  const NameToUuid names = [&](const std::string& name) { return name == "row1" ? uuid : Uuid(); };
  const json named = json::parse(R"(["named-uuid","row1"])");
  EXPECT_EQ(*datum_from_json(named, {.key = kUuid}, names), Datum(Atom(uuid)));
  EXPECT_FALSE(datum_from_json(named, {.key = kUuid}));
  const auto bad = datum_from_json(json::parse(R"(["named-uuid","a b"])"), {.key = kUuid}, names);
  EXPECT_EQ(bad.error().details, "named-uuid string is not a valid <id>");
}

TEST(JsonTest, StringsMustBeUtf8) {
  const auto datum = datum_from_json(json(std::string("\xff")), {.key = kString});
  EXPECT_EQ(datum.error(), (Error{"constraint violation",
                                  "not a valid UTF-8 string: invalid UTF-8 sequence 0xff"}));
}

TEST(JsonTest, NamesTheAllowedValues) {
  const BaseType colour{
      .type = AtomicType::string,
      .allowed = {Atom(std::string("10")), Atom(std::string("a")), Atom(std::string("b c"))}};
  EXPECT_EQ(
      atom_from_json(json("x"), colour).error(),
      (Error{"constraint violation", "x is not one of the allowed values ([\"10\", a, \"b c\"])"}));
  EXPECT_TRUE(atom_from_json(json("b c"), colour));
}

TEST(JsonTest, NamesTheRangeAndTheLength) {
  const std::pair<BaseType, std::pair<json, std::string>> cases[] = {
      {{.min_integer = 3}, {json(2), "2 is less than minimum allowed value 3"}},
      {{.max_integer = 3}, {json(4), "4 is greater than maximum allowed value 3"}},
      {{.type = AtomicType::real, .min_real = -1.5, .max_real = 2.5},
       {json(3.5), "3.5 is not in the valid range -1.5 to 2.5 (inclusive)"}},
      {{.type = AtomicType::string, .min_length = 2},
       {json("\xc3\xa9"), "\"\xc3\xa9\" length 1 is less than minimum allowed length 2"}},
      {{.type = AtomicType::string, .max_length = 4},
       {json("abcde"), "\"abcde\" length 5 is greater than maximum allowed length 4"}},
  };
  for (const auto& [type, expected] : cases) {
    EXPECT_EQ(atom_from_json(expected.first, type).error(),
              (Error{"constraint violation", expected.second}));
  }
}

TEST(JsonTest, TextHasNoSpacesAndSortedMembers) {
  const json value = json::parse(R"({"b": [1, 2.5, 2.0, null, true], "a": "\u0001\"/\u00e9"})");
  EXPECT_EQ(json_text(value), "{\"a\":\"\\u0001\\\"/\xc3\xa9\",\"b\":[1,2.5,2,null,true]}");
}

}  // namespace
}  // namespace bondway::db
