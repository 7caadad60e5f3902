#include "db/server/session.hpp"

#include <algorithm>

#include "tests/db_server/fixture.hpp"

namespace bondway::server {
namespace {

using namespace std::chrono_literals;

std::string reply(std::string_view result) {
  return fmt::format(R"({{"id":1,"result":{},"error":null}})", result);
}
std::string insert_animal(int number, std::string_view more = "") {
  return fmt::format("{{'op':'insert','table':'Animal','uuid':'{}','row':{{'name':'a{}'{}}}}}",
                     uuid(number), number, more);
}
std::string inserted(int number) {
  return fmt::format(R"({{"uuid":["uuid","{}"]}})", uuid(number));
}

class SessionTest : public HostTest {
 protected:
  Client ann{host}, bob{host};
};

TEST_F(SessionTest, AnswersWhatConcernsNoDatabase) {
  EXPECT_EQ(ann.ask("echo", "[1,'x']"), Said{reply(R"([1,"x"])")});
  EXPECT_EQ(ann.ask("list_dbs", "[]"), Said{reply(R"(["Zoo","_Server"])")});
  EXPECT_EQ(ann.ask("get_server_id", "[]"), bob.ask("get_server_id", "[]"));
  EXPECT_EQ(ann.ask("nope", "[]"), Said{R"({"id":1,"error":"unknown method"})"});
  EXPECT_EQ(
      ann.ask("get_schema", "['Ark']"),
      Said{R"({"id":1,"error":{"details":"get_schema request specifies unknown database Ark",)"
           R"("error":"unknown database","syntax":"[\"Ark\"]"}})"});
}

TEST_F(SessionTest, EndsWithWhoeverSpeaksAnotherProtocol) {
  for (const char* message :
       {"1", "{}", R"({"id":1,"result":1,"error":null})", "nope", R"({"id":"echo","error":"no"})"})
    EXPECT_EQ(ann.say(message), Said{"closed"});
  EXPECT_EQ(ann.say(R"({"id":"echo","result":[],"error":null})"), Said{});  // to a probe
  EXPECT_EQ(ann.say(R"({"id":null,"method":"nope","params":[]})"), Said{});
}

TEST_F(SessionTest, AnUpdateComesBeforeTheReplyOfItsTransaction) {  // RFC 7047, 4.1.6
  ann.ask("monitor", "['Zoo','m',{'Animal':{'columns':['legs']}}]");
  EXPECT_EQ(ann.ask("transact", "['Zoo'," + insert_animal(1, ",'legs':4") + "]"),
            (Said{R"({"id":null,"method":"update","params":["m",{"Animal":{")" + uuid(1) +
                      R"(":{"new":{"legs":4}}}}]})",
                  reply("[" + inserted(1) + "]")}));
}

TEST_F(SessionTest, RepliesKeepTheOrderOfTheRequests) {
  const std::string insert = R"({"id":1,"method":"transact","params":["Zoo",{"op":"comment",)"
                             R"("comment":"c"}]})";
  ASSERT_TRUE(ann.session().receive(insert));
  ASSERT_TRUE(ann.session().receive(R"({"id":2,"method":"echo","params":[]})"));
  EXPECT_EQ(ann.heard(), (Said{reply("[{}]"), R"({"id":2,"result":[],"error":null})"}));
}

TEST_F(SessionTest, EveryKindOfMonitorReportsInItsOwnForm) {
  ann.ask("transact", "['Zoo'," + insert_animal(1, ",'tags':['set',['x','y']]") + "]");
  const std::string columns = "{'Animal':{'columns':['legs','tags']}}";
  const std::string none = "00000000-0000-0000-0000-000000000000";
  EXPECT_EQ(ann.ask("monitor", "['Zoo',1," + columns + "]"),
            Said{reply(R"({"Animal":{")" + uuid(1) +
                       R"(":{"new":{"legs":0,"tags":["set",["x","y"]]}}}})")});
  EXPECT_EQ(
      ann.ask("monitor_cond", "['Zoo',2," + columns + "]"),
      Said{reply(R"({"Animal":{")" + uuid(1) + R"(":{"initial":{"tags":["set",["x","y"]]}}}})")});
  EXPECT_EQ(ann.ask("monitor_cond_since", "['Zoo',3," + columns + ",'" + uuid(9) + "']"),
            Said{reply("[false,\"" + none + R"(",{"Animal":{")" + uuid(1) +
                       R"(":{"initial":{"tags":["set",["x","y"]]}}}}])")});
  const auto said = ann.ask(
      "transact",
      "['Zoo',{'op':'mutate','table':'Animal','where':[],'mutations':[['tags','insert','z'],"
      "['tags','delete','x']]}]");
  const std::string row = R"({"Animal":{")" + uuid(1) + "\":";
  EXPECT_EQ(
      said,
      (Said{
          R"({"id":null,"method":"update","params":[1,)" + row +
              R"({"old":{"tags":["set",["x","y"]]},"new":{"legs":0,"tags":["set",["y","z"]]}}}}]})",
          R"({"id":null,"method":"update2","params":[2,)" + row +
              R"({"modify":{"tags":["set",["x","z"]]}}}}]})",
          R"({"id":null,"method":"update3","params":[3,")" + none + "\"," + row +
              R"({"modify":{"tags":["set",["x","z"]]}}}}]})",
          reply(R"([{"count":1}])")}));
}

TEST_F(SessionTest, OthersHearOfATransaction) {
  bob.ask("monitor_cond", "['Zoo','m',{'Animal':{'columns':[]}}]");
  ann.ask("transact", "['Zoo'," + insert_animal(1) + "]");
  EXPECT_EQ(bob.heard(), Said{R"({"id":null,"method":"update2","params":["m",{"Animal":{")" +
                              uuid(1) + R"(":{"insert":{}}}}]})"});
}

TEST_F(SessionTest, AClientThatReadsSlowlyGetsTheSumOfTheChanges) {
  bob.ask("monitor_cond", "['Zoo','m',{'Animal':{'columns':['legs']}}]");
  bob.recorder.is_congested = true;
  ann.ask("transact", "['Zoo'," + insert_animal(1, ",'legs':1") + "," + insert_animal(2) + "]");
  ann.ask("transact",
          "['Zoo',{'op':'update','table':'Animal','where':[['name','==','a1']],"
          "'row':{'legs':7}},{'op':'delete','table':'Animal','where':[['name','==','a2']]}]");
  EXPECT_EQ(bob.heard(), Said{});
  bob.recorder.is_congested = false;
  host.settle();
  EXPECT_EQ(bob.heard(), Said{R"({"id":null,"method":"update2","params":["m",{"Animal":{")" +
                              uuid(1) + R"(":{"insert":{"legs":7}}}}]})"});
}

const char* const kWait =
    "['Zoo',{'op':'wait','table':'Animal','where':[['name','==','a1']],'columns':['legs'],"
    "'until':'==','rows':[{'legs':4}]%s},{'op':'insert','table':'Keeper','row':{}}]";

std::string wait_for_legs(const std::string& more = "") {
  std::string text = kWait;
  return text.replace(text.find("%s"), 2, more);
}

TEST_F(SessionTest, AWaitingTransactionIsTriedAgainAfterEveryChange) {
  EXPECT_EQ(bob.ask("transact", wait_for_legs()), Said{});
  EXPECT_EQ(bob.ask("echo", "[]"), Said{reply("[]")});
  ann.ask("transact", "['Zoo'," + insert_animal(1, ",'legs':3") + "]");
  EXPECT_EQ(bob.heard(), Said{});
  ann.ask("transact", "['Zoo',{'op':'update','table':'Animal','where':[],'row':{'legs':4}}]");
  const auto said = bob.heard();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].starts_with(R"({"id":1,"result":[{},{"uuid":)"));
  EXPECT_EQ(database.rows(*database.schema().find("Keeper")).size(), 1U);
}

TEST_F(SessionTest, ManyWaitingTransactionsLeaveRoomForOthers) {
  constexpr std::size_t kMany = 50;
  bool is_due = false;
  db::Database zoo{zoo_schema()};
  Host slow([this] { return now += 1ms; }, [&is_due] { is_due = true; });
  slow.add({&zoo, {}, {}});
  Client writer(slow), crowd(slow), other(slow);
  const std::string wait = wait_for_legs();
  other.ask("transact", wait);
  for (std::size_t i = 0; i < kMany; ++i) {
    std::string text = fmt::format(R"({{"id":{},"method":"transact","params":{}}})", i, wait);
    std::replace(text.begin(), text.end(), '\'', '"');
    crowd.say(text);
  }
  writer.ask("transact", "['Zoo'," + insert_animal(1, ",'legs':4") + "]");
  std::size_t answered = crowd.heard().size() + other.heard().size();
  EXPECT_LT(answered, kMany);
  while (std::exchange(is_due, false)) {
    slow.settle();
    const std::size_t more = crowd.heard().size() + other.heard().size();
    EXPECT_LT(more, kMany);
    answered += more;
  }
  EXPECT_EQ(answered, kMany + 1);
}

TEST_F(SessionTest, AWaitEndsWithItsTimeout) {
  EXPECT_EQ(bob.ask("transact", wait_for_legs(",'timeout':50")), Said{});
  EXPECT_EQ(host.deadline(), now + 50ms);
  now += 49ms;
  host.expire();
  EXPECT_EQ(bob.heard(), Said{});
  now += 1ms;
  host.expire();
  EXPECT_EQ(
      bob.heard(),
      Said{reply(R"([{"details":"\"wait\" timed out after 50 ms","error":"timed out"},null])")});
  EXPECT_FALSE(host.deadline());
}

TEST_F(SessionTest, CancelDropsAWaitingTransaction) {  // RFC 7047, 4.1.4
  bob.ask("transact", wait_for_legs());
  EXPECT_EQ(bob.say(R"({"id":null,"method":"cancel","params":[2]})"), Said{});
  EXPECT_EQ(bob.say(R"({"id":null,"method":"cancel","params":[1]})"), Said{});
  bob.ask("set_db_change_aware", "[true]");
  bob.ask("transact", wait_for_legs());
  EXPECT_EQ(bob.say(R"({"id":null,"method":"cancel","params":[1]})"),
            Said{R"({"id":1,"error":"canceled"})"});
  ann.ask("transact", "['Zoo'," + insert_animal(1, ",'legs':4") + "]");
  EXPECT_EQ(bob.heard(), Said{});
}

TEST_F(SessionTest, ALockHolderMayAssertIt) {  // RFC 7047, 5.2.10
  EXPECT_EQ(ann.ask("lock", "['l']"), Said{reply(R"({"locked":true})")});
  EXPECT_EQ(bob.ask("lock", "['l']"), Said{reply(R"({"locked":false})")});
  EXPECT_EQ(ann.ask("transact", "['Zoo',{'op':'assert','lock':'l'}]"), Said{reply("[{}]")});
  EXPECT_EQ(bob.ask("transact", "['Zoo',{'op':'assert','lock':'l'}]"),
            Said{reply(R"([{"details":"Asserted lock l not held.","error":"not owner"}])")});
  EXPECT_EQ(ann.ask("unlock", "['l']"), Said{reply("{}")});
  EXPECT_EQ(bob.heard(), Said{R"({"id":null,"method":"locked","params":["l"]})"});
  EXPECT_EQ(ann.ask("steal", "['l']"), Said{reply(R"({"locked":true})")});
  EXPECT_EQ(bob.heard(), Said{R"({"id":null,"method":"stolen","params":["l"]})"});
  ann.leave();
  EXPECT_EQ(bob.heard(), Said{R"({"id":null,"method":"locked","params":["l"]})"});
}

TEST_F(SessionTest, AReadOnlyRemoteChangesNothing) {
  Client guest(host, db::Access::read_only);
  EXPECT_EQ(
      guest.ask("lock", "['l']"),
      Said{R"({"id":1,"error":"lock and unlock methods not allowed, DB server is read only."})"});
  const auto said = guest.ask("transact", "['Zoo'," + insert_animal(1) + "]");
  EXPECT_EQ(said,
            Said{reply(R"([{"details":"insert operation not allowed when database server is in )"
                       R"(read only mode","error":"not allowed"}])")});
}

TEST_F(SessionTest, NoClientGetsMoreThanItsShare) {
  Client greedy(host, db::Access::read_write, {.monitors = 1, .blocked = 1, .locks = 1});
  greedy.ask("monitor", "['Zoo','m',{}]");
  greedy.ask("lock", "['l']");
  greedy.ask("transact", wait_for_legs());
  const std::string_view refused = R"("error":"resources exhausted")";
  EXPECT_NE(greedy.ask("monitor", "['Zoo','n',{}]").at(0).find(refused), std::string::npos);
  EXPECT_NE(greedy.ask("lock", "['k']").at(0).find(refused), std::string::npos);
  const auto said = greedy.say(R"({"id":2,"method":"transact","params":)" + [] {
    std::string text = wait_for_legs();
    for (char& c : text)
      if (c == '\'') c = '"';
    return text;
  }() + "}");
  EXPECT_NE(said.at(0).find(refused), std::string::npos);
}

TEST_F(SessionTest, ASessionMayEndWhileItsTransactionIsNotYetFinal) {
  ASSERT_TRUE(ann.session().receive(
      R"({"id":1,"method":"transact","params":["Zoo",{"op":"insert","table":"Keeper","row":{}}]})"));
  ann.leave();
  host.settle();
  EXPECT_EQ(database.rows(*database.schema().find("Keeper")).size(), 1U);
}

// --- the set of databases
// -------------------------------------------------------------------------

TEST_F(SessionTest, TheServerDatabaseDescribesTheDatabases) {  // ovsdb-server(5)
  const auto said =
      ann.ask("transact",
              "['_Server',{'op':'select','table':'Database','where':[['name','==','Zoo']],"
              "'columns':['name','model','connected','leader','cid','index']}]");
  EXPECT_EQ(said, Said{reply(R"([{"rows":[{"cid":["set",[]],"connected":true,"index":["set",[]],)"
                             R"("leader":true,"model":"standalone","name":"Zoo"}]}])")});
}

TEST_F(SessionTest, WhoIsNotAwareOfChangesIsDisconnectedByThem) {
  db::Schema schema = zoo_schema();
  schema.name = "Ark";
  db::Database ark(std::move(schema));
  ann.ask("set_db_change_aware", "[true]");
  ann.ask("monitor", "['_Server','s',{'Database':{'columns':['name']}}]");
  EXPECT_TRUE(host.add({&ark, {}, {}}));
  EXPECT_FALSE(host.add({&ark, {}, {}}));
  host.settle();
  EXPECT_EQ(ann.recorder.disconnected, "");
  EXPECT_NE(bob.recorder.disconnected, "");
  ASSERT_EQ(ann.heard().size(), 1U);

  ann.ask("monitor", "['Ark',['a'],{'Animal':{}}]");
  EXPECT_TRUE(host.remove("Ark"));
  EXPECT_FALSE(host.remove("Ark"));
  EXPECT_FALSE(host.remove("_Server"));
  EXPECT_EQ(ann.heard(), Said{R"({"id":null,"method":"monitor_canceled","params":[["a"]]})"});
}

TEST_F(SessionTest, ADatabaseThatCannotBeConvertedStaysAsItIs) {
  const auto said = ann.ask("convert", std::string("['Zoo',") + kSchema + "]");
  EXPECT_EQ(said,
            Said{R"({"id":1,"error":{"details":"the schema of this database cannot be changed",)"
                 R"("error":"not supported"}})"});
}

TEST_F(SessionTest, AConvertedDatabaseTakesThePlaceOfTheOldOne) {
  db::Schema schema = zoo_schema();
  schema.name = "Ark";
  auto ark = std::make_unique<db::Database>(std::move(schema));
  Hosted hosted{ark.get(), {}, {}};
  hosted.convert = [&ark](const db::Schema& wanted) -> db::Result<db::Database*> {
    if (wanted.version == "6.6.6") return db::fail("constraint violation", "no");
    ark = std::make_unique<db::Database>(wanted);
    return ark.get();
  };
  host.add(std::move(hosted));
  ann.ask("set_db_change_aware", "[true]");
  ann.ask("monitor", "['Ark','m',{'Animal':{}}]");
  EXPECT_EQ(ann.ask("convert", "['Ark',{'name':'Ark','version':'6.6.6','tables':{}}]"),
            Said{R"({"id":1,"error":{"details":"no","error":"constraint violation"}})"});
  const auto said = ann.ask("convert", "['Ark',{'name':'Ark','version':'2.0.0','tables':{}}]");
  EXPECT_EQ(said, (Said{R"({"id":null,"method":"monitor_canceled","params":["m"]})", reply("{}")}));
  EXPECT_EQ(host.find("Ark")->schema().version, "2.0.0");
  host.remove("Ark");
}

// --- a journal that fails
// -------------------------------------------------------------------------

/// Keeps nothing; fails as long as it is told to.
class FailingJournal final : public db::Journal {
 public:
  void append(const db::Changes&, const db::CommitNote&) override {}
  std::optional<db::Error> flush() override {
    if (!fails) return std::nullopt;
    return db::Error{"I/O error", "disk full"};
  }
  bool fails = false;
};

TEST(SessionWithJournal, ACommitThatCannotBeKeptIsTakenBackAndToldToNobody) {
  FailingJournal journal;
  db::Database database(zoo_schema(), &journal);
  Host host([] { return Host::TimePoint(); }, [] {});
  host.add({&database, {}, {}});
  Client ann(host), bob(host);
  bob.ask("monitor", "['Zoo','m',{'Animal':{}}]");
  journal.fails = true;
  EXPECT_EQ(ann.ask("transact", "['Zoo'," + insert_animal(1) + "]"),
            std::vector<std::string>{
                reply("[" + inserted(1) + R"(,{"details":"disk full","error":"I/O error"}])")});
  EXPECT_TRUE(bob.heard().empty());
  journal.fails = false;
  EXPECT_EQ(ann.ask("transact", "['Zoo'," + insert_animal(1) + "]"),
            std::vector<std::string>{reply("[" + inserted(1) + "]")});
  EXPECT_EQ(bob.heard().size(), 1U);
}

}  // namespace
}  // namespace bondway::server
