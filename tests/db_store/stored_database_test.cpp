#include "db/store/stored_database.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "db/engine/schemas.hpp"
#include "db/engine/transact.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::db {
namespace {

using nlohmann::json;
using std::filesystem::path;

Schema vswitch_schema() { return *Schema::parse(json::parse(vswitch_schema_text())); }

class StoredDatabaseTest : public testing::Test {
 protected:
  StoredDatabaseTest() {
    std::string name = std::filesystem::temp_directory_path() / "bondway-store-XXXXXX";
    folder_ = mkdtemp(name.data());
    file_ = folder_ / "conf.db";
  }
  ~StoredDatabaseTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<StoredDatabase> open() {
    auto opened = StoredDatabase::open_or_create(file_, vswitch_schema());
    EXPECT_TRUE(opened) << opened.error().details;
    return opened ? std::move(*opened) : nullptr;
  }

  /// The results of a transaction whose changes are in the file.
  static json run(Database& database, const std::string& operations) {
    auto outcome = transact(database, json::parse("[\"Open_vSwitch\"," + operations + "]"));
    EXPECT_FALSE(database.flush());
    return outcome.results;
  }

  static json select(Database& database, const std::string& table, const std::string& columns) {
    return run(database, R"({"op":"select","table":")" + table + R"(","where":[],"columns":)" +
                             columns + "}")[0]["rows"];
  }

  /// What a person sees with the sqlite3 tool: cells separated by |, rows by newlines.
  std::string query(const std::string& sql) const {
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open_v2(file_.c_str(), &handle, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    std::string text;
    const auto add_row = [](void* out, int count, char** cells, char**) {
      for (int i = 0; i < count; ++i) {
        *static_cast<std::string*>(out) +=
            std::string(i > 0 ? "|" : "") + (cells[i] ? cells[i] : "");
      }
      *static_cast<std::string*>(out) += '\n';
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), add_row, &text, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
    return text;
  }

  void write_file(const std::string& content) const { std::ofstream(file_) << content; }

  Error open_error() {
    const auto opened = StoredDatabase::open(file_);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }

  path folder_, file_;
};

constexpr const char* kBond =
    R"({"op":"insert","table":"Interface","uuid-name":"e0","row":{"name":"e0"}},
       {"op":"insert","table":"Interface","uuid-name":"e1","row":{"name":"e1"}},
       {"op":"insert","table":"Port","uuid-name":"p","row":{"name":"bond0","bond_mode":"balance-slb",
         "lacp":"active","trunks":["set",[7,5]],"other_config":["map",[["lacp-time","fast"]]],
         "interfaces":["set",[["named-uuid","e0"],["named-uuid","e1"]]]}},
       {"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"br0","ports":["named-uuid","p"]}},
       {"op":"insert","table":"Open_vSwitch","row":{"bridges":["named-uuid","b"]}},
       {"op":"comment","comment":"ovs-vsctl: add-bond"})";

TEST_F(StoredDatabaseTest, KeepsRowsAndTheirUuidsAcrossARestart) {
  json before;
  {
    auto stored = open();
    run(stored->database(), kBond);
    before =
        select(stored->database(), "Port", R"(["_uuid","name","lacp","trunks","other_config"])");
    ASSERT_EQ(before.size(), 1U);
  }
  auto stored = open();
  EXPECT_EQ(
      select(stored->database(), "Port", R"(["_uuid","name","lacp","trunks","other_config"])"),
      before);
  EXPECT_EQ(stored->database().rows(*stored->database().schema().find("Interface")).size(), 2U);
}

TEST_F(StoredDatabaseTest, AnswersAPersonsSqlWhileItIsOpen) {
  auto stored = open();
  run(stored->database(), kBond);
  EXPECT_EQ(query("select name, bond_mode, lacp, trunks, other_config, tag from Port"),
            "bond0|balance-slb|active|[5,7]|{\"lacp-time\":\"fast\"}|\n");
}

TEST_F(StoredDatabaseTest, DeletedRowsAreGoneFromTheFile) {
  {
    auto stored = open();
    run(stored->database(), kBond);
    run(stored->database(), R"({"op":"update","table":"Open_vSwitch","where":[],
                                "row":{"bridges":["set",[]]}})");
  }
  EXPECT_EQ(query("select count(*) from Port"), "0\n");
  auto stored = open();
  EXPECT_TRUE(stored->database().rows(*stored->database().schema().find("Port")).empty());
}

TEST_F(StoredDatabaseTest, EphemeralColumnsReturnToTheirDefaults) {  // RFC 7047, 3.2
  {
    auto stored = open();
    run(stored->database(), kBond);
    run(stored->database(), R"({"op":"update","table":"Interface","where":[],
                                "row":{"link_state":"up","mtu":1500}})");
    EXPECT_EQ(select(stored->database(), "Interface", R"(["link_state"])")[0]["link_state"], "up");
  }
  EXPECT_EQ(select(open()->database(), "Interface", R"(["link_state"])")[0]["link_state"],
            json::parse(R"(["set",[]])"));
}

TEST_F(StoredDatabaseTest, OneProcessAtATime) {
  auto stored = open();
  EXPECT_EQ(
      open_error(),
      (Error{"I/O error",
             file_.string() + ": failed to lock lockfile (Resource temporarily unavailable)"}));
  EXPECT_EQ(lock_obstacle(file_),
            ".conf.db.~lock~: cannot lock file because it is already locked by pid " +
                std::to_string(getpid()));
  stored.reset();
  EXPECT_TRUE(StoredDatabase::open(file_));
  EXPECT_EQ(lock_obstacle(file_), "");
}

TEST_F(StoredDatabaseTest, ReadersNeedNoLock) {
  auto stored = open();
  run(stored->database(), kBond);
  const auto reader = StoredDatabase::open_read_only(file_);
  ASSERT_TRUE(reader);
  EXPECT_EQ(select((*reader)->database(), "Port", R"(["name"])"),
            json::parse(R"([{"name":"bond0"}])"));
}

TEST_F(StoredDatabaseTest, NamesWhatIsWrongWithAFile) {
  EXPECT_EQ(open_error().details, file_.string() + ": open failed (No such file or directory)");
  write_file("OVSDB JSON 14817 0123\n{}\n");
  EXPECT_EQ(open_error().details, file_.string() + ": an OVSDB log file; \"ovsdb-tool import " +
                                      file_.string() + " NEW\" makes a database of it");
  write_file("#!/bin/sh\n");
  EXPECT_EQ(open_error().details, file_.string() + ": unexpected file format");
  write_file("");
  EXPECT_EQ(open_error().details, file_.string() + ": cannot identify file type");
  std::filesystem::remove(file_);
  sqlite3* handle = nullptr;
  sqlite3_open(file_.c_str(), &handle);
  sqlite3_exec(handle, "create table t (a)", nullptr, nullptr, nullptr);
  sqlite3_close(handle);
  EXPECT_EQ(open_error().details, file_.string() + ": an SQLite file, but not an OVSDB database");
}

TEST_F(StoredDatabaseTest, DamageIsFoundAtOpening) {
  {
    auto stored = open();
    run(stored->database(), kBond);
  }
  const auto size = std::filesystem::file_size(file_);
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(size - 4096, '\x5a');
  }
  const Error error = open_error();
  EXPECT_EQ(error.tag, "ovsdb error");
  EXPECT_TRUE(error.details.starts_with(file_.string() + ": damaged, or not a database ("))
      << error.details;
}

TEST_F(StoredDatabaseTest, ATruncatedFileIsRefusedAtEveryLength) {
  {
    auto stored = open();
    run(stored->database(), kBond);
  }
  std::string content;
  {
    std::ifstream file(file_, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(file), {});
  }
  for (std::size_t length = 0; length < content.size(); length += content.size() / 40) {
    write_file(content.substr(0, length));
    const auto opened = StoredDatabase::open(file_);
    EXPECT_FALSE(opened) << length;
  }
}

TEST_F(StoredDatabaseTest, AValueThatAPersonBrokeIsNamed) {
  {
    auto stored = open();
    run(stored->database(), kBond);
  }
  sqlite3* handle = nullptr;
  sqlite3_open(file_.c_str(), &handle);
  ASSERT_EQ(sqlite3_exec(handle, "update Port set lacp = 'sometimes'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(handle);
  const Error error = open_error();
  EXPECT_NE(error.details.find("table Port, row "), std::string::npos);
  EXPECT_NE(error.details.find(
                "column lacp: sometimes is not one of the allowed values ([active, off, passive])"),
            std::string::npos)
      << error.details;
}

TEST_F(StoredDatabaseTest, RefusesAnotherSchema) {
  ASSERT_TRUE(StoredDatabase::create(
      file_, *Schema::parse(json::parse(
                 R"({"name":"X","tables":{"T":{"columns":{"a":{"type":"string"}}}}})"))));
  const auto opened = StoredDatabase::open_or_create(file_, vswitch_schema());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().details, file_.string() + ": a database of schema X, not Open_vSwitch");
}

TEST_F(StoredDatabaseTest, NewFilesAreForOwnerAndGroup) {
  const mode_t mask = umask(022);
  open();
  umask(mask);
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(StoredDatabaseTest, CreateRefusesAnExistingFile) {
  open();
  const auto created = StoredDatabase::create(file_, vswitch_schema());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().details, file_.string() + ": create failed (File exists)");
}

TEST_F(StoredDatabaseTest, LogsTransactionsThatHaveAComment) {
  auto stored = open();
  run(stored->database(), kBond);
  run(stored->database(), R"({"op":"update","table":"Port","where":[],"row":{"tag":5}})");
  const auto log = stored->log();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].comment, "ovs-vsctl: add-bond");
  EXPECT_GT(log[0].date, 1'600'000'000'000);
}

TEST_F(StoredDatabaseTest, ConvertsToAnotherSchemaAndBack) {
  const json old_schema = json::parse(
      R"({"name":"X","version":"1.0.0","tables":{"T":{"columns":{
          "a":{"type":"string"},"gone":{"type":"integer"}}}}})");
  const json new_schema = json::parse(
      R"({"name":"X","version":"2.0.0","tables":{"T":{"columns":{
          "a":{"type":{"key":"string","min":0}},"new":{"type":"integer"}}}}})");
  auto stored = StoredDatabase::create(file_, *Schema::parse(old_schema));
  ASSERT_TRUE(stored);
  run((*stored)->database(), R"({"op":"insert","table":"T","row":{"a":"x","gone":7}})");
  EXPECT_FALSE((*stored)->convert(*Schema::parse(new_schema)));
  EXPECT_EQ(select((*stored)->database(), "T", R"(["a","new"])"),
            json::parse(R"([{"a":"x","new":0}])"));
  run((*stored)->database(), R"({"op":"insert","table":"T","row":{"a":["set",[]]}})");
  EXPECT_TRUE((*stored)->convert(*Schema::parse(old_schema))) << "an empty set is no string";
  stored->reset();
  stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored);
  EXPECT_EQ((*stored)->database().schema().version, "2.0.0");
  EXPECT_EQ((*stored)->database().rows(*(*stored)->database().schema().find("T")).size(), 2U);
}

TEST_F(StoredDatabaseTest, KeepsEveryTypeExactly) {
  const json schema = json::parse(R"({"name":"X","tables":{"sqlite_T":{"columns":{
      "r":{"type":"real"},"R":{"type":{"key":"real","min":0,"max":9}},
      "m":{"type":{"key":"real","value":"uuid","min":0,"max":9}},
      "b":{"type":{"key":"boolean","value":"integer","min":0,"max":2}},
      "s":{"type":"string"},"i":{"type":"integer"},"t":{"type":"boolean"}}}}})");
  const std::string row = R"({"r":0.1234567890123456,"R":["set",[-1e-300,0.3333333333333333]],
      "m":["map",[[0.1,["uuid","01234567-89ab-cdef-0123-456789abcdef"]]]],
      "b":["map",[[false,-9223372036854775808],[true,9223372036854775807]]],
      "s":"a\u0001\"'\u00e9\ud83d\ude00","i":-9223372036854775808,"t":true})";
  const std::string columns = R"(["r","R","m","b","s","i","t"])";
  json before;
  {
    auto stored = StoredDatabase::create(file_, *Schema::parse(schema));
    ASSERT_TRUE(stored) << stored.error().details;
    run((*stored)->database(), R"({"op":"insert","table":"sqlite_T","row":)" + row + "}");
    before = select((*stored)->database(), "sqlite_T", columns);
  }
  auto stored = StoredDatabase::open(file_);
  ASSERT_TRUE(stored) << stored.error().details;
  EXPECT_EQ(select((*stored)->database(), "sqlite_T", columns), before);
  EXPECT_EQ(before, json::array({json::parse(row)}));
}

/// A child commits one durable transaction after the other and reports each; it is killed at a
/// random moment.  Whatever it reported must be in the file.
TEST_F(StoredDatabaseTest, KillLosesNothingThatWasAnswered) {
  { run(open()->database(), R"({"op":"insert","table":"Open_vSwitch","row":{}})"); }
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto stored = StoredDatabase::open(file_);
      for (std::int64_t n = acknowledged + 1;; ++n) {
        transact((*stored)->database(), json::array({"Open_vSwitch",
                                                     {{"op", "update"},
                                                      {"table", "Open_vSwitch"},
                                                      {"where", json::array()},
                                                      {"row", {{"next_cfg", n}, {"cur_cfg", n}}}},
                                                     {{"op", "commit"}, {"durable", n % 2 == 0}}}));
        if ((*stored)->database().flush() || write(pipe_ends[1], &n, sizeof n) != sizeof n)
          _exit(1);
      }
    }
    close(pipe_ends[1]);
    for (int i = 0; i < 20 + round * 7; ++i) {
      ASSERT_EQ(read(pipe_ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    close(pipe_ends[0]);
    auto stored = StoredDatabase::open(file_);
    ASSERT_TRUE(stored) << stored.error().details;
    const json rows = select((*stored)->database(), "Open_vSwitch", R"(["next_cfg","cur_cfg"])");
    EXPECT_GE(rows[0]["next_cfg"].get<std::int64_t>(), acknowledged);
    EXPECT_EQ(rows[0]["next_cfg"], rows[0]["cur_cfg"]) << "a torn transaction";
    acknowledged = rows[0]["next_cfg"].get<std::int64_t>();
  }
}

}  // namespace
}  // namespace bondway::db
