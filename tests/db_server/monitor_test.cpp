#include "db/server/monitor.hpp"

#include "db/engine/transact.hpp"
#include "tests/db_server/fixture.hpp"

namespace bondway::server {
namespace {

using nlohmann::json;

/// A monitor of one kind on the zoo, and transactions that it observes.
class MonitorTest : public testing::Test {
 protected:
  MonitorTest() {
    subscription = database.observe([this](const db::Changes& changes) {
      for (const auto& view : views) view->record(changes);
    });
  }

  static std::string quoted(std::string text) {
    for (char& c : text)
      if (c == '\'') c = '"';
    return text;
  }

  Monitor monitor(MonitorKind kind, const std::string& requests) {
    views.push_back(*MonitorView::parse(kind, database.schema(), json::parse(quoted(requests))));
    return Monitor(views.back());
  }

  void transact(const std::string& operations) {
    const auto outcome = db::transact(database, json::parse(quoted("['Zoo'," + operations + "]")));
    ASSERT_EQ(outcome.state, db::TransactOutcome::State::done) << outcome.results;
    database.flush();
  }

  void insert(int number, const std::string& columns) {
    transact("{'op':'insert','table':'Animal','uuid':'" + uuid(number) + "','row':{'name':'a" +
             std::to_string(number) + "'" + columns + "}}");
  }
  void update(int number, const std::string& columns) {
    transact("{'op':'update','table':'Animal','where':[['_uuid','==',['uuid','" + uuid(number) +
             "']]],'row':{" + columns + "}}");
  }

  /// The rows of table Animal in an update, by number; "" for no update.
  static json rows(const std::optional<std::string>& update) {
    return update ? json::parse(*update).at("Animal") : json("");
  }

  db::Database database{zoo_schema()};
  std::vector<std::shared_ptr<MonitorView>> views;
  db::Subscription subscription;
};

TEST_F(MonitorTest, ADifferenceShowsWhatOneSideHas) {  // ovsdb-server(7), 4.1.14 <row-update2>
  insert(1, ",'tags':['set',['x','y']],'notes':['map',[['a','1'],['b','2']]]");
  Monitor m =
      monitor(MonitorKind::monitor_cond, "{'Animal':{'columns':['legs','notes','tags','weight']}}");
  struct Case {
    std::string change, difference;
  };
  const Case cases[] = {
      {"'legs':4", "{'legs':4}"},
      {"'legs':0", "{'legs':0}"},
      {"'weight':2.5", "{'weight':2.5}"},
      {"'weight':['set',[]]", "{'weight':['set',[]]}"},
      {"'tags':['set',['y','z']]", "{'tags':['set',['x','z']]}"},
      {"'tags':'z'", "{'tags':'y'}"},
      {"'tags':['set',[]]", "{'tags':'z'}"},
      {"'notes':['map',[['a','9'],['c','3']]]",
       "{'notes':['map',[['a','9'],['b','2'],['c','3']]]}"},
      {"'notes':['map',[['c','3']]]", "{'notes':['map',[['a','9']]]}"},
      {"'notes':['map',[]]", "{'notes':['map',[['c','3']]]}"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.change);
    update(1, c.change);
    EXPECT_EQ(rows(m.take_update()),
              (json{{uuid(1), {{"modify", json::parse(quoted(c.difference))}}}}));
  }
}

TEST_F(MonitorTest, ChangesInARowAreMergedUntilTheyAreTaken) {
  Monitor m = monitor(MonitorKind::monitor, "{'Animal':{'columns':['legs']}}");
  insert(1, "");
  update(1, "'legs':2");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(1), {{"new", {{"legs", 2}}}}}}));
  update(1, "'legs':3");
  update(1, "'legs':4");
  EXPECT_EQ(rows(m.take_update()),
            (json{{uuid(1), {{"old", {{"legs", 2}}}, {"new", {{"legs", 4}}}}}}));
  update(1, "'legs':5");
  update(1, "'legs':4");
  EXPECT_EQ(m.take_update(), std::nullopt);
  update(1, "'legs':6");
  transact("{'op':'delete','table':'Animal','where':[]}");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(1), {{"old", {{"legs", 4}}}}}}));
  insert(2, "");
  transact("{'op':'delete','table':'Animal','where':[]}");
  EXPECT_EQ(m.take_update(), std::nullopt);
}

TEST_F(MonitorTest, ARowThatStartsOrStopsToMeetTheConditionComesOrGoes) {
  insert(1, ",'legs':4");
  insert(2, ",'legs':8");
  Monitor m = monitor(MonitorKind::monitor_cond,
                      "{'Animal':{'columns':['legs'],'where':[['legs','==',4],['legs','==',6]]}}");
  EXPECT_EQ(json::parse(m.view().initial(database)),
            (json{{"Animal", {{uuid(1), {{"initial", {{"legs", 4}}}}}}}}));
  update(1, "'legs':6");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(1), {{"modify", {{"legs", 6}}}}}}));
  update(2, "'legs':6");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(2), {{"insert", {{"legs", 6}}}}}}));
  update(1, "'legs':5");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(1), {{"delete", nullptr}}}}));
  update(1, "'legs':7");
  EXPECT_EQ(m.take_update(), std::nullopt);
}

TEST_F(MonitorTest, AConditionMayConcernAColumnThatIsNotShown) {
  insert(1, ",'legs':4");
  Monitor m = monitor(MonitorKind::monitor_cond,
                      "{'Animal':{'columns':['name'],'where':[['legs','==',4]]}}");
  update(1, "'legs':5");
  EXPECT_EQ(rows(m.take_update()), (json{{uuid(1), {{"delete", nullptr}}}}));
}

TEST_F(MonitorTest, ChangedConditionsTellWhatCameAndWent) {  // ovsdb-server(7), 4.1.13
  insert(1, ",'legs':4");
  insert(2, ",'legs':8");
  Monitor m = monitor(MonitorKind::monitor_cond,
                      "{'Animal':{'columns':['legs'],'where':[['legs','==',4]]}}");
  const auto change = [&](const std::string& requests) {
    const auto changed = m.change_conditions(json::parse(quoted(requests)), database);
    m = Monitor(changed->view);
    return rows(changed->updates);
  };
  EXPECT_EQ(change("{'Animal':[{'where':[['legs','==',8]]}]}"),
            (json{{uuid(1), {{"delete", nullptr}}}, {uuid(2), {{"insert", {{"legs", 8}}}}}}));
  EXPECT_EQ(change("{'Animal':[{'where':[true]}]}"),
            (json{{uuid(1), {{"insert", {{"legs", 4}}}}}}));
  EXPECT_EQ(change("{'Animal':[{'where':[]}]}"), "");
  EXPECT_EQ(change("{'Animal':[{}]}"), "");
  EXPECT_EQ(change("{}"), "");
}

TEST_F(MonitorTest, AFailedChangeOfConditionsChangesNothing) {
  insert(1, ",'legs':4");
  Monitor m = monitor(MonitorKind::monitor_cond, "{'Animal':{'columns':['legs']},'Keeper':{}}");
  EXPECT_FALSE(m.change_conditions(
      json::parse(quoted("{'Animal':[{'where':[false]}],'Keeper':[{'where':[1]}]}")), database));
  EXPECT_FALSE(json::parse(m.view().initial(database)).empty());
}

TEST_F(MonitorTest, EachOfSeveralOfOneViewHearsOfAChangeOnce) {
  Monitor first = monitor(MonitorKind::monitor, "{'Animal':{'columns':['legs']}}");
  insert(1, "");
  Monitor second(views.back());
  Monitor third(views.back());
  update(1, "'legs':2");
  const json new_row{{uuid(1), {{"new", {{"legs", 2}}}}}};
  const json new_legs{{uuid(1), {{"old", {{"legs", 0}}}, {"new", {{"legs", 2}}}}}};
  EXPECT_EQ(rows(second.take_update()), new_legs);
  EXPECT_EQ(rows(first.take_update()), new_row);
  update(1, "'legs':3");
  EXPECT_EQ(rows(third.take_update()),
            (json{{uuid(1), {{"old", {{"legs", 0}}}, {"new", {{"legs", 3}}}}}}));
  const json three_legs{{uuid(1), {{"old", {{"legs", 2}}}, {"new", {{"legs", 3}}}}}};
  EXPECT_EQ(rows(first.take_update()), three_legs);
  EXPECT_EQ(rows(second.take_update()), three_legs);
  for (Monitor* each : {&first, &second, &third}) EXPECT_EQ(each->take_update(), std::nullopt);
}

TEST_F(MonitorTest, OneThatFallsBehindIsToldLaterWhatIsLeft) {
  Monitor quick = monitor(MonitorKind::monitor, "{'Animal':{'columns':['legs']}}");
  Monitor slow(views.back());
  insert(1, "");
  insert(2, "");
  quick.take_update();
  slow.fall_behind();
  update(2, "'legs':2");
  transact("{'op':'delete','table':'Animal','where':[['name','==','a1']]}");
  quick.take_update();
  slow.fall_behind();
  update(2, "'legs':3");
  EXPECT_EQ(rows(slow.take_update()), (json{{uuid(2), {{"new", {{"legs", 3}}}}}}));
  EXPECT_EQ(rows(quick.take_update()),
            (json{{uuid(2), {{"old", {{"legs", 2}}}, {"new", {{"legs", 3}}}}}}));
  EXPECT_EQ(slow.take_update(), std::nullopt);
}

TEST_F(MonitorTest, TheOrderOfValuesDoesNotDependOnTheClient) {
  insert(1, ",'tags':['set',['c','a','b']],'notes':['map',[['z','1'],['y','2']]]");
  const Monitor m = monitor(MonitorKind::monitor, "{'Animal':{'columns':['notes','tags']}}");
  EXPECT_EQ(
      m.view().initial(database),
      quoted("{'Animal':{'" + uuid(1) +
             "':{'new':{'notes':['map',[['y','2'],['z','1']]],'tags':['set',['a','b','c']]}}}}"));
}

}  // namespace
}  // namespace bondway::server
