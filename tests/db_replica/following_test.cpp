#include "db/replica/following.hpp"

#include <gmock/gmock.h>

#include "tests/db_replica/fixture.hpp"

namespace bondway::replica {
namespace {

using db::Datum;
using nlohmann::json;

/// Another release's idea of the same database.
db::Schema other_schema() {
  return db::Schema::parse(json::parse(R"({
    "name": "Test", "version": "2.0.0", "tables": {
      "Box": {"isRoot": true, "columns": {
        "name": {"type": "string"},
        "kind": {"type": {"key": {"type": "string", "enum": ["set", ["", "huge"]]}}},
        "weight": {"type": {"key": "real", "min": 0, "max": 1}},
        "colour": {"type": "string"}}},
      "Lid": {"columns": {"name": {"type": "string"}}}}})"))
      .value();
}

class FollowingTest : public testing::Test {
 protected:
  db::Result<db::RowPtr> read(const Following& following, const char* update,
                              Format format = Format::differences, db::RowPtr before = nullptr) {
    json updates;
    updates["Box"][kBox] = json::parse(update);
    const auto news =
        following.read(updates, format, [&](const auto&, const auto&) { return before; });
    if (!news) return tl::unexpected(news.error());
    return news->at(0).row;
  }
  const Datum& column(const db::RowPtr& row, const char* name) {
    return row->columns[*ours.find("Box")->find(name)];
  }

  db::Schema ours = test_schema();
  db::Schema theirs = other_schema();
};

TEST_F(FollowingTest, AsksForWhatBothSchemasHave) {
  const Following following(ours, theirs);
  EXPECT_EQ(following.monitor_requests(),
            json::parse(R"({"Box": [{"columns": ["kind", "name"]}]})"))
      << "weight is of another type, colour unknown to us, Thing to them";
}

TEST_F(FollowingTest, TakesAValueThatOurSchemaWouldRefuse) {
  const auto row = read(Following(ours, theirs), R"({"insert": {"kind": "huge", "name": "a"}})");
  ASSERT_TRUE(row);
  EXPECT_EQ(column(*row, "kind"), Datum(text("huge")));
}

TEST_F(FollowingTest, AColumnThatIsNotMentionedHoldsItsDefault) {  // ovsdb-server(7), <row-update2>
  const auto row = read(Following(ours, ours), R"({"initial": {"name": "a"}})");
  ASSERT_TRUE(row);
  EXPECT_EQ(column(*row, "kind"), Datum(text("")));
  EXPECT_EQ(column(*row, "weight"), Datum());
}

TEST_F(FollowingTest, AChangeIsADifference) {  // ovsdb-server(7), <row-update2>
  const Following following(ours, ours);
  const auto before = read(following, R"({"insert": {"name": "a", "weight": 3,
      "tags": ["set", [1, 2]], "notes": ["map", [["a", "1"], ["b", "2"]]]}})");
  ASSERT_TRUE(before);
  const auto after = read(following, R"({"modify": {"weight": ["set", []],
      "tags": ["set", [2, 3]], "notes": ["map", [["a", "9"], ["b", "2"], ["c", "3"]]]}})",
                          Format::differences, *before);
  ASSERT_TRUE(after);
  EXPECT_EQ(column(*after, "name"), Datum(text("a")));
  EXPECT_EQ(column(*after, "weight"), Datum());
  EXPECT_EQ(column(*after, "tags"), Datum::set({number(1), number(3)}));
  EXPECT_EQ(column(*after, "notes"), Datum::map({{text("a"), text("9")}, {text("c"), text("3")}}));
}

TEST_F(FollowingTest, WholeRowsOfOlderServers) {  // RFC 7047, 4.1.6
  const Following following(ours, ours);
  const auto row = read(following, R"({"old": {"name": "a"}, "new": {"name": "b", "weight": 1}})",
                        Format::whole_rows);
  ASSERT_TRUE(row);
  EXPECT_EQ(column(*row, "name"), Datum(text("b")));
  EXPECT_EQ(read(following, R"({"old": {"name": "a"}})", Format::whole_rows), nullptr);
}

TEST_F(FollowingTest, NonsenseIsAnError) {
  const Following following(ours, ours);
  for (const char* update : {R"({"modify": {"name": "a"}})", R"({"insert": {"name": 7}})", "{}",
                             R"({"insert": []})", "7"}) {
    SCOPED_TRACE(update);
    EXPECT_FALSE(read(following, update));
  }
  const auto none = [](const auto&, const auto&) { return nullptr; };
  for (const char* updates : {"[]", R"({"Lid": {}})", R"({"Box": []})", R"({"Box": {"x": {}}})"}) {
    SCOPED_TRACE(updates);
    EXPECT_FALSE(following.read(json::parse(updates), Format::differences, none));
  }
}

}  // namespace
}  // namespace bondway::replica
