#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "vswitchd/net/mac_address.hpp"

namespace bondway::config {

/// A row of the database, read by column name and type.  A column that the schema lacks, or that
/// has another type, reads as empty: the database may be of another release.  What it reads
/// outlives it.
class Row {
 public:
  Row(const db::Table& table, const db::Row& row) : table_(&table), row_(&row) {}

  const db::Uuid& uuid() const { return row_->uuid; }

  std::string text(std::string_view column) const;  ///< "" when empty
  std::optional<std::string> optional_text(std::string_view column) const;
  bool flag(std::string_view column) const;
  std::int64_t number(std::string_view column) const;  ///< 0 when empty
  std::optional<std::int64_t> optional_number(std::string_view column) const;
  std::vector<std::int64_t> numbers(std::string_view column) const;
  std::vector<db::Uuid> references(std::string_view column) const;
  std::map<std::string, std::string> strings(std::string_view column) const;

 private:
  const db::Datum& datum(std::string_view column) const;

  const db::Table* table_;
  const db::Row* row_;
};

/// A map such as other_config, read by the rules for its keys: a value that is none of the key's
/// counts as absent.
class Keys {
 public:
  explicit Keys(std::map<std::string, std::string> strings) : strings_(std::move(strings)) {}

  std::optional<std::string> text(const std::string& key) const;
  /// Base 10 with an optional sign, the whole string, 32 bits.
  std::optional<std::int64_t> number(const std::string& key) const;
  /// The number, if it is within the range.
  std::optional<std::int64_t> number(const std::string& key, std::int64_t min,
                                     std::int64_t max) const;
  bool is_true(const std::string& key) const;   ///< for a default of false: `true` in any case
  bool is_false(const std::string& key) const;  ///< for a default of true: `false` in any case

 private:
  std::map<std::string, std::string> strings_;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace bondway::config
