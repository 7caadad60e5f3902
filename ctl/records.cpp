#include "ctl/records.hpp"

#include <algorithm>
#include <charconv>

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

constexpr RecordName kNames[] = {
    {"AutoAttach", "auto_attach", "Bridge"},
    {"Bridge", "name", ""},
    {"Controller", "controller", "Bridge"},
    {"Flow_Sample_Collector_Set", "id", ""},
    {"Flow_Table", "name", ""},
    {"IPFIX", "ipfix", "Bridge"},
    {"Interface", "name", ""},
    {"Manager", "target", ""},
    {"Mirror", "name", ""},
    {"NetFlow", "netflow", "Bridge"},
    {"Port", "name", ""},
    {"QoS", "qos", "Port"},
    {"sFlow", "sflow", "Bridge"},
};

constexpr std::size_t kShortestUuidPrefix = 4;

/// Whether `text` could be the beginning of a UUID.
bool is_uuid_prefix(std::string_view text) {
  if (text.size() < kShortestUuidPrefix || text.size() > 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = std::string_view("0123456789abcdef").find(text[i]) != std::string::npos;
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

/// What is asked to find a record by name; empty: no record can have this name.
std::optional<Where> named(const db::Table& table, std::string_view column,
                           const std::string& name) {
  const std::size_t position = column_of(table, column);
  if (table.columns[position].type.key.type == db::AtomicType::string) {
    return Where::equal(position, Datum(Atom(name)));
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const auto& type = table.columns[position].type.key;
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (number < type.min_integer.value_or(number) || number > type.max_integer.value_or(number)) {
    return std::nullopt;
  }
  return Where::equal(position, Datum(Atom(number)));
}

std::vector<Row*> live(std::vector<Row*> rows) {
  std::erase_if(rows, [](const Row* row) { return row->removed; });
  return rows;
}

Result<Row*> only(const std::vector<Row*>& rows, const db::Table& table, const std::string& name) {
  if (rows.size() > 1) return fail("multiple rows in {} match \"{}\"", table.name, name);
  return rows.empty() ? nullptr : rows[0];
}

Result<Row*> find_by_name(View& view, const db::Table& table, const std::string& name,
                          const Columns& columns, Guard guard) {
  const RecordName* rule = find_record_name(table.name);
  if (rule == nullptr) return nullptr;
  if (rule->through.empty()) {
    const auto where = named(table, rule->column, name);
    if (!where) return nullptr;
    return only(live(view.select(table, *where, columns, guard)), table, name);
  }
  const db::Table& through = view.table(rule->through);
  const auto referrers = live(view.select(through, *named(through, "name", name),
                                          {column_of(through, rule->column)}, guard));
  const Result<Row*> referrer = only(referrers, table, name);
  if (!referrer || *referrer == nullptr) return referrer;
  const Datum references = view.get(**referrer, rule->column);
  if (references.size() != 1) return nullptr;
  Row* row = view.row(table, std::get<Uuid>(references.keys()[0]), columns, guard);
  return row != nullptr && !row->removed ? row : nullptr;
}

Result<Row*> find_by_uuid_prefix(View& view, const db::Table& table, const std::string& name,
                                 const Columns& columns) {
  std::vector<Row*> found;
  for (Row* row : live(view.select(table, Where::all(), {}, Guard::no))) {
    if (to_string(row->uuid).starts_with(name)) found.push_back(row);
  }
  if (found.size() > 1) {
    return fail("{} contains 2 or more rows whose UUIDs begin with {}: at least {} and {}",
                table.name, name, to_string(found[0]->uuid), to_string(found[1]->uuid));
  }
  if (found.empty()) return nullptr;
  return view.row(table, found[0]->uuid, columns);
}

}  // namespace

std::span<const RecordName> record_names() { return kNames; }

const RecordName* find_record_name(std::string_view table) {
  for (const RecordName& name : kNames) {
    if (name.table == table) return &name;
  }
  return nullptr;
}

void want_record(View& view, const db::Table& table, const std::string& name,
                 const Columns& columns) {
  if (const auto uuid = Uuid::parse(name)) return view.want(table, Where::row(*uuid), columns);
  if (name == ".") return view.want(table, Where::all(), columns);
  const RecordName* rule = find_record_name(table.name);
  if (rule == nullptr) return;
  if (rule->through.empty()) {
    if (const auto where = named(table, rule->column, name)) view.want(table, *where, columns);
  } else {
    const db::Table& through = view.table(rule->through);
    view.want(through, *named(through, "name", name), {column_of(through, rule->column)});
  }
}

Result<Row*> find_record(View& view, const db::Table& table, const std::string& name,
                         const Columns& columns, Guard guard) {
  if (const auto uuid = Uuid::parse(name)) {
    Row* row = view.row(table, *uuid, columns, guard);
    return row != nullptr && !row->removed ? row : nullptr;
  }
  if (name == ".") {
    const auto rows = live(view.select(table, Where::all(), columns, guard));
    if (rows.size() == 1) return rows[0];
  }
  const Result<Row*> by_name = find_by_name(view, table, name, columns, guard);
  if (!by_name || *by_name != nullptr || !is_uuid_prefix(name)) return by_name;
  return find_by_uuid_prefix(view, table, name, columns);
}

}  // namespace bondway::ctl
