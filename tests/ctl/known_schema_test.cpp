// The schema that is compiled in.

#include "ctl/known_schema.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "db/engine/schemas.hpp"

namespace bondway::ctl {
namespace {

TEST(KnownSchema, IsTheOneInTheFile) {
  const auto parsed = db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text()));
  const db::Schema known = known_schema();
  EXPECT_EQ(known.to_json(), parsed->to_json());
  ASSERT_EQ(known.tables.size(), parsed->tables.size());
  for (const auto& [name, table] : parsed->tables) {
    SCOPED_TRACE(name);
    const db::Table& ours = known.tables.at(name);
    EXPECT_EQ(ours.name, table.name);
    EXPECT_EQ(ours.indexes, table.indexes);
    EXPECT_EQ(ours.max_rows, table.max_rows);
    EXPECT_EQ(ours.is_root, table.is_root);
    EXPECT_EQ(ours.ordinal, table.ordinal);
    ASSERT_EQ(ours.columns.size(), table.columns.size());
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      SCOPED_TRACE(table.columns[i].name);
      EXPECT_EQ(ours.columns[i].name, table.columns[i].name);
      EXPECT_EQ(ours.columns[i].type, table.columns[i].type);
      EXPECT_EQ(ours.columns[i].ephemeral, table.columns[i].ephemeral);
      EXPECT_EQ(ours.columns[i].is_mutable, table.columns[i].is_mutable);
    }
  }
}

}  // namespace
}  // namespace bondway::ctl
