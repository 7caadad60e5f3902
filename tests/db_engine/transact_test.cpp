#include "db/engine/transact.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "db/engine/transaction.hpp"

namespace bondway::db {
namespace {

using nlohmann::json;
using State = TransactOutcome::State;
using namespace std::chrono_literals;

/// Ports on a root table of switches, as in the switch's own schema, but small.
constexpr const char* kSchema = R"({"name":"Lab","version":"1.0.0","tables":{
  "Switch":{"isRoot":true,"maxRows":2,"columns":{
    "name":{"type":"string","mutable":false},
    "ports":{"type":{"key":{"type":"uuid","refTable":"Port"},"min":0,"max":"unlimited"}},
    "mirror":{"type":{"key":{"type":"uuid","refTable":"Port","refType":"weak"},"min":0,"max":"unlimited"}},
    "settings":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
    "tags":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":4095},"min":0,"max":3}}}},
  "Port":{"indexes":[["name"],["slot","row"]],"columns":{
    "name":{"type":"string"},
    "slot":{"type":{"key":"integer","min":0}},
    "row":{"type":{"key":"integer","min":0}},
    "speed":{"type":{"key":"real","min":0}},
    "up":{"type":"boolean","ephemeral":true},
    "peer":{"type":{"key":{"type":"uuid","refTable":"Port"},"min":0}}}}}})";

class TransactTest : public testing::Test {
 protected:
  TransactOutcome attempt(const std::string& operations, const TransactContext& context = {}) {
    auto outcome = transact(database, json::parse("[\"Lab\"," + operations + "]"), context);
    database.flush();
    return outcome;
  }
  json run(const std::string& operations) { return attempt(operations).results; }

  /// The error of a transaction that fails in some operation or at commit.
  json error(const std::string& operations) {
    const auto outcome = attempt(operations);
    EXPECT_EQ(outcome.state, State::failed) << outcome.results;
    for (const json& result : outcome.results) {
      if (result.is_object() && result.contains("error")) return result;
    }
    return {};
  }

  std::size_t count(const char* table) const {
    return database.rows(*database.schema().find(table)).size();
  }

  json names(const std::string& where) {
    return run(R"({"op":"select","table":"Port","where":)" + where +
               R"(,"columns":["name"],"sort":["name"]})")[0]["rows"];
  }

  /// A switch with ports a and b.
  void make_switch() {
    const auto outcome = attempt(R"(
      {"op":"insert","table":"Port","uuid-name":"a","row":{"name":"a","slot":1,"row":1}},
      {"op":"insert","table":"Port","uuid-name":"b","row":{"name":"b","slot":1,"row":2,"speed":2.5}},
      {"op":"insert","table":"Switch","row":{"name":"s","ports":["set",[["named-uuid","a"],
        ["named-uuid","b"]]],"mirror":["named-uuid","a"]}})");
    ASSERT_EQ(outcome.state, State::done) << outcome.results;
  }

  Database database{*Schema::parse(json::parse(kSchema))};
};

TEST_F(TransactTest, ResultsStandInTheOrderOfOperations) {  // RFC 7047, 4.1.3
  const json results = run(R"({"op":"insert","table":"Switch","row":{"name":"s"}},
      {"op":"comment","comment":"x"},{"op":"update","table":"Switch","where":[],"row":{"tags":7}},
      {"op":"select","table":"Switch","where":[],"columns":["name","tags"]})");
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0]["uuid"][0], "uuid");
  EXPECT_EQ(results[1], json::object());
  EXPECT_EQ(results[2], json::parse(R"({"count":1})"));
  EXPECT_EQ(results[3], json::parse(R"({"rows":[{"name":"s","tags":7}]})"));
}

TEST_F(TransactTest, AFailedOperationUndoesAllAndTheRestIsNull) {
  const auto outcome = attempt(R"({"op":"insert","table":"Switch","row":{"name":"s"}},
      {"op":"select","table":"Nope","where":[]},{"op":"comment","comment":"x"})");
  EXPECT_EQ(outcome.state, State::failed);
  ASSERT_EQ(outcome.results.size(), 3U);
  EXPECT_EQ(outcome.results[1]["details"],
            "Parsing ovsdb operation 2 of 3 failed: No table named Nope.");
  EXPECT_EQ(outcome.results[2], nullptr);
  EXPECT_EQ(count("Switch"), 0U);
}

TEST_F(TransactTest, AnErrorAtCommitIsOneMoreResult) {
  const json results = run(R"({"op":"insert","table":"Switch","row":{"name":"s",
      "ports":["uuid","00000000-0000-0000-0000-000000000001"]}})");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1]["error"], "referential integrity violation");
  EXPECT_EQ(results[1]["details"],
            "Table Switch column ports row " + results[0]["uuid"][1].get<std::string>() +
                " references nonexistent row 00000000-0000-0000-0000-000000000001 in table Port.");
}

TEST_F(TransactTest, AnEmptyTransactionSucceeds) {
  EXPECT_EQ(transact(database, json::parse(R"(["Lab"])")).results, json::array());
}

TEST_F(TransactTest, RowsWithoutStrongReferenceAreCollected) {  // RFC 7047, 3.2 isRoot
  make_switch();
  EXPECT_EQ(count("Port"), 2U);
  run(R"({"op":"mutate","table":"Switch","where":[],"mutations":[["ports","delete",
      ["set",[]]]]},{"op":"insert","table":"Port","row":{"name":"orphan"}})");
  EXPECT_EQ(count("Port"), 2U);
  run(R"({"op":"update","table":"Switch","where":[],"row":{"ports":["set",[]]}})");
  EXPECT_EQ(count("Port"), 0U);
}

TEST_F(TransactTest, CollectionFollowsChainsAndIgnoresSelfReferences) {
  const json results = run(R"(
      {"op":"insert","table":"Port","uuid-name":"c","row":{"name":"c","peer":["named-uuid","c"]}},
      {"op":"insert","table":"Port","uuid-name":"b","row":{"name":"b","slot":2,"peer":["named-uuid","c"]}},
      {"op":"insert","table":"Port","uuid-name":"a","row":{"name":"a","slot":3,"peer":["named-uuid","b"]}},
      {"op":"insert","table":"Switch","row":{"ports":["named-uuid","a"]}})");
  EXPECT_EQ(count("Port"), 3U) << results;
  run(R"({"op":"delete","table":"Switch","where":[]})");
  EXPECT_EQ(count("Port"), 0U);
}

TEST_F(TransactTest, WeakReferencesToVanishedRowsVanish) {  // RFC 7047, 3.2 refType
  make_switch();
  const json a = run(R"({"op":"select","table":"Port","where":[["name","==","a"]],
                         "columns":["_uuid"]})")[0]["rows"][0]["_uuid"];
  run(R"({"op":"mutate","table":"Switch","where":[],"mutations":[["ports","delete",)" + a.dump() +
      "]]}");
  EXPECT_EQ(run(R"({"op":"select","table":"Switch","where":[],"columns":["mirror"]})")[0]["rows"][0]
                                                                                      ["mirror"],
            json::parse(R"(["set",[]])"));
}

TEST_F(TransactTest, AReferencedRowCannotBeDeleted) {
  make_switch();
  const json refused = error(R"({"op":"delete","table":"Port","where":[["name","==","a"]]})");
  EXPECT_EQ(refused["error"], "referential integrity violation");
  EXPECT_TRUE(refused["details"].get<std::string>().starts_with("cannot delete Port row "));
  EXPECT_TRUE(
      refused["details"].get<std::string>().ends_with(" because of 1 remaining reference(s)"));
}

TEST_F(TransactTest, MaxRowsCountsAfterTheWholeTransaction) {
  run(R"({"op":"insert","table":"Switch","row":{}},{"op":"insert","table":"Switch","row":{}})");
  EXPECT_EQ(
      error(R"({"op":"insert","table":"Switch","row":{}})")["details"],
      "transaction causes \"Switch\" table to contain 3 rows, greater than the schema-defined "
      "limit of 2 row(s)");
  EXPECT_EQ(attempt(R"({"op":"insert","table":"Switch","row":{}},
                       {"op":"delete","table":"Switch","where":[]})")
                .state,
            State::done);
}

TEST_F(TransactTest, IndexesAreUniqueAtTheEnd) {  // RFC 7047, 3.2 indexes
  make_switch();
  const std::string refused = error(R"({"op":"update","table":"Port","where":[["name","==","b"]],
      "row":{"name":"a"}})")["details"];
  EXPECT_NE(
      refused.find("identical values (a) for index on column \"name\".  First row, with UUID "),
      std::string::npos)
      << refused;
  EXPECT_NE(
      refused.find("existed in the database before this transaction and was not modified by the "
                   "transaction.  Second row"),
      std::string::npos);
  EXPECT_NE(refused.find("had the following index values before the transaction: b."),
            std::string::npos);
  EXPECT_EQ(
      error(R"({"op":"update","table":"Port","where":[["name","==","b"]],"row":{"row":1}})")
          ["details"]
              .get<std::string>()
              .substr(0, 104),
      "Transaction causes multiple rows in \"Port\" table to have identical values (1 and 1) for "
      "index on columns");
}

TEST_F(TransactTest, TwoRowsMaySwapTheirNames) {
  make_switch();
  const auto outcome = attempt(R"(
      {"op":"update","table":"Port","where":[["name","==","a"]],"row":{"name":"tmp"}},
      {"op":"update","table":"Port","where":[["name","==","b"]],"row":{"name":"a"}},
      {"op":"update","table":"Port","where":[["name","==","tmp"]],"row":{"name":"b"}})");
  EXPECT_EQ(outcome.state, State::done) << outcome.results;
  EXPECT_EQ(run(R"({"op":"select","table":"Port","where":[["name","==","a"]],"columns":["speed"]})")
                [0]["rows"],
            json::parse(R"([{"speed":2.5}])"));
}

TEST_F(TransactTest, LookupsByKeySeeRowsOfTheSameTransaction) {
  const json results = run(R"({"op":"insert","table":"Port","row":{"name":"x"}},
      {"op":"insert","table":"Port","row":{"name":"x"}},
      {"op":"select","table":"Port","where":[["name","==","x"]]},
      {"op":"update","table":"Port","where":[["name","==","x"]],"row":{"name":"y"}},
      {"op":"select","table":"Port","where":[["name","==","x"]]},
      {"op":"delete","table":"Port","where":[["name","==","y"]]})");
  EXPECT_EQ(results[2]["rows"].size(), 2U);
  EXPECT_EQ(results[3]["count"], 2);
  EXPECT_EQ(results[4]["rows"].size(), 0U);
  EXPECT_EQ(results[5]["count"], 2);
}

TEST_F(TransactTest, ConditionsFollowTheTypeOfTheColumn) {  // RFC 7047, 5.1 <function>
  make_switch();
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", R"([{"name":"a"},{"name":"b"}])"},
      {R"([["name","==","a"]])", R"([{"name":"a"}])"},
      {R"([["name","!=","a"]])", R"([{"name":"b"}])"},
      {R"([["row",">",1]])", R"([{"name":"b"}])"},
      {R"([["row",">=",1],["row","<",2]])", R"([{"name":"a"}])"},
      {R"([["speed","<",9]])", R"([{"name":"b"}])"},
      {R"([["speed","==",["set",[]]]])", R"([{"name":"a"}])"},
      {R"([["slot","includes",1]])", R"([{"name":"a"},{"name":"b"}])"},
      {R"([["speed","excludes",2.5]])", R"([{"name":"a"}])"},
      {R"([false])", R"([])"},
      {R"([true,["name","includes","b"]])", R"([{"name":"b"}])"}};
  for (const auto& [where, expected] : cases)
    EXPECT_EQ(names(where), json::parse(expected)) << where;
}

TEST_F(TransactTest, MutatorsCalculateAndEdit) {  // RFC 7047, 5.1 <mutator>
  run(R"({"op":"insert","table":"Switch","row":{"tags":["set",[1,2]],"settings":["map",[["a","1"],["b","2"]]]}})");
  const std::pair<const char*, const char*> cases[] = {
      {R"(["tags","+=",10])", R"({"tags":["set",[11,12]]})"},
      {R"(["tags","insert",["set",[12,5]]])", R"({"tags":["set",[5,11,12]]})"},
      {R"(["tags","delete",["set",[5,11,99]]])", R"({"tags":12})"},
      {R"(["tags","%=",5])", R"({"tags":2})"},
      {R"(["settings","insert",["map",[["a","9"],["c","3"]]]])",
       R"({"settings":["map",[["a","1"],["b","2"],["c","3"]]]})"},
      {R"(["settings","delete",["map",[["a","0"],["b","2"]]]])",
       R"({"settings":["map",[["a","1"],["c","3"]]]})"},
      {R"(["settings","delete",["set",["a","x"]]])", R"({"settings":["map",[["c","3"]]]})"}};
  for (const auto& [mutation, expected] : cases) {
    SCOPED_TRACE(mutation);
    const json row = json::parse(expected);
    const json results =
        run(R"({"op":"mutate","table":"Switch","where":[],"mutations":[)" + std::string(mutation) +
            R"(]},{"op":"select","table":"Switch","where":[],
                             "columns":[")" +
            row.begin().key() + R"("]})");
    EXPECT_EQ(results[1]["rows"][0], row) << results;
  }
}

TEST_F(TransactTest, MutatorsReportWhatCannotBe) {
  run(R"({"op":"insert","table":"Switch","row":{"tags":["set",[1,2,3]]}})");
  const std::pair<const char*, json> cases[] = {
      {R"(["tags","/=",0])", {{"error", "domain error"}, {"details", "Division by zero."}}},
      {R"(["tags","*=",0])",
       {{"error", "constraint violation"},
        {"details", "Result of \"*=\" operation contains duplicates."}}},
      {R"(["tags","*=",9223372036854775807])",
       {{"error", "constraint violation"},
        {"details", "9223372036854775807 is not in the valid range 0 to 4095 (inclusive)"}}},
      {R"(["tags","insert",9])",
       {{"error", "constraint violation"},
        {"details", "Attempted to store 4 elements in set of up to 3 integers."}}},
      {R"(["name","insert","x"])",
       {{"error", "constraint violation"},
        {"details", "Cannot mutate immutable column name in table Switch."},
        {"syntax", R"(["name","insert","x"])"}}}};
  for (const auto& [mutation, expected] : cases) {
    EXPECT_EQ(error(R"({"op":"mutate","table":"Switch","where":[],"mutations":[)" +
                    std::string(mutation) + "]}"),
              expected);
  }
}

TEST_F(TransactTest, NamesMayBeUsedBeforeTheirInsert) {  // RFC 7047, 5.1 <named-uuid>
  const auto outcome =
      attempt(R"({"op":"insert","table":"Switch","row":{"ports":["named-uuid","p"]}},
      {"op":"insert","table":"Port","uuid-name":"p","row":{"name":"p"}})");
  EXPECT_EQ(outcome.state, State::done);
  EXPECT_EQ(count("Port"), 1U);
  EXPECT_EQ(error(R"({"op":"insert","table":"Port","uuid-name":"q","row":{}},
                     {"op":"insert","table":"Port","uuid-name":"q","row":{}})")["error"],
            "duplicate uuid-name");
}

TEST_F(TransactTest, InsertMayBringItsUuid) {
  const std::string insert =
      R"({"op":"insert","table":"Switch","uuid":"01234567-89ab-cdef-0123-456789abcdef","row":{}})";
  EXPECT_EQ(run(insert)[0]["uuid"][1], "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(error(insert)["error"], "duplicate uuid");
}

TEST_F(TransactTest, ImmutableColumnsStayAsTheyAre) {
  make_switch();
  EXPECT_EQ(error(R"({"op":"update","table":"Switch","where":[],"row":{"name":"s"}})")["details"],
            "Cannot update immutable column name in table Switch.");
}

TEST_F(TransactTest, SelectedRowsAreDistinct) {
  make_switch();
  EXPECT_EQ(
      run(R"({"op":"select","table":"Port","where":[],"columns":["slot"]})")[0]["rows"].size(), 1U);
  EXPECT_EQ(run(R"({"op":"select","table":"Port","where":[],"columns":[]})")[0]["rows"],
            json::parse("[{}]"));
}

TEST_F(TransactTest, WaitBlocksUntilItsTimeout) {  // RFC 7047, 5.2.6
  const std::string wait = R"({"op":"wait","table":"Switch","where":[],"columns":["name"],
      "until":"==","rows":[{"name":"s"}],"timeout":500})";
  TransactContext context;
  context.elapsed = 499ms;
  const auto blocked = attempt(wait, context);
  EXPECT_EQ(blocked.state, State::blocked);
  EXPECT_EQ(blocked.deadline, 500ms);
  context.elapsed = 500ms;
  EXPECT_EQ(attempt(wait, context).results[0]["details"], "\"wait\" timed out after 500 ms");
  run(R"({"op":"insert","table":"Switch","row":{"name":"s"}})");
  EXPECT_EQ(attempt(wait, context).state, State::done);
}

TEST_F(TransactTest, WaitComparesARowsIdentity) {  // RFC 7047, 5.2.6, 3.2
  const json inserted = run(R"({"op":"insert","table":"Switch","row":{"name":"s"}})");
  const auto wait_for = [](const json& uuid) {
    return json{{"op", "wait"},
                {"table", "Switch"},
                {"where", json::array()},
                {"columns", {"_uuid", "name"}},
                {"until", "=="},
                {"rows", {{{"_uuid", uuid}, {"name", "s"}}}},
                {"timeout", 0}}
        .dump();
  };
  EXPECT_EQ(run(wait_for(inserted[0]["uuid"]))[0], json::object());
  const json other = {"uuid", "00000000-0000-4000-8000-000000000001"};
  EXPECT_EQ(run(wait_for(other))[0]["error"], "timed out");
}

TEST_F(TransactTest, ABlockedTransactionHasDoneNothing) {
  EXPECT_EQ(attempt(R"({"op":"insert","table":"Switch","row":{"name":"s"}},
      {"op":"wait","table":"Switch","where":[],"columns":["name"],"until":"!=","rows":[{"name":"s"}]})")
                .state,
            State::blocked);
  EXPECT_EQ(count("Switch"), 0U);
}

TEST_F(TransactTest, AssertAsksWhetherTheLockIsHeld) {  // RFC 7047, 5.2.10
  TransactContext context;
  context.holds_lock = [](std::string_view lock) { return lock == "mine"; };
  EXPECT_EQ(attempt(R"({"op":"assert","lock":"mine"})", context).state, State::done);
  EXPECT_EQ(attempt(R"({"op":"assert","lock":"other"})", context).results[0],
            json::parse(R"({"error":"not owner","details":"Asserted lock other not held."})"));
}

TEST_F(TransactTest, ATransactionMayNotBeTooMuchWork) {
  make_switch();
  TransactContext context;
  context.budget = 40;
  const std::string select = R"({"op":"select","table":"Port","where":[],"columns":["slot"]})";
  EXPECT_EQ(attempt(select, context).state, State::done);
  std::string many = select;
  for (int i = 0; i < 200; ++i) many += "," + select;
  const auto outcome = attempt(many, context);
  EXPECT_EQ(outcome.state, State::failed);
  EXPECT_NE(outcome.results.dump().find("resources exhausted"), std::string::npos);
}

TEST_F(TransactTest, AReadOnlyClientMayLook) {
  TransactContext context;
  context.access = Access::read_only;
  EXPECT_EQ(attempt(R"({"op":"select","table":"Port","where":[]})", context).state, State::done);
  EXPECT_EQ(attempt(R"({"op":"insert","table":"Port","row":{}})", context).results[0]["details"],
            "insert operation not allowed when database server is in read only mode");
  context.access = Access::reserved;
  EXPECT_EQ(attempt(R"({"op":"delete","table":"Port","where":[]})", context).results[0]["details"],
            "delete operation not allowed on table in reserved database Lab");
}

TEST_F(TransactTest, AbortUndoesAll) {
  EXPECT_EQ(error(R"({"op":"insert","table":"Switch","row":{}},{"op":"abort"})"),
            json::parse(R"({"error":"aborted","details":"aborted by request"})"));
  EXPECT_EQ(count("Switch"), 0U);
}

// Observers and the journal ----------------------------------------------------------------------

struct FakeJournal : Journal {
  void append(const Changes& changes, const CommitNote& note) override {
    appended += changes.size();
    last = note;
  }
  std::optional<Error> flush() override { return failure; }
  std::size_t appended = 0;
  CommitNote last;
  std::optional<Error> failure;
};

TEST_F(TransactTest, ObserversGetTheDifference) {
  make_switch();
  std::vector<Changes> seen;
  auto subscription = database.observe([&](const Changes& changes) { seen.push_back(changes); });
  run(R"({"op":"update","table":"Port","where":[["name","==","a"]],"row":{"up":true}})");
  ASSERT_EQ(seen.size(), 1U);
  ASSERT_EQ(seen[0].size(), 1U);
  const RowChange& change = seen[0][0];
  const std::size_t up = *change.table->find("up");
  EXPECT_EQ(change.before->columns[up], Datum(Atom(false)));
  EXPECT_EQ(change.after->columns[up], Datum(Atom(true)));
  EXPECT_NE(change.before->version, change.after->version);
  run(R"({"op":"update","table":"Port","where":[["name","==","a"]],"row":{"up":true}})");
  EXPECT_EQ(seen.size(), 1U) << "nothing changed, nobody hears of it";
  subscription = Subscription();
  run(R"({"op":"update","table":"Port","where":[["name","==","a"]],"row":{"up":false}})");
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(TransactTest, ACommitIsAnnouncedOnlyWhenItIsKept) {
  FakeJournal journal;
  database.keep_in(&journal);
  std::vector<std::string> events;
  auto subscription = database.observe([&](const Changes&) { events.emplace_back("change"); });
  transact(database, json::parse(R"(["Lab",{"op":"insert","table":"Switch","row":{}},
      {"op":"comment","comment":"one"},{"op":"comment","comment":"two"},{"op":"commit","durable":true}])"));
  database.when_flushed([&](const std::optional<Error>&) { events.emplace_back("reply 1"); });
  transact(database, json::parse(R"(["Lab",{"op":"insert","table":"Switch","row":{}}])"));
  database.when_flushed([&](const std::optional<Error>&) { events.emplace_back("reply 2"); });
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(journal.appended, 2U);
  EXPECT_FALSE(database.flush());
  EXPECT_EQ(events, (std::vector<std::string>{"change", "reply 1", "change", "reply 2"}));
  database.when_flushed([&](const std::optional<Error>&) { events.emplace_back("at once"); });
  EXPECT_EQ(events.back(), "at once");
}

TEST_F(TransactTest, TheJournalLearnsCommentAndDurability) {
  FakeJournal journal;
  database.keep_in(&journal);
  run(R"({"op":"insert","table":"Switch","row":{}},{"op":"comment","comment":"one"},
         {"op":"comment","comment":"two"},{"op":"commit","durable":true})");
  EXPECT_EQ(journal.last.comment, "one\ntwo");
  EXPECT_TRUE(journal.last.durable);
}

TEST_F(TransactTest, WhatTheJournalCouldNotKeepIsTakenBack) {
  make_switch();
  FakeJournal journal;
  journal.failure = Error{"I/O error", "disk full"};
  database.keep_in(&journal);
  int announced = 0;
  auto subscription = database.observe([&](const Changes&) { ++announced; });
  std::optional<Error> told;
  transact(
      database,
      json::parse(
          R"(["Lab",{"op":"update","table":"Port","where":[["name","==","a"]],"row":{"name":"x"}}])"));
  transact(
      database,
      json::parse(
          R"(["Lab",{"op":"update","table":"Switch","where":[],"row":{"ports":["set",[]]}}])"));
  database.when_flushed([&](const std::optional<Error>& error) { told = error; });
  EXPECT_EQ(count("Port"), 0U);
  EXPECT_EQ(database.flush(), journal.failure);
  EXPECT_EQ(told, journal.failure);
  EXPECT_EQ(announced, 0);
  EXPECT_EQ(names("[]"), json::parse(R"([{"name":"a"},{"name":"b"}])"));
  journal.failure.reset();
  EXPECT_EQ(attempt(R"({"op":"delete","table":"Port","where":[["name","==","a"]]})").state,
            State::failed)
      << "references are back, too";
  EXPECT_EQ(attempt(R"({"op":"delete","table":"Switch","where":[]})").state, State::done);
  EXPECT_EQ(count("Port"), 0U);
}

// Typed transactions -----------------------------------------------------------------------------

TEST_F(TransactTest, TypedChangesNeedNoJson) {
  const Table& switches = *database.schema().find("Switch");
  const Table& ports = *database.schema().find("Port");
  Transaction transaction(database);
  const Uuid port = transaction.insert(ports);
  transaction.set(ports, port, "name", Datum(Atom(std::string("p"))));
  const Uuid own = transaction.insert(switches);
  transaction.set(switches, own, "ports", Datum(Atom(port)));
  EXPECT_EQ(transaction.get(ports, port)->columns[*ports.find("name")],
            Datum(Atom(std::string("p"))));
  EXPECT_EQ(database.find(ports, port), nullptr) << "not before commit";
  const auto changes = transaction.commit();
  ASSERT_TRUE(changes);
  EXPECT_EQ(changes->size(), 2U);
  const Datum key[] = {Datum(Atom(std::string("p")))};
  EXPECT_EQ(database.find(ports, 0, key)->uuid, port);
  EXPECT_EQ(database.references(ports, port), 1U);
}

TEST_F(TransactTest, ATypedMistakeFailsTheCommit) {
  const Table& switches = *database.schema().find("Switch");
  Transaction transaction(database);
  const Uuid own = transaction.insert(switches);
  transaction.set(switches, own, "tags", Datum(Atom(std::int64_t{4096})));
  EXPECT_EQ(transaction.commit().error().details,
            "4096 is not in the valid range 0 to 4095 (inclusive)");
  Transaction other(database);
  other.set(switches, Uuid::random(), "tags", Datum());
  EXPECT_FALSE(other.commit());
  EXPECT_EQ(count("Switch"), 0U);
}

TEST_F(TransactTest, WithoutCommitNothingHappened) {
  { Transaction(database).insert(*database.schema().find("Switch")); }
  EXPECT_EQ(count("Switch"), 0U);
}

}  // namespace
}  // namespace bondway::db
