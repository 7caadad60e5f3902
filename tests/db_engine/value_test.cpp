#include "db/engine/value.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "db/engine/text.hpp"
#include "db/engine/utf8.hpp"

namespace bondway::db {
namespace {

Atom integer(std::int64_t number) { return Atom(number); }
Atom text(const char* words) { return Atom(std::string(words)); }

TEST(UuidTest, ReadsEitherCaseAndWritesLowerCase) {
  const auto uuid = Uuid::parse("01234567-89AB-cdef-0123-456789ABCDEF");
  ASSERT_TRUE(uuid);
  EXPECT_EQ(to_string(*uuid), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(to_string(Uuid()), "00000000-0000-0000-0000-000000000000");
}

TEST(UuidTest, RefusesEverythingElse) {
  for (const char* bad :
       {"", "x", "01234567-89ab-cdef-0123-456789abcdeg", "01234567-89ab-cdef-0123-456789abcdef ",
        "0123456789ab-cdef-0123-456789abcdef--", "01234567089ab-cdef-0123-456789abcdef"}) {
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  }
}

TEST(UuidTest, RandomOnesDifferAndAreOfVersionFour) {
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = Uuid::random();
    EXPECT_EQ(to_string(uuid)[14], '4');
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(DatumTest, SetsAreSortedWithoutDuplicates) {
  const auto set = Datum::set({integer(3), integer(-1), integer(2)});
  ASSERT_TRUE(set);
  EXPECT_TRUE(std::ranges::equal(set->keys(), std::vector{integer(-1), integer(2), integer(3)}));
  EXPECT_FALSE(Datum::set({integer(3), integer(3)}));
}

TEST(DatumTest, MapsAreSortedByKeyWithoutDuplicateKeys) {
  const auto map = Datum::map({{text("b"), integer(1)}, {text("a"), integer(2)}});
  ASSERT_TRUE(map);
  EXPECT_EQ(*map->find(text("a")), integer(2));
  EXPECT_EQ(map->find(text("c")), nullptr);
  EXPECT_FALSE(Datum::map({{text("b"), integer(1)}, {text("b"), integer(2)}}));
}

TEST(DatumTest, InsertAndEraseKeepTheOrder) {
  Datum map;
  map.insert(text("b"), integer(1));
  map.insert(text("a"), integer(2));
  map.insert(text("b"), integer(3));
  EXPECT_EQ(map, *Datum::map({{text("a"), integer(2)}, {text("b"), integer(3)}}));
  EXPECT_TRUE(map.erase(text("a")));
  EXPECT_FALSE(map.erase(text("a")));
  EXPECT_EQ(map, *Datum::map({{text("b"), integer(3)}}));
}

TEST(DatumTest, ComparesSizeThenKeysThenValues) {
  const Datum nine(integer(9));
  const auto pair = *Datum::set({integer(1), integer(2)});
  const auto one = *Datum::map({{text("a"), integer(1)}});
  const auto two = *Datum::map({{text("a"), integer(2)}});
  EXPECT_TRUE(nine.compare(pair) < 0);
  EXPECT_TRUE(nine.compare(Datum(integer(8))) > 0);
  EXPECT_TRUE(one.compare(two) < 0);
  EXPECT_TRUE(pair.compare(pair) == 0);
}

TEST(TextTest, QuotesOnlyWhereNeeded) {  // ovs-vsctl(8), Database Values
  const std::pair<const char*, const char*> cases[] = {
      {"p1", "p1"},
      {"a.b-c", "a.b-c"},
      {"_x", "_x"},
      {"", "\"\""},
      {"10.0.0.1", "\"10.0.0.1\""},
      {"0br", "\"0br\""},
      {"a b", "\"a b\""},
      {"100", "\"100\""},
      {"true", "\"true\""},
      {"false", "\"false\""},
      {"-a", "\"-a\""},
      {"a\"\\\n\x01\x7f", "\"a\\\"\\\\\\n\\u0001\x7f\""},
      {"abcdef01-89ab-cdef-0123-456789abcdef", "\"abcdef01-89ab-cdef-0123-456789abcdef\""},
      {"\xc3\xa9", "\"\xc3\xa9\""}};
  for (const auto& [raw, shown] : cases) EXPECT_EQ(to_text(text(raw)), shown);
}

TEST(TextTest, PrintsRealsWithFifteenDigits) {
  EXPECT_EQ(to_text(Atom(0.25)), "0.25");
  EXPECT_EQ(to_text(Atom(3.0)), "3");
  EXPECT_EQ(to_text(Atom(1e300)), "1e+300");
  EXPECT_EQ(to_text(Atom(9223372036854775808.0)), "9.22337203685478e+18");
  EXPECT_EQ(to_text(Atom(1.0 / 3)), "0.333333333333333");
}

TEST(TextTest, PrintsDataByTheirType) {
  const ColumnType optional{.key = {.type = AtomicType::string}, .min = 0, .max = 1};
  const ColumnType set{.key = {}, .min = 0, .max = 5};
  const ColumnType map{
      .key = {.type = AtomicType::string}, .value = BaseType{}, .min = 0, .max = kUnlimited};
  EXPECT_EQ(to_text(Datum(), optional), "[]");
  EXPECT_EQ(to_text(Datum(text("x")), optional), "x");
  EXPECT_EQ(to_text(Datum(integer(7)), set), "[7]");
  EXPECT_EQ(to_text(*Datum::set({integer(7), integer(1)}), set), "[1, 7]");
  EXPECT_EQ(to_text(Datum(), map), "{}");
  EXPECT_EQ(to_text(*Datum::map({{text("k"), integer(1)}, {text("a b"), integer(2)}}), map),
            "{\"a b\"=2, k=1}");
}

TEST(TextTest, DescribesTypes) {
  const BaseType number{}, word{.type = AtomicType::string}, uuid{.type = AtomicType::uuid};
  EXPECT_EQ(describe({.key = number}), "integer");
  EXPECT_EQ(describe({.key = number, .min = 0, .max = 1}), "set of up to 1 integers");
  EXPECT_EQ(describe({.key = uuid, .min = 1, .max = kUnlimited}), "set of 1 or more uuids");
  EXPECT_EQ(describe({.key = word, .min = 0, .max = kUnlimited}), "set of strings");
  EXPECT_EQ(describe({.key = word, .min = 1, .max = 3}), "set of 1 to 3 strings");
  EXPECT_EQ(describe({.key = word, .value = word, .min = 0, .max = kUnlimited}),
            "map of (string, string) pairs");
}

TEST(Utf8Test, NamesTheBadSequence) {  // RFC 3629, 4
  const std::pair<std::string, std::string> cases[] = {{"\xff", "0xff"},
                                                       {"a\xc3", "0xc3 0x00"},
                                                       {"a\xc3(", "0xc3 0x28"},
                                                       {"\xe2\x82(", "0xe2 0x82 0x28"},
                                                       {"\xc0\x80", "0xc0"},
                                                       {"\xed\xa0\x80", "0xed 0xa0"},
                                                       {"\xf4\x90\x80\x80", "0xf4 0x90"},
                                                       {"\x80", "0x80"},
                                                       {"\xe0\x80\x80", "0xe0 0x80"},
                                                       {"x\xf5\x80\x80\x80", "0xf5"},
                                                       {"\xf0\x9f\x98", "0xf0 0x9f 0x98 0x00"}};
  for (const auto& [bad, sequence] : cases) {
    EXPECT_EQ(utf8_error(bad), "invalid UTF-8 sequence " + sequence);
  }
  EXPECT_FALSE(utf8_error("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_EQ(utf8_length("\xc3\xa9 \xf0\x9f\x98\x80"), 3U);
}

TEST(DatumTest, ManyElementsAreAddedAndRemovedAsOneByOne) {  // RFC 7047, 5.1 <mutation>
  const auto set = [](std::vector<Atom> atoms) { return *Datum::set(std::move(atoms)); };
  const auto map = [](std::vector<std::pair<Atom, Atom>> pairs) {
    return *Datum::map(std::move(pairs));
  };
  const auto integer = [](int number) { return Atom(std::int64_t{number}); };
  const Atom one = integer(1), two = integer(2), three = integer(3), nine = integer(9);

  Datum datum = set({one, three});
  datum.insert_missing(set({two, three}));
  EXPECT_EQ(datum, set({one, two, three}));
  datum.erase_all(set({one, three, nine}));
  EXPECT_EQ(datum, set({two}));

  Datum pairs = map({{one, nine}, {three, nine}});
  pairs.insert_missing(map({{one, two}, {two, two}}));
  EXPECT_EQ(pairs, map({{one, nine}, {two, two}, {three, nine}}));
  pairs.erase_all(map({{one, two}, {two, two}}));
  EXPECT_EQ(pairs, map({{one, nine}, {three, nine}}));
  pairs.erase_all(set({one}));
  EXPECT_EQ(pairs, map({{three, nine}}));
  pairs.erase_all(set({three}));
  EXPECT_TRUE(pairs.empty());
  pairs.insert_missing(map({{one, two}}));
  EXPECT_EQ(pairs, map({{one, two}}));

  std::vector<std::pair<Atom, Atom>> long_map;
  for (int i = 10; i < 40; ++i) long_map.emplace_back(integer(i), nine);
  Datum many = map(long_map);
  many.insert_missing(map({{integer(20), two}, {one, two}}));
  long_map.emplace_back(one, two);
  EXPECT_EQ(many, map(long_map));
}

}  // namespace
}  // namespace bondway::db
