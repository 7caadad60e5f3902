#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "db/tool/commands.hpp"
#include "db/tool/log_file.hpp"

namespace bondway::db {
namespace {

using std::filesystem::path;

class ToolTest : public testing::Test {
 protected:
  ToolTest() {
    std::string name = std::filesystem::temp_directory_path() / "bondway-tool-XXXXXX";
    folder_ = mkdtemp(name.data());
    settings_.default_database = file("default.db");
    settings_.warn = [this](const std::string& text) { warnings_ += text + "\n"; };
    std::ofstream(file("x.schema"))
        << R"({"name":"X","version":"1.0.0","cksum":"1 2","tables":{"T":{"columns":{
            "name":{"type":"string"},"tags":{"type":{"key":"integer","min":0,"max":9}},
            "map":{"type":{"key":"string","value":"string","min":0,"max":9}}}}}})";
    std::ofstream(file("y.schema"))
        << R"({"name":"X","version":"2.0.0","tables":{"T":{"columns":{"name":{"type":"string"}}}}})";
  }
  ~ToolTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return folder_ / name; }

  /// Standard output, or "error: MESSAGE", or "status N".
  std::string run(const std::vector<std::string>& words) {
    const auto outcome = run_tool(settings_, words);
    if (!outcome) return "error: " + outcome.error().message;
    warnings_ += outcome->warnings;
    return outcome->status == 0 ? outcome->output : "status " + std::to_string(outcome->status);
  }

  void create() { ASSERT_EQ(run({"create", file("x.db"), file("x.schema")}), ""); }

  path folder_;
  ToolSettings settings_;
  std::string warnings_;
};

TEST_F(ToolTest, TellsNameVersionAndChecksum) {
  create();
  EXPECT_EQ(run({"db-name", file("x.db")}), "X\n");
  EXPECT_EQ(run({"db-version", file("x.db")}), "1.0.0\n");
  EXPECT_EQ(run({"db-cksum", file("x.db")}), "1 2\n");
  EXPECT_EQ(run({"schema-name", file("y.schema")}), "X\n");
  EXPECT_EQ(run({"schema-version", file("y.schema")}), "2.0.0\n");
  EXPECT_EQ(run({"schema-version"}), "8.3.1\n") << "the built-in one";
  EXPECT_EQ(run({"db-is-standalone", file("x.db")}), "");
  EXPECT_EQ(run({"db-is-clustered", file("x.db")}), "status 2");
}

TEST_F(ToolTest, RefusesWhatItCannotDo) {
  create();
  EXPECT_EQ(run({}), "error: missing command name; use --help for help");
  EXPECT_EQ(run({"nope"}), "error: unknown command 'nope'; use --help for help");
  EXPECT_EQ(run({"db-name", "a", "b"}), "error: 'db-name' command takes at most 1 arguments");
  EXPECT_EQ(run({"query"}), "error: 'query' command requires at least 1 arguments");
  EXPECT_EQ(run({"create", file("x.db"), file("x.schema")}),
            "error: I/O error: " + file("x.db") + ": create failed (File exists)");
  EXPECT_EQ(run({"db-name", file("none")}),
            "error: I/O error: " + file("none") + ": open failed (No such file or directory)");
  EXPECT_EQ(run({"create", file("z.db"), file("none")}),
            "error: failed to read schema: \"" + file("none") +
                "\" could not be read as JSON (error opening \"" + file("none") +
                "\": No such file or directory)");
  EXPECT_EQ(run({"db-name", file("x.schema")}),
            "error: ovsdb error: " + file("x.schema") + ": unexpected file format");
}

TEST_F(ToolTest, RunsTransactionsAndQueries) {
  create();
  const std::string made = run({"transact", file("x.db"), R"(["X",{"op":"comment","comment":"made"},
      {"op":"insert","table":"T","row":{"name":"a"}}])"});
  EXPECT_TRUE(made.starts_with("[{},{\"uuid\":[\"uuid\",\"")) << made;
  EXPECT_EQ(run({"query", file("x.db"),
                 R"(["X",{"op":"select","table":"T","where":[],"columns":["name"]}])"}),
            "[{\"rows\":[{\"name\":\"a\"}]}]\n");
  EXPECT_EQ(
      run({"query", file("x.db"), R"(["X",{"op":"delete","table":"T","where":[]}])"}),
      "[{\"details\":\"delete operation not allowed when database server is in read only mode\","
      "\"error\":\"not allowed\"}]\n");
  EXPECT_EQ(run({"transact", file("x.db"), R"(["Y"])"}),
            "{\"details\":\"database name expected as first parameter\",\"error\":\"syntax error\","
            "\"syntax\":\"[\\\"Y\\\"]\"}\n");
  EXPECT_EQ(run({"transact", file("x.db"), R"(["X",{"op":"wait","table":"T","where":[],"until":"==",
      "columns":["name"],"rows":[]}])"}),
            "[{\"details\":\"triggers not supported\",\"error\":\"not supported\"}]\n");
  EXPECT_EQ(run({"transact", file("x.db"), "garbage"}).substr(0, 18), "error: \"garbage\": ");
  const std::string log = run({"show-log", file("x.db")});
  EXPECT_TRUE(
      log.starts_with("record 0: \"X\" schema, version=\"1.0.0\", cksum=\"1 2\"\n\nrecord 1: 20"))
      << log;
  EXPECT_TRUE(log.ends_with(" \"made\"\n")) << log;
}

TEST_F(ToolTest, ConvertsAndCompacts) {
  create();
  run({"transact", file("x.db"),
       R"(["X",{"op":"insert","table":"T","row":{"name":"a","tags":[]}}])"});
  EXPECT_EQ(run({"needs-conversion", file("x.db"), file("x.schema")}), "no\n");
  EXPECT_EQ(run({"needs-conversion", file("x.db"), file("y.schema")}), "yes\n");
  EXPECT_EQ(run({"convert", file("x.db"), file("y.schema"), file("copy.db")}), "");
  EXPECT_EQ(run({"db-version", file("x.db")}), "1.0.0\n");
  EXPECT_EQ(run({"db-version", file("copy.db")}), "2.0.0\n");
  EXPECT_EQ(run({"convert", file("x.db"), file("y.schema")}), "");
  EXPECT_EQ(run({"compact", file("x.db")}), "");
  EXPECT_EQ(run({"compact", file("x.db"), file("copy.db")}), "");
  EXPECT_EQ(run({"db-version", file("copy.db")}), "2.0.0\n");
}

TEST_F(ToolTest, ExportsToAnOpenVswitchFileAndImportsItAgain) {
  create();
  run({"transact", file("x.db"), R"(["X",{"op":"insert","table":"T","row":{"name":"a\u00e9\"",
      "tags":["set",[3,1]],"map":["map",[["k","v"]]]}},{"op":"insert","table":"T","row":{}}])"});
  EXPECT_EQ(run({"export", file("x.db"), file("log")}), "");
  EXPECT_EQ(run({"export", file("x.db"), file("log")}),
            "error: I/O error: " + file("log") + ": create failed (File exists)");
  EXPECT_EQ(run({"db-name", file("log")}), "error: ovsdb error: " + file("log") +
                                               ": an OVSDB log file; \"ovsdb-tool import " +
                                               file("log") + " NEW\" makes a database of it");
  EXPECT_EQ(run({"import", file("log")}), "") << "into the default database";
  const std::string all = R"(["X",{"op":"select","table":"T","where":[],"sort":["name"],
      "columns":["_uuid","name","tags","map"]}])";
  EXPECT_EQ(run({"query", all}), run({"query", file("x.db"), all}));
  EXPECT_EQ(warnings_, "");
}

/// Records as an Open vSwitch server wrote them, lengths and checksums included.
class ImportTest : public ToolTest {
 protected:
  void write_log(const std::string& tail) { std::ofstream(file("log")) << kLog << tail; }
  std::string names() {
    return run(
        {"query", R"(["Lab",{"op":"select","table":"T","where":[],"columns":["name","tags","map"],
        "sort":["name"]}])"});
  }
  static const std::string kLog;
};

#include "recorded_log.inc"

TEST_F(ImportTest, AppliesDifferencesRecordByRecord) {
  write_log("");
  EXPECT_EQ(run({"import", file("log")}), "");
  EXPECT_EQ(warnings_, "");
  EXPECT_EQ(names(),
            "[{\"rows\":[{\"map\":[\"map\",[[\"a\",\"9\"],[\"c\",\"3\"]]],\"name\":\"renamed\","
            "\"tags\":[\"set\",[2,5]]}]}]\n");
}

TEST_F(ImportTest, SaysWhereADamagedTailBegins) {
  write_log("garbage\n");
  EXPECT_EQ(run({"import", file("log")}), "");
  EXPECT_EQ(warnings_, "ovsdb-tool: " + file("log") +
                           ": parse error in header line \"garbage\" at offset " +
                           std::to_string(kLog.size()) + "; what came before is imported\n");
}

TEST_F(ImportTest, SurvivesAFileCutAnywhere) {
  for (std::size_t length = 0; length < kLog.size(); length += 7) {
    std::ofstream(file("log")) << kLog.substr(0, length);
    const auto log = read_log_file(file("log"));
    EXPECT_TRUE(!log || log->database->schema().name == "Lab");
  }
}

TEST_F(ImportTest, FindsAFlippedBit) {
  std::string bad = kLog;
  bad[bad.size() - 4] ^= 1;
  std::ofstream(file("log")) << bad;
  const auto log = read_log_file(file("log"));
  ASSERT_TRUE(log);
  EXPECT_NE(log->damage.find("record has a wrong checksum at offset "), std::string::npos);
}

}  // namespace
}  // namespace bondway::db
