#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/engine/database.hpp"
#include "db/engine/json.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::db {

namespace {

std::optional<Error> convert_row(const Table& from, const Row& row, const Table& to,
                                 std::vector<Datum>& columns) {
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    const Column& column = to.columns[i];
    const auto source = from.find(column.name);
    if (!source) continue;
    // Through the wire form: it is what decides whether a value of one type is one of another.
    auto datum =
        datum_from_json(to_json(row.columns[*source], from.columns[*source].type), column.type);
    if (!datum) return datum.error();
    columns[i] = std::move(*datum);
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Database>> converted_to(const Database& database, const Schema& schema) {
  auto converted = std::make_unique<Database>(schema);
  Transaction transaction(*converted);
  for (const auto& [name, from] : database.schema().tables) {
    const Table* to = converted->schema().find(name);
    if (!to) continue;
    for (const auto& [uuid, row] : database.rows(from)) {
      transaction.insert(*to, uuid);
      if (auto error = convert_row(from, *row, *to, transaction.edit(*to, uuid))) {
        return tl::unexpected(std::move(*error));
      }
    }
  }
  if (auto changes = transaction.commit(); !changes)
    return tl::unexpected(std::move(changes.error()));
  converted->flush();
  return converted;
}

}  // namespace bondway::db
