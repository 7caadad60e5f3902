#include "db/server/database_remotes.hpp"

#include <charconv>

#include "db/engine/transaction.hpp"
#include "db/server/server.hpp"

namespace bondway::server {
namespace {

using db::Atom;
using db::Datum;
using db::Row;
using db::Table;

constexpr auto kPeriod = std::chrono::milliseconds(2500);

/// What a row has in a column of that name and kind of key; null: nothing, or no such column.
const Datum* find_value(const Table& table, const Row& row, std::string_view name,
                        db::AtomicType type) {
  const auto column = table.find(name);
  if (!column || table.columns[*column].type.key.type != type) return nullptr;
  const Datum& datum = row.columns[*column];
  return datum.empty() ? nullptr : &datum;
}

template <typename T>
std::optional<T> find_first(const Table& table, const Row& row, std::string_view name,
                            db::AtomicType type) {
  const Datum* datum = find_value(table, row, name, type);
  if (datum == nullptr) return std::nullopt;
  return std::get<T>(datum->keys()[0]);
}

std::optional<int> find_dscp(const Table& table, const Row& row) {
  const Datum* config = find_value(table, row, "other_config", db::AtomicType::string);
  const Atom* value =
      config != nullptr && config->is_map() ? config->find(std::string("dscp")) : nullptr;
  if (value == nullptr || !std::holds_alternative<std::string>(*value)) return std::nullopt;
  const auto& text = std::get<std::string>(*value);
  int dscp = -1;
  std::from_chars(text.data(), text.data() + text.size(), dscp);
  return dscp >= 0 && dscp <= 63 ? std::optional(dscp) : std::nullopt;
}

EndpointOptions options_of(const Table& table, const Row& row) {
  using db::AtomicType;
  using std::chrono::milliseconds;
  EndpointOptions options;
  if (const auto probe =
          find_first<std::int64_t>(table, row, "inactivity_probe", AtomicType::integer))
    options.probe = milliseconds(std::max<std::int64_t>(*probe, 0));
  if (const auto backoff = find_first<std::int64_t>(table, row, "max_backoff", AtomicType::integer))
    options.max_backoff = milliseconds(*backoff);
  if (find_first<bool>(table, row, "read_only", AtomicType::boolean).value_or(false))
    options.access = db::Access::read_only;
  options.dscp = find_dscp(table, row);
  return options;
}

/// All remotes that one value of the column names.
void add_wanted(std::map<std::string, WantedRemote>& wanted, const db::Database& database,
                const db::ColumnType& type, const Datum& value) {
  for (const Atom& element : value.keys()) {
    if (const auto* target = std::get_if<std::string>(&element)) wanted.try_emplace(*target);
    const auto* uuid = std::get_if<db::Uuid>(&element);
    const Table* table = uuid != nullptr ? database.schema().find(type.key.ref_table) : nullptr;
    const db::RowPtr row = table != nullptr ? database.find(*table, *uuid) : nullptr;
    if (!row) continue;
    const auto target = find_first<std::string>(*table, *row, "target", db::AtomicType::string);
    if (target) wanted.try_emplace(*target, WantedRemote{options_of(*table, *row), *uuid});
  }
}

Datum string_map(const std::map<std::string, std::string>& pairs) {
  Datum datum;
  for (const auto& [key, value] : pairs) datum.insert(key, value);
  return datum;
}

/// Sets a column of a row, if it has one like that and does not hold the value.
bool update(db::Transaction& transaction, const Table& table, const db::Uuid& uuid,
            std::string_view name, db::AtomicType type, const Datum& value) {
  const auto column = table.find(name);
  const Row* row = transaction.get(table, uuid);
  if (!column || row == nullptr || table.columns[*column].type.key.type != type) return false;
  if (row->columns[*column] == value) return false;
  transaction.set(table, uuid, *column, value);
  return true;
}

const db::ColumnType* referring_column(const db::Database& database, const DatabaseColumn& column) {
  const Table* table = database.schema().find(column.table);
  const auto position = table != nullptr ? table->find(column.column) : std::nullopt;
  return position ? &table->columns[*position].type : nullptr;
}

}  // namespace

std::map<std::string, WantedRemote> wanted_remotes(const db::Database& database,
                                                   const DatabaseColumn& column) {
  std::map<std::string, WantedRemote> wanted;
  const Table* table = database.schema().find(column.table);
  const auto position = table != nullptr ? table->find(column.column) : std::nullopt;
  if (!position) return wanted;
  for (const auto& [uuid, row] : database.rows(*table))
    add_wanted(wanted, database, table->columns[*position].type, row->columns[*position]);
  return wanted;
}

Result<std::unique_ptr<DatabaseRemotes>> DatabaseRemotes::from(Server& server,
                                                               const std::string& remote) {
  auto column = DatabaseColumn::parse(remote);
  if (!column) return tl::unexpected(column.error());
  const db::Database* database = server.host().find(column->database);
  if (database == nullptr) return fail("\"{}\": no database named {}", remote, column->database);
  const Table* table = database->schema().find(column->table);
  if (table == nullptr) return fail("\"{}\": no table named {}", remote, column->table);
  const auto position = table->find(column->column);
  if (!position)
    return fail("\"{}\": table \"{}\" has no column \"{}\"", remote, column->table, column->column);
  const db::BaseType& key = table->columns[*position].type.key;
  if (key.type != db::AtomicType::string && key.ref_table.empty())
    return fail("\"{}\": type of table \"{}\" column \"{}\" is neither string nor reference",
                remote, column->table, column->column);
  return std::make_unique<DatabaseRemotes>(server, std::move(*column));
}

DatabaseRemotes::DatabaseRemotes(Server& server, DatabaseColumn column)
    : server_(server),
      column_(std::move(column)),
      subscription_(server.host().observe([this](std::string_view database, const db::Changes&) {
        if (database == column_.database) reconcile_soon();
      })),
      timer_(server.io_),
      self_(this, [](DatabaseRemotes*) {}) {
  reconcile();
  look_after_later();
}

DatabaseRemotes::~DatabaseRemotes() = default;

void DatabaseRemotes::reconnect() {
  for (const auto& [target, served] : served_)
    if (served.endpoint) served.endpoint->reconnect();
}

/// After the round in which the database changed, since an endpoint that closes ends sessions.
void DatabaseRemotes::reconcile_soon() {
  if (reconcile_due_) return;
  reconcile_due_ = true;
  asio::post(server_.io_, [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) self->reconcile();
  });
}

void DatabaseRemotes::reconcile() {
  reconcile_due_ = false;
  const db::Database* database = server_.host().find(column_.database);
  auto wanted = database != nullptr ? wanted_remotes(*database, column_)
                                    : std::map<std::string, WantedRemote>();
  std::erase_if(served_, [&](const auto& entry) { return wanted.count(entry.first) == 0; });
  for (auto& [target, remote] : wanted) {
    const auto [entry, fresh] = served_.try_emplace(target);
    Served& served = entry->second;
    const bool changed = !(served.wanted.options == remote.options);
    served.wanted = remote;
    if (!fresh) {
      if (changed && served.endpoint) served.endpoint->set_options(remote.options);
      continue;
    }
    serve(target, served);
  }
}

void DatabaseRemotes::serve(const std::string& target, Served& served) {
  auto endpoint = server_.serve(target, served.wanted.options);
  if (endpoint) {
    served.endpoint = std::move(*endpoint);
    served.problem.clear();
  } else if (served.problem != endpoint.error().message) {
    served.problem = endpoint.error().message;
    server_.log_.err("{}", served.problem);
  }
}

void DatabaseRemotes::look_after_later() {
  timer_.expires_after(kPeriod);
  timer_.async_wait([weak = std::weak_ptr(self_)](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->look_after();
    self->look_after_later();
  });
}

/// Tries again what could not be served, and tells the database how it goes.
void DatabaseRemotes::look_after() {
  for (auto& [target, served] : served_)
    if (!served.endpoint) serve(target, served);
  write_status();
}

void DatabaseRemotes::write_status() {
  db::Database* database = server_.host().find(column_.database);
  const db::ColumnType* type = database != nullptr ? referring_column(*database, column_) : nullptr;
  const Table* table = type != nullptr ? database->schema().find(type->key.ref_table) : nullptr;
  if (table == nullptr) return;
  db::Transaction transaction(*database);
  bool changed = false;
  for (const auto& [target, served] : served_) {
    if (!served.wanted.row) continue;
    const bool connected = served.endpoint && served.endpoint->is_connected();
    const auto status =
        served.endpoint ? served.endpoint->status() : std::map<std::string, std::string>();
    const db::Uuid& row = *served.wanted.row;
    changed |= update(transaction, *table, row, "is_connected", db::AtomicType::boolean,
                      Datum(Atom(connected)));
    changed |=
        update(transaction, *table, row, "status", db::AtomicType::string, string_map(status));
  }
  if (!changed) return;
  static_cast<void>(transaction.commit());
  server_.host().settle_soon();
}

}  // namespace bondway::server
