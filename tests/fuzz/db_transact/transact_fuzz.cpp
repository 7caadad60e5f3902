#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "db/engine/database.hpp"
#include "db/engine/transact.hpp"
#include "db/rpc/json_text.hpp"

/// Each line of the input is the operations of one transaction on a live database, a JSON array.
/// Whatever they say, the database keeps the rules of its schema, an observer can follow it, and
/// what failed has changed nothing.
namespace bondway::db {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

const Schema& schema() {
  static const Schema parsed = [] {
    std::ifstream file(SCHEMA_FILE);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return *Schema::parse(*rpc::parse_json(text));
  }();
  return parsed;
}

/// The rows as an observer knows them.
using Copy = std::map<std::pair<std::size_t, Uuid>, RowPtr>;

void follow(Copy& copy, const Changes& changes) {
  for (const RowChange& change : changes) {
    RowPtr& row = copy[{change.table->ordinal, change.uuid}];
    require(row == change.before);
    row = change.after;
    if (!row) copy.erase({change.table->ordinal, change.uuid});
  }
}

Copy rows_of(const Database& database) {
  Copy rows;
  for (const auto& [name, table] : database.schema().tables)
    for (const auto& [uuid, row] : database.rows(table)) rows[{table.ordinal, uuid}] = row;
  return rows;
}

void run(Database& database, Copy& copy, std::string_view line) {
  const auto operations = rpc::parse_json(line);
  if (!operations || !operations->is_array()) return;
  nlohmann::json params = nlohmann::json::array({database.schema().name});
  for (const auto& operation : *operations) params.push_back(operation);
  TransactContext context;
  context.holds_lock = [](std::string_view lock) { return lock == "mine"; };
  const Copy before = copy;
  const TransactOutcome outcome = transact(database, params, context);
  database.flush();
  require(copy == rows_of(database));
  if (outcome.state != TransactOutcome::State::done) require(copy == before);
  require(rpc::parse_json(rpc::to_text(outcome.results)).has_value() ||
          outcome.state == TransactOutcome::State::blocked);
}

}  // namespace
}  // namespace bondway::db

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bondway::db;
  Database database(schema());
  Copy copy;
  const Subscription subscription =
      database.observe([&copy](const Changes& changes) { follow(copy, changes); });
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    run(database, copy, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  require(converted_to(database, schema()).has_value());  // which applies every rule anew
  return 0;
}
