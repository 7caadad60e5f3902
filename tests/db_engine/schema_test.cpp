#include "db/engine/schema.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "db/engine/schemas.hpp"

namespace bondway::db {
namespace {

using nlohmann::json;

json schema_with_type(const std::string& type) {
  return json::parse(R"({"name":"X","tables":{"T":{"columns":{"a":{"type":)" + type + "}}}}}");
}

json schema_with_table(const std::string& table) {
  return json::parse(R"({"name":"X","version":"1.2.3","tables":{"T":)" + table + "}}");
}

TEST(SchemaTest, GivesBackTheOpenVswitchSchemaUnchanged) {
  const json source = json::parse(vswitch_schema_text());
  const auto schema = Schema::parse(source);
  ASSERT_TRUE(schema) << schema.error().details;
  EXPECT_EQ(schema->name, "Open_vSwitch");
  EXPECT_EQ(schema->version, "8.3.1");
  EXPECT_EQ(schema->cksum, "3012963480 26720");
  EXPECT_EQ(schema->tables.size(), 19U);
  EXPECT_EQ(schema->to_json(), source);
}

TEST(SchemaTest, GivesBackTheServerSchemaUnchanged) {
  const json source = json::parse(server_schema_text());
  const auto schema = Schema::parse(source);
  ASSERT_TRUE(schema) << schema.error().details;
  EXPECT_EQ(schema->to_json(), source);
}

TEST(SchemaTest, FindsColumnsByName) {
  const auto schema = Schema::parse(json::parse(vswitch_schema_text()));
  const Table* port = schema->find("Port");
  ASSERT_NE(port, nullptr);
  const auto position = port->find("bond_mode");
  ASSERT_TRUE(position);
  EXPECT_EQ(port->columns[*position].name, "bond_mode");
  EXPECT_FALSE(port->find("no_such_column"));
  EXPECT_EQ(schema->find("No_Such_Table"), nullptr);
}

TEST(SchemaTest, WithoutARootTableAllAreRoot) {  // RFC 7047, 3.2 <table-schema>
  const auto schema = Schema::parse(schema_with_table(R"({"columns":{"a":{"type":"string"}}})"));
  ASSERT_TRUE(schema);
  EXPECT_TRUE(schema->find("T")->is_root);
  EXPECT_FALSE(schema->to_json()["tables"]["T"].contains("isRoot"));
}

TEST(SchemaTest, AWeakReferenceIsAlwaysMutable) {  // RFC 7047, 3.2 <column-schema>
  const auto schema = Schema::parse(schema_with_table(
      R"({"columns":{"a":{"mutable":false,
          "type":{"key":{"type":"uuid","refTable":"T","refType":"weak"}}}}})"));
  ASSERT_TRUE(schema);
  EXPECT_TRUE(schema->find("T")->columns[0].is_mutable);
}

TEST(SchemaTest, OmitsLimitsThatExcludeNothing) {
  const auto schema = Schema::parse(schema_with_type(
      R"({"key":{"type":"integer","minInteger":-9223372036854775808,
                 "maxInteger":9223372036854775807},"min":1,"max":1})"));
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->to_json()["tables"]["T"]["columns"]["a"]["type"], "integer");
}

struct BadCase {
  std::string source, details, syntax, tag = "syntax error";
};

TEST(SchemaTest, RefusesBadTypes) {
  const BadCase cases[] = {
      {R"("foo")", "\"foo\" is not an atomic-type", R"("foo")"},
      {"1", "Parsing schema for column a failed: Type mismatch for member 'type'.",
       R"({"type":1})"},
      {"{}", "Parsing ovsdb type failed: Required 'key' member is missing.", "{}"},
      {R"({"key":1})", "Parsing ovsdb type failed: Type mismatch for member 'key'.",
       R"({"key":1})"},
      {R"({"key":{}})", "Parsing ovsdb type failed: Required 'type' member is missing.", "{}"},
      {R"({"key":{"type":"integer","minInteger":5,"maxInteger":4}})",
       "minInteger exceeds maxInteger", R"({"maxInteger":4,"minInteger":5,"type":"integer"})"},
      {R"({"key":{"type":"integer","minReal":5}})",
       "Parsing ovsdb type failed: Member 'minReal' is present but not allowed here.",
       R"({"minReal":5,"type":"integer"})"},
      {R"({"key":{"type":"integer","enum":["set",[]]}})",
       "set must have 1 to 4294967295 members but 0 are present", R"(["set",[]])"},
      {R"({"key":{"type":"integer","enum":["set",[1,1]]}})", "set contains duplicate", "",
       "ovsdb error"},
      {R"({"key":{"type":"string","maxLength":4294967296}})",
       "maxLength out of valid range 0 to 4294967295", "4294967296"},
      {R"({"key":{"type":"string","minLength":5,"maxLength":3}})", "minLength exceeds maxLength",
       R"({"maxLength":3,"minLength":5,"type":"string"})"},
      {R"({"key":{"type":"uuid","refTable":"Z"}})", "column a key refers to undefined table Z", ""},
      {R"({"key":{"type":"uuid","refTable":"T","refType":"x"}})",
       R"(refType must be "strong" or "weak" (not "x"))",
       R"({"refTable":"T","refType":"x","type":"uuid"})"},
      {R"({"key":"string","min":2})", "ovsdb type fails constraint checks",
       R"({"key":"string","min":2})"},
      {R"({"key":"string","max":0})", "ovsdb type fails constraint checks",
       R"({"key":"string","max":0})"},
      {R"({"key":"string","min":-1})", "bad min or max value", "-1"},
      {R"({"key":"string","max":"x"})", "bad min or max value", R"("x")"},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.source);
    const auto schema = Schema::parse(schema_with_type(bad.source));
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error(), (Error{bad.tag, bad.details, bad.syntax}));
  }
}

TEST(SchemaTest, RefusesBadTables) {
  const BadCase cases[] = {
      {R"({"columns":{}})", "table must have at least one column", R"({"columns":{}})"},
      {R"({"columns":{"_a":{"type":"string"}}})", "names beginning with \"_\" are reserved",
       R"({"columns":{"_a":{"type":"string"}}})"},
      {R"({"columns":{"a b":{"type":"string"}}})", "name must be a valid id",
       R"({"columns":{"a b":{"type":"string"}}})"},
      {R"({"columns":{"a":1}})", "Parsing schema for column a failed: Object expected.", ""},
      {R"({"columns":{"a":{"type":"string"}},"maxRows":0})", "maxRows must be at least 1",
       R"({"columns":{"a":{"type":"string"}},"maxRows":0})"},
      {R"({"columns":{"a":{"type":"string"}},"indexes":[["b"]]})", "b is not a valid column name",
       R"(["b"])"},
      {R"({"columns":{"a":{"type":"string"}},"indexes":[["a","a"]]})",
       "array of distinct column names expected", R"(["a","a"])"},
      {R"({"columns":{"a":{"type":"string"}},"indexes":[[]]})",
       "index must have at least one column",
       R"({"columns":{"a":{"type":"string"}},"indexes":[[]]})"},
      {R"({"columns":{"a":{"type":"string","ephemeral":true}},"indexes":[["a"]]})",
       "ephemeral columns (such as a) may not be indexed",
       R"({"columns":{"a":{"ephemeral":true,"type":"string"}},"indexes":[["a"]]})"},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.source);
    const auto schema = Schema::parse(schema_with_table(bad.source));
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error(), (Error{bad.tag, bad.details, bad.syntax}));
  }
}

TEST(SchemaTest, RefusesWhatIsNoSchema) {
  const BadCase cases[] = {
      {"[]", "Parsing database schema failed: Object expected.", ""},
      {R"({"name":"X"})", "Parsing database schema failed: Required 'tables' member is missing.",
       R"({"name":"X"})"},
      {R"({"name":"X","version":"1.2","tables":{}})", R"(schema version "1.2" not in format x.y.z)",
       R"({"name":"X","tables":{},"version":"1.2"})"},
      {R"({"$a":1,"b":2,"name":"X","tables":{}})",
       "Parsing database schema failed: Member '$a' and 1 other member are present but not allowed "
       "here.",
       R"({"$a":1,"b":2,"name":"X","tables":{}})"},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.source);
    const auto schema = Schema::parse(json::parse(bad.source));
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error(), (Error{bad.tag, bad.details, bad.syntax}));
  }
}

}  // namespace
}  // namespace bondway::db
