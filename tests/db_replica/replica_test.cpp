#include "db/replica/replica.hpp"

#include <gmock/gmock.h>

#include "db/engine/transaction.hpp"
#include "tests/db_replica/fixture.hpp"

namespace bondway::replica {
namespace {

using db::Datum;
using nlohmann::json;
using testing::SizeIs;

/// A replica of one box that holds one thing, and what its observers see.
class ReplicaTest : public testing::Test {
 protected:
  ReplicaTest() {
    replica.connect(replica.database().schema());
    EXPECT_TRUE(replica.replace(contents(), Format::differences));
    subscription =
        replica.database().observe([this](const db::Changes& changes) { seen.push_back(changes); });
    replica.on_written = [this] { ++written; };
  }

  static json contents() {
    json all;
    all["Box"][kBox]["initial"] = {{"name", "a"}, {"weight", 1}, {"things", {"uuid", kThing}}};
    all["Thing"][kThing]["initial"] = {{"name", "thing"}};
    return all;
  }

  void update(const char* table, const std::string& row, const char* text) {
    json updates;
    updates[table][row] = json::parse(text);
    EXPECT_TRUE(replica.update(updates, Format::differences));
  }

  /// As a user of the database would.
  void set(const char* column, Datum value) {
    db::Transaction transaction(replica.database());
    transaction.set(box, uuid(kBox), column, std::move(value));
    ASSERT_TRUE(transaction.commit());
    replica.database().flush();
    seen.clear();
  }

  Datum get(const char* column) {
    return replica.database().find(box, uuid(kBox))->columns[*box.find(column)];
  }

  static json writing(const char* columns) {
    json operation = json::parse(R"({"op": "update", "table": "Box"})");
    operation["where"] = {{"_uuid", "==", {"uuid", kBox}}};
    operation["row"] = json::parse(columns);
    json operations = json::array();
    operations.push_back(operation);
    return operations;
  }

  Replica replica{test_schema()};
  const db::Table& box = *replica.database().schema().find("Box");
  const db::Table& thing = *replica.database().schema().find("Thing");
  std::vector<db::Changes> seen;
  int written = 0;
  db::Subscription subscription;
};

TEST_F(ReplicaTest, ObserversSeeWhatTheServerCommits) {
  update("Box", kBox, R"({"modify": {"weight": 2}})");
  ASSERT_THAT(seen, SizeIs(1));
  ASSERT_THAT(seen[0], SizeIs(1));
  EXPECT_EQ(seen[0][0].uuid, uuid(kBox));
  EXPECT_EQ(seen[0][0].before->columns[*box.find("weight")], Datum(number(1)));
  EXPECT_EQ(seen[0][0].after->columns[*box.find("weight")], Datum(number(2)));
}

TEST_F(ReplicaTest, WhatTheServerSaysIsNotWrittenToIt) {
  update("Box", kBox, R"({"modify": {"weight": 2}})");
  EXPECT_EQ(written, 0);
  EXPECT_EQ(replica.take_writes(), json::array());
}

TEST_F(ReplicaTest, ReadingTheSameAgainChangesNothing) {
  ASSERT_TRUE(replica.replace(contents(), Format::differences));
  EXPECT_THAT(seen, SizeIs(0));
}

TEST_F(ReplicaTest, ReadingAgainIsOneCommitOfWhatDiffers) {
  json other;
  other["Box"][kBox]["initial"] = {{"name", "a"}, {"weight", 2}};
  other["Box"][kOtherBox]["initial"] = {{"name", "b"}};
  ASSERT_TRUE(replica.replace(other, Format::differences));
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_THAT(seen[0], SizeIs(3)) << "a box changed, one came, the thing went";
  EXPECT_EQ(get("weight"), Datum(number(2)));
  EXPECT_TRUE(replica.database().find(box, uuid(kOtherBox)));
  EXPECT_FALSE(replica.database().find(thing, uuid(kThing)));
}

TEST_F(ReplicaTest, CollectsNoGarbageAndRefusesNothingByItself) {
  update("Box", kBox,
         R"({"modify": {"things": ["uuid", "00000000-0000-4000-8000-00000000000d"]}})");
  EXPECT_EQ(get("things"), Datum()) << "the reference is gone";
  EXPECT_TRUE(replica.database().find(thing, uuid(kThing))) << "its row goes when the server says";
}

TEST_F(ReplicaTest, NonsenseLeavesEverythingAsItWas) {
  json updates;
  updates["Box"][kBox]["modify"] = {{"weight", 2}};
  updates["Box"][kOtherBox]["modify"] = {{"weight", 2}};  // there is none
  EXPECT_FALSE(replica.update(updates, Format::differences));
  EXPECT_EQ(get("weight"), Datum(number(1)));
}

TEST_F(ReplicaTest, WhatIsCommittedHereIsWritten) {
  set("weight", Datum(number(5)));
  EXPECT_EQ(written, 1);
  EXPECT_EQ(replica.take_writes(), writing(R"({"weight": 5})"));
}

TEST_F(ReplicaTest, TheEchoOfAWriteChangesNothing) {
  set("weight", Datum(number(5)));
  replica.take_writes();
  update("Box", kBox, R"({"modify": {"weight": 5}})");
  replica.done();
  EXPECT_THAT(seen, SizeIs(0));
  EXPECT_EQ(get("weight"), Datum(number(5)));
}

/// The difference in the echo counts from what the server had, not from what is here.
TEST_F(ReplicaTest, TheEchoOfASetOrMapIsNoToggle) {
  set("tags", *Datum::set({number(1), number(2)}));
  replica.take_writes();
  update("Box", kBox, R"({"modify": {"tags": ["set", [1, 2]]}})");
  replica.done();
  EXPECT_EQ(get("tags"), *Datum::set({number(1), number(2)}));
}

TEST_F(ReplicaTest, ALaterValueOutlivesTheEchoOfAnEarlierOne) {
  set("weight", Datum(number(5)));
  replica.take_writes();
  set("weight", Datum(number(6)));
  EXPECT_EQ(replica.take_writes(), json::array()) << "one request at a time";
  update("Box", kBox, R"({"modify": {"weight": 5}})");
  replica.done();
  EXPECT_EQ(get("weight"), Datum(number(6)));
  EXPECT_EQ(replica.take_writes(), writing(R"({"weight": 6})"));
}

TEST_F(ReplicaTest, WhatTheServerRefusedIsTakenBack) {
  set("weight", Datum(number(5)));
  replica.take_writes();
  replica.done();  // without an echo
  EXPECT_EQ(get("weight"), Datum(number(1)));
  EXPECT_EQ(replica.take_writes(), json::array());
}

TEST_F(ReplicaTest, OtherColumnsOfTheRowChangeMeanwhile) {
  set("weight", Datum(number(5)));
  update("Box", kBox, R"({"modify": {"kind": "big"}})");
  EXPECT_EQ(get("kind"), Datum(text("big")));
  EXPECT_EQ(get("weight"), Datum(number(5)));
}

TEST_F(ReplicaTest, WhatWasBeingWrittenIsWrittenAgainOnTheNextConnection) {
  set("weight", Datum(number(5)));
  replica.take_writes();
  replica.connect(replica.database().schema());
  ASSERT_TRUE(replica.replace(contents(), Format::differences));
  EXPECT_EQ(get("weight"), Datum(number(5)));
  EXPECT_EQ(replica.take_writes(), writing(R"({"weight": 5})"));
}

TEST_F(ReplicaTest, ARowThatIsGoneIsNotWritten) {
  set("weight", Datum(number(5)));
  update("Box", kBox, R"({"delete": null})");
  EXPECT_EQ(replica.take_writes(), json::array());
}

TEST_F(ReplicaTest, AColumnThatTheServerLacksIsNotWritten) {
  auto older = json::parse(R"({"name": "Test", "version": "0.9.0", "tables": {
      "Box": {"isRoot": true, "columns": {"name": {"type": "string"}}}}})");
  replica.connect(db::Schema::parse(older).value());
  json all;
  all["Box"][kBox]["initial"] = {{"name", "a"}};
  ASSERT_TRUE(replica.replace(all, Format::differences));
  set("weight", Datum(number(5)));
  EXPECT_EQ(replica.take_writes(), json::array());
}

}  // namespace
}  // namespace bondway::replica
