#include "ctl/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/text.hpp"
#include "db/engine/utf8.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

/// Above this many rows, reading a whole table is cheaper than naming them.
constexpr std::size_t kManyRows = 64;

const Uuid& uuid_of(const Atom& atom) { return std::get<Uuid>(atom); }

/// An enclosing separator: nothing at first, a comma from then on.
void append_comma(std::string& text) {
  if (!text.empty()) text += ',';
}

}  // namespace

std::size_t column_of(const db::Table& table, std::string_view name) {
  const auto column = table.find(name);
  assert(column);
  return *column;
}

Columns columns_of(const db::Table& table, std::initializer_list<std::string_view> names) {
  Columns columns;
  for (const std::string_view name : names) columns.push_back(column_of(table, name));
  return columns;
}

Columns all_columns(const db::Table& table) {
  Columns columns(table.columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = i;
  return columns;
}

const db::Table& View::table(std::string_view name) const {
  const db::Table* found = schema_.find(name);
  assert(found != nullptr);
  return *found;
}

// ---------------------------------------------------------------- questions

std::string View::where_text(const db::Table& table, const Where& where) const {
  switch (where.kind) {
    case Where::Kind::all:
      break;
    case Where::Kind::uuid:
      return fmt::format(R"([["_uuid","==",["uuid","{}"]]])",
                         to_string(uuid_of(where.value.keys()[0])));
    case Where::Kind::equal:
    case Where::Kind::includes: {
      const db::Column& column = table.columns[where.column];
      return fmt::format(R"([["{}","{}",{}]])", column.name,
                         where.kind == Where::Kind::equal ? "==" : "includes",
                         db::json_text(db::to_json(where.value, column.type)));
    }
  }
  return "[]";
}

View::Question& View::question(const db::Table& table, const Where& where) {
  std::string text = where_text(table, where);
  Question*& known = by_text_[table.name + text];
  if (known == nullptr) {
    questions_.push_back(std::make_unique<Question>());
    known = questions_.back().get();
    known->table = &table;
    known->where = where;
    known->where_text = std::move(text);
  }
  return *known;
}

bool View::is_hidden(const db::Table* table, std::size_t column) const {
  return hidden_.contains({table, column});
}

bool View::covers(const Question& question, const Columns& columns) const {
  return question.has_answer && std::all_of(columns.begin(), columns.end(), [&](std::size_t c) {
           return question.answered.contains(c);
         });
}

/// Whether the database has no row to add to the answer: none can refer to a row that is new, and
/// no string is anything but UTF-8.
bool View::is_known_here(const Where& where) const {
  if (where.kind == Where::Kind::all || where.value.empty()) return false;
  const Atom& value = where.value.keys()[0];
  if (const std::string* text = std::get_if<std::string>(&value))
    return db::utf8_error(*text).has_value();
  return where.kind != Where::Kind::equal && is_provisional(uuid_of(value));
}

void View::want(const db::Table& table, const Where& where, const Columns& columns) {
  if (is_known_here(where)) return;
  Question& asked = question(table, where);
  asked.columns.insert(columns.begin(), columns.end());
  if (!covers(asked, columns)) missing_ = true;
}

std::vector<Row*> View::select(const db::Table& table, const Where& where, const Columns& columns,
                               Guard guard) {
  std::vector<Row*> found;
  std::vector<Row*> changed = changed_candidates(table, where);
  if (!is_known_here(where)) {
    want(table, where, columns);
    Question& asked = question(table, where);
    if (!covers(asked, columns)) throw Missing{};
    asked.is_used = true;
    if (guard == Guard::yes) asked.guard = Guard::yes;
    for (Row* row : asked.rows) {
      if (!row->touched || matches(*row, where, true)) found.push_back(row);
    }
    if (!changed.empty()) {
      const std::unordered_set<Row*> judged(asked.rows.begin(), asked.rows.end());
      std::erase_if(changed, [&judged](Row* row) { return judged.contains(row); });
    }
  }
  for (Row* row : changed) {
    if (matches(*row, where, false)) found.push_back(row);
  }
  return found;
}

/// The rows changed in this run that may belong to an answer although they did not before.
std::vector<Row*> View::changed_candidates(const db::Table& table, const Where& where) {
  if (where.kind == Where::Kind::all || where.value.size() != 1) return touched_in_[&table];
  if (where.kind == Where::Kind::uuid) {
    const auto row = rows_[&table].find(uuid_of(where.value.keys()[0]));
    const bool changed = row != rows_[&table].end() && row->second->touched;
    return changed ? std::vector<Row*>{row->second.get()} : std::vector<Row*>{};
  }
  const auto known = changed_values_.find(value_key(table, where.column, where.value.keys()[0]));
  if (known == changed_values_.end()) return {};
  std::vector<Row*> rows = known->second;
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

/// Under which changed_values_ remembers who was given an element.
std::string View::value_key(const db::Table& table, std::size_t column, const Atom& element) const {
  return fmt::format("{}.{}={}", table.name, column, db::to_text(element));
}

void View::remember_value(Row& row, std::size_t column, const Atom& element) {
  changed_values_[value_key(*row.table, column, element)].push_back(&row);
}

/// Whether a changed row belongs to an answer; `stored_matches` tells whether it did before.
bool View::matches(Row& row, const Where& where, bool stored_matches) {
  switch (where.kind) {
    case Where::Kind::all:
      return row.inserted || stored_matches;
    case Where::Kind::uuid:
      return row.uuid == uuid_of(where.value.keys()[0]);
    case Where::Kind::equal:
      if (row.inserted || row.written.contains(where.column)) {
        return get(row, where.column) == where.value;
      }
      return stored_matches;
    case Where::Kind::includes: {
      const Atom& target = where.value.keys()[0];
      if (row.inserted || row.written.contains(where.column)) {
        return get(row, where.column).contains(target);
      }
      if (const auto delta = row.deltas.find(where.column); delta != row.deltas.end()) {
        if (delta->second.added.contains(uuid_of(target))) return true;
        if (delta->second.removed.contains(uuid_of(target))) return false;
      }
      return stored_matches;
    }
  }
  return false;
}

Row* View::row(const db::Table& table, const Uuid& uuid, const Columns& columns, Guard guard) {
  const auto found = select(table, Where::row(uuid), columns, guard);
  return found.empty() ? nullptr : found[0];
}

std::vector<Row*> View::rows(const db::Table& table, std::span<const Atom> uuids,
                             const Columns& columns, Guard guard) {
  std::vector<Row*> found;
  if (uuids.size() > kManyRows) {
    std::unordered_map<Uuid, Row*> all;
    for (Row* row : select(table, Where::all(), columns, guard)) all.emplace(row->uuid, row);
    for (const Atom& uuid : uuids) {
      const auto at = all.find(uuid_of(uuid));
      if (at != all.end()) found.push_back(at->second);
    }
    return found;
  }
  for (const Atom& uuid : uuids) want(table, Where::row(uuid_of(uuid)), columns);
  for (const Atom& uuid : uuids) {
    if (Row* row = this->row(table, uuid_of(uuid), columns, guard)) found.push_back(row);
  }
  return found;
}

const Datum& View::get(Row& row, std::string_view column) {
  return get(row, column_of(*row.table, column));
}

const Datum& View::get(Row& row, std::size_t column) {
  if (const auto at = row.written.find(column); at != row.written.end()) return at->second;
  std::optional<Datum>& stored = row.stored[column];
  if (!stored && (row.inserted || is_hidden(row.table, column))) {
    stored = db::default_value(row.table->columns[column].type);
  }
  if (!stored) {
    select(*row.table, Where::row(row.uuid), {column});
    if (!stored) stored = db::default_value(row.table->columns[column].type);
  }
  const auto delta = row.deltas.find(column);
  if (delta == row.deltas.end()) return *stored;
  Datum whole = *stored;
  for (const Uuid& uuid : delta->second.removed) whole.erase(uuid);
  for (const Uuid& uuid : delta->second.added) {
    if (!whole.contains(uuid)) whole.insert(uuid);
  }
  row.deltas.erase(delta);
  return row.written[column] = std::move(whole);
}

// ---------------------------------------------------------------- changes

Row& View::row_of(const db::Table& table, const Uuid& uuid) {
  std::unique_ptr<Row>& row = rows_[&table][uuid];
  if (!row) {
    row = std::make_unique<Row>();
    row->table = &table;
    row->uuid = uuid;
    row->stored.resize(table.columns.size());
  }
  return *row;
}

bool View::is_provisional(const Uuid& uuid) const { return provisional_.contains(uuid); }

void View::touch(Row& row) {
  if (std::exchange(row.touched, true)) return;
  touched_.push_back(&row);
  touched_in_[row.table].push_back(&row);
}

Row& View::insert(const db::Table& table, const Uuid& uuid) {
  Row& row = row_of(table, uuid);
  row.inserted = true;
  provisional_.insert(uuid);
  touch(row);
  return row;
}

void View::remove(Row& row) {
  row.removed = true;
  touch(row);
}

void View::set(Row& row, std::string_view column, Datum value) {
  set(row, column_of(*row.table, column), std::move(value));
}

void View::set(Row& row, std::size_t column, Datum value) {
  if (!row.inserted) get(row, column);  // what it replaces decides whether anything changes
  row.deltas.erase(column);
  for (const Atom& element : value.keys()) remember_value(row, column, element);
  row.written[column] = std::move(value);
  touch(row);
}

void View::add_reference(Row& row, std::string_view name, const Uuid& uuid) {
  const std::size_t column = column_of(*row.table, name);
  if (row.inserted || row.written.contains(column)) {
    Datum value = get(row, column);
    if (!value.contains(uuid)) value.insert(uuid);
    row.written[column] = std::move(value);
  } else {
    row.deltas[column].added.insert(uuid);
    row.deltas[column].removed.erase(uuid);
  }
  remember_value(row, column, uuid);
  touch(row);
}

void View::drop_reference(Row& row, std::string_view name, const Uuid& uuid) {
  const std::size_t column = column_of(*row.table, name);
  if (row.inserted || row.written.contains(column)) {
    Datum value = get(row, column);
    value.erase(uuid);
    row.written[column] = std::move(value);
  } else if (row.deltas[column].added.erase(uuid) == 0) {
    row.deltas[column].removed.insert(uuid);
  }
  touch(row);
}

void View::mutate(Row& row, Mutation mutation) {
  row.mutations.push_back(std::move(mutation));
  touch(row);
}

// ---------------------------------------------------------------- between runs

std::string View::columns_text(const Question& question) const {
  std::string text = "\"_uuid\"";
  for (const std::size_t column : question.columns) {
    if (is_hidden(question.table, column)) continue;
    text += ",\"" + question.table->columns[column].name + '"';
  }
  return text;
}

std::string View::request() const {
  std::string text;
  for (const auto& asked : questions_) {
    if (hidden_tables_.contains(asked->table)) continue;
    append_comma(text);
    fmt::format_to(std::back_inserter(text),
                   R"({{"op":"select","table":"{}","where":{},"columns":[{}]}})",
                   asked->table->name, asked->where_text, columns_text(*asked));
  }
  return text;
}

void View::accept(const nlohmann::json& results) {
  for (auto& [table, rows] : rows_) {
    for (auto& [uuid, row] : rows) row->stored.assign(table->columns.size(), std::nullopt);
  }
  std::size_t position = 0;
  for (const auto& asked : questions_) {
    asked->rows.clear();
    asked->has_answer = true;
    asked->answered = asked->columns;
    if (hidden_tables_.contains(asked->table)) continue;
    for (const nlohmann::json& json : results.at(position++).at("rows")) {
      const auto uuid = Uuid::parse(json.at("_uuid").at(1).get_ref<const std::string&>());
      if (!uuid) continue;
      Row& row = row_of(*asked->table, *uuid);
      asked->rows.push_back(&row);
      for (const std::size_t column : asked->columns) {
        const db::Column& described = asked->table->columns[column];
        const auto member = json.find(described.name);
        if (member == json.end()) continue;
        auto datum = db::datum_from_json(*member, described.type, {}, db::CountCheck::none);
        // A value of another type than ours is a newer schema's: as if there was none.
        row.stored[column] = datum ? std::move(*datum) : db::default_value(described.type);
      }
    }
  }
  missing_ = false;
}

void View::rewind() {
  for (Row* row : touched_) {
    const db::Table* table = row->table;
    if (row->inserted) {
      rows_[table].erase(Uuid(row->uuid));
      continue;
    }
    row->written.clear();
    row->deltas.clear();
    row->mutations.clear();
    row->removed = row->touched = false;
  }
  touched_.clear();
  touched_in_.clear();
  changed_values_.clear();
  provisional_.clear();
  for (const auto& asked : questions_) {
    asked->is_used = false;
    asked->guard = Guard::no;
  }
}

// ---------------------------------------------------------------- operations

std::string View::atom_to_wire(const Atom& atom) const {
  if (const Uuid* uuid = std::get_if<Uuid>(&atom)) {
    if (is_provisional(*uuid)) {
      std::string name = "row" + to_string(*uuid);
      std::replace(name.begin(), name.end(), '-', '_');
      return fmt::format(R"(["named-uuid","{}"])", name);
    }
  }
  return db::json_text(db::to_json(atom));
}

std::string View::to_wire(const Datum& datum, const db::ColumnType& type) const {
  if (!type.is_map() && datum.size() == 1) return atom_to_wire(datum.keys()[0]);
  return collection_to_wire(datum, type);
}

/// The long form, even of one element.
std::string View::collection_to_wire(const Datum& datum, const db::ColumnType& type) const {
  std::string elements;
  for (std::size_t i = 0; i < datum.size(); ++i) {
    append_comma(elements);
    const std::string key = atom_to_wire(datum.keys()[i]);
    elements += type.is_map() ? "[" + key + "," + atom_to_wire(datum.values()[i]) + "]" : key;
  }
  return fmt::format(R"(["{}",[{}]])", type.is_map() ? "map" : "set", elements);
}

/// "wait" with timeout 0 fails unless the question still has the same answer: RFC 7047, 5.2.6.
void View::append_guard(Operations& out, const Question& question) const {
  if (!question.is_used || question.guard == Guard::no) return;
  if (hidden_tables_.contains(question.table)) return;
  std::string rows;
  for (const Row* row : question.rows) {
    append_comma(rows);
    fmt::format_to(std::back_inserter(rows), R"({{"_uuid":["uuid","{}"])", to_string(row->uuid));
    for (const std::size_t column : question.columns) {
      if (is_hidden(question.table, column)) continue;
      const db::Column& described = question.table->columns[column];
      if (!row->stored[column]) continue;
      rows += ",\"" + described.name +
              "\":" + db::json_text(db::to_json(*row->stored[column], described.type));
    }
    rows += '}';
  }
  append_comma(out.text);
  fmt::format_to(
      std::back_inserter(out.text),
      R"({{"op":"wait","table":"{}","where":{},"columns":[{}],"until":"==","rows":[{}],"timeout":0}})",
      question.table->name, question.where_text, columns_text(question), rows);
  ++out.count;
}

void View::append_insert(Operations& out, Row& row) const {
  std::string members;
  for (const auto& [column, value] : row.written) {
    const db::Column& described = row.table->columns[column];
    if (value == db::default_value(described.type)) continue;
    append_comma(members);
    members += '"' + described.name + "\":" + to_wire(value, described.type);
  }
  std::string name = "row" + to_string(row.uuid);
  std::replace(name.begin(), name.end(), '-', '_');
  const std::string chosen =
      row.has_chosen_uuid ? fmt::format(R"(,"uuid":"{}")", to_string(row.uuid)) : "";
  append_comma(out.text);
  fmt::format_to(std::back_inserter(out.text),
                 R"({{"op":"insert","table":"{}","uuid-name":"{}"{},"row":{{{}}}}})",
                 row.table->name, name, chosen, members);
  out.inserts.emplace_back(out.count++, &row);
  out.changes = true;
}

void View::append_changes(Operations& out, Row& row) const {
  const std::string where = where_text(*row.table, Where::row(row.uuid));
  const auto append = [&](std::string_view op, std::string_view rest) {
    append_comma(out.text);
    fmt::format_to(std::back_inserter(out.text), R"({{"op":"{}","table":"{}","where":{}{}}})", op,
                   row.table->name, where, rest);
    ++out.count;
    out.changes = true;
  };
  if (row.removed) {
    if (row.table->is_root) append("delete", "");  // elsewhere references decide what exists
    return;
  }
  std::string members;
  for (const auto& [column, value] : row.written) {
    if (row.stored[column] && *row.stored[column] == value) continue;
    append_comma(members);
    const db::Column& described = row.table->columns[column];
    members += '"' + described.name + "\":" + to_wire(value, described.type);
  }
  if (!members.empty()) append("update", ",\"row\":{" + members + "}");

  std::string mutations;
  const auto mutation = [&](std::size_t column, std::string_view mutator, const Datum& argument,
                            const db::ColumnType& type) {
    if (argument.empty()) return;
    append_comma(mutations);
    fmt::format_to(std::back_inserter(mutations), R"(["{}","{}",{}])",
                   row.table->columns[column].name, mutator, collection_to_wire(argument, type));
  };
  const auto keys_of = [&](std::size_t column) {
    return db::ColumnType{row.table->columns[column].type.key, std::nullopt, 0, db::kUnlimited};
  };
  for (const auto& [column, delta] : row.deltas) {
    Datum added, removed;
    for (const Uuid& uuid : delta.removed) removed.insert(uuid);
    for (const Uuid& uuid : delta.added) added.insert(uuid);
    mutation(column, "delete", removed, keys_of(column));
    mutation(column, "insert", added, row.table->columns[column].type);
  }
  for (const Mutation& asked : row.mutations) {
    mutation(asked.column, "delete", asked.removed_keys, keys_of(asked.column));
    mutation(asked.column, "insert", asked.added, row.table->columns[asked.column].type);
  }
  if (!mutations.empty()) append("mutate", ",\"mutations\":[" + mutations + "]");
}

View::Operations View::operations() const {
  Operations out;
  for (const auto& asked : questions_) append_guard(out, *asked);
  for (Row* row : touched_) {
    if (!row->inserted) {
      append_changes(out, *row);
    } else if (!row->removed) {
      append_insert(out, *row);
    }
  }
  return out;
}

bool View::uses(const db::Table& table) const {
  return std::any_of(questions_.begin(), questions_.end(),
                     [&](const auto& asked) { return asked->table == &table; });
}

bool View::uses(const db::Table& table, std::size_t column) const {
  return std::any_of(questions_.begin(), questions_.end(), [&](const auto& asked) {
    return asked->table == &table && asked->columns.contains(column);
  });
}

std::string View::monitor_requests() const {
  std::map<std::string_view, std::set<std::size_t>> columns;
  std::map<std::string_view, const db::Table*> tables;
  for (const auto& asked : questions_) {
    if (!asked->is_used || hidden_tables_.contains(asked->table)) continue;
    tables[asked->table->name] = asked->table;
    columns[asked->table->name].insert(asked->columns.begin(), asked->columns.end());
  }
  std::string text;
  for (const auto& [name, table] : tables) {
    std::string names;
    for (const std::size_t column : columns[name]) {
      if (is_hidden(table, column)) continue;
      append_comma(names);
      names += '"' + table->columns[column].name + '"';
    }
    append_comma(text);
    fmt::format_to(std::back_inserter(text),
                   R"("{}":[{{"columns":[{}],"select":{{"initial":false}}}}])", name, names);
  }
  return "{" + text + "}";
}

}  // namespace bondway::ctl
