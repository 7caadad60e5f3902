#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "db/engine/json.hpp"
#include "db/engine/schemas.hpp"
#include "db/engine/transact.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::config {

/// A real database in memory, changed by the same requests that clients send.
class RowsTest : public testing::Test {
 protected:
  RowsTest() { transact(R"([{"op":"insert","table":"Open_vSwitch","row":{}}])"); }

  void transact(const std::string& operations) {
    auto params = nlohmann::json::parse(operations);
    params.insert(params.begin(), "Open_vSwitch");
    const auto outcome = db::transact(database, params);
    ASSERT_EQ(outcome.state, db::TransactOutcome::State::done) << outcome.results.dump();
    ASSERT_FALSE(database.flush());
  }

  const db::Table& table(const std::string& name) const { return *database.schema().find(name); }

  /// The row with this name; there is one.
  db::RowPtr row(const std::string& name_of_table, const std::string& name) const {
    const db::Table& searched = table(name_of_table);
    const auto column = *searched.find("name");
    for (const auto& [uuid, row] : database.rows(searched)) {
      if (row->columns[column] == db::Datum(db::Atom(name))) return row;
    }
    ADD_FAILURE() << "no " << name_of_table << " " << name;
    return nullptr;
  }

  /// br0 with a port of these interfaces, and columns as JSON.
  void add_bridge(const std::string& columns = "") {
    transact(R"([{"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"br0")" + columns +
             R"(}},{"op":"mutate","table":"Open_vSwitch","where":[],
                 "mutations":[["bridges","insert",["named-uuid","b"]]]}])");
  }
  void add_port(const std::string& name, const std::vector<std::string>& interfaces,
                const std::string& columns = "") {
    std::string operations = "[", references;
    for (const std::string& interface : interfaces) {
      operations += R"({"op":"insert","table":"Interface","uuid-name":"i_)" + interface +
                    R"(","row":{"name":")" + interface + R"("}},)";
      references += (references.empty() ? "" : ",") + (R"(["named-uuid","i_)" + interface + "\"]");
    }
    transact(operations + R"({"op":"insert","table":"Port","uuid-name":"p","row":{"name":")" + name +
             R"(","interfaces":["set",[)" + references + "]]" + columns +
             R"(}},{"op":"mutate","table":"Bridge","where":[["name","==","br0"]],
                 "mutations":[["ports","insert",["named-uuid","p"]]]}])");
  }

  db::Database database{
      db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text())).value()};
};

}  // namespace bondway::config
