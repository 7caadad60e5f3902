#include <algorithm>

#include "ctl/advice.hpp"
#include "ctl/commands.hpp"
#include "ctl/records.hpp"
#include "db/engine/json.hpp"
#include "db/engine/text.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::Datum;
using db::Uuid;

constexpr std::size_t kRowUuid = static_cast<std::size_t>(-1);  ///< stands for the column _uuid

bool is_row_uuid(std::string_view name) {
  constexpr std::string_view kName = "_uuid";
  return name.size() == kName.size() &&
         std::equal(name.begin(), name.end(), kName.begin(), [](char typed, char c) {
           const char lower =
               typed >= 'A' && typed <= 'Z' ? static_cast<char>(typed - 'A' + 'a') : typed;
           return lower == c;
         });
}

Result<const db::Table*> table_of(Context& context) {
  return find_table(context.view().schema(), context.argument(0));
}

tl::unexpected<Error> no_row(const db::Table& table, const std::string& name) {
  return fail("no row \"{}\" in table {}", name, table.name);
}

/// The record of a command that changes or prints it.  Null: there is none, and that is fine.
Result<Row*> target_of(Context& context, const db::Table& table, const std::string& name,
                       const Columns& columns, Guard guard = Guard::yes) {
  Result<Row*> row = find_record(context.view(), table, name, columns, guard);
  if (row && *row == nullptr && !context.call.has("if-exists")) return no_row(table, name);
  return row;
}

using FindColumn = Result<std::size_t> (*)(std::string_view argument, const db::Table& table);

/// An argument that is nothing but a column's name.
Result<std::size_t> plain_column(std::string_view argument, const db::Table& table) {
  return find_column(table, argument);
}

/// The table, record and columns of `get`, `set` and the like, announced.
Result<void> prepare_record(Context& context, std::span<const std::string> column_arguments,
                            FindColumn find = parse_column) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  Columns columns;
  for (const std::string& argument : column_arguments) {
    if (context.call.command->run == get_values && (is_row_uuid(argument) || argument == "-uuid")) {
      continue;
    }
    const auto column = find(argument, **table);
    if (!column) return tl::unexpected(column.error());
    columns.push_back(*column);
  }
  want_record(context.view(), **table, context.argument(1), columns);
  return {};
}

/// The type of several elements of a column at once, as add and remove take them.
db::ColumnType some_of(const db::ColumnType& type) {
  return {type.key, type.value, 1, db::kUnlimited};
}

Result<void> check_writable(const db::Table& table, const db::Column& column) {
  if (column.is_mutable) return {};
  return fail("cannot modify read-only column {} in table {}", column.name, table.name);
}

// ---------------------------------------------------------------- list and find

/// The columns of --columns, or all; kRowUuid among them.
Result<Columns> listed_columns(Context& context, const db::Table& table) {
  const auto option = context.call.option("columns");
  if (!option) {
    Columns columns = all_columns(table);
    columns.insert(columns.begin(), kRowUuid);
    return columns;
  }
  Columns columns;
  std::string_view rest = *option;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find_first_of(", "), rest.size());
    const std::string_view name = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (name.empty()) continue;
    if (is_row_uuid(name)) {
      columns.push_back(kRowUuid);
      continue;
    }
    const auto column = find_column(table, name);
    if (!column) return tl::unexpected(column.error());
    columns.push_back(*column);
  }
  if (columns.empty()) return fail("must specify at least one column name");
  return columns;
}

Columns without_row_uuid(Columns columns) {
  std::erase(columns, kRowUuid);
  return columns;
}

/// What list and find were asked to print.
struct Listing {
  const db::Table* table = nullptr;
  Columns printed;
};

Result<Listing> listing_of(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  auto columns = listed_columns(context, **table);
  if (!columns) return tl::unexpected(columns.error());
  return Listing{*table, std::move(*columns)};
}

TableText empty_table(const Listing& listing) {
  TableText text;
  for (const std::size_t column : listing.printed) {
    text.headings.push_back(column == kRowUuid ? "_uuid" : listing.table->columns[column].name);
  }
  return text;
}

void append_row(View& view, TableText& text, const Listing& listing, Row& row) {
  std::vector<Cell>& cells = text.rows.emplace_back();
  cells.reserve(listing.printed.size());
  for (const std::size_t column : listing.printed) {
    if (column == kRowUuid) {
      cells.push_back({Datum(Atom(row.uuid)), &row_uuid_type(), true});
    } else {
      cells.push_back({view.get(row, column), &listing.table->columns[column].type});
    }
  }
}

std::vector<Row*> rows_in_order(View& view, const db::Table& table, const Where& where,
                                const Columns& columns) {
  auto rows = view.select(table, where, columns, Guard::no);
  std::erase_if(rows, [](const Row* row) { return row->removed; });
  std::sort(rows.begin(), rows.end(), [](Row* a, Row* b) { return a->uuid < b->uuid; });
  return rows;
}

Columns condition_columns(std::span<const std::string> conditions, const db::Table& table) {
  Columns columns;
  for (const std::string& condition : conditions) {
    if (const auto column = parse_column(condition, table)) columns.push_back(*column);
  }
  return columns;
}

Result<bool> meets(Context& context, Row& row, std::span<const std::string> conditions) {
  for (const std::string& argument : conditions) {
    const auto condition = parse_condition(argument, *row.table, row_names(context.run));
    if (!condition) return tl::unexpected(condition.error());
    if (!holds(*condition, context.view().get(row, condition->column))) return false;
  }
  return true;
}

// ---------------------------------------------------------------- get

Result<std::string> value_text(Context& context, Row& row, const std::string& record,
                               const std::string& argument) {
  View& view = context.view();
  if (is_row_uuid(argument) || argument == "-uuid") return to_string(row.uuid);
  const auto asked = parse_column_key(argument, *row.table);
  if (!asked) return tl::unexpected(asked.error());
  if (!asked->rest.empty()) {
    return fail("{}: trailing garbage \"{}\" in argument", argument, asked->rest);
  }
  const db::Column& column = row.table->columns[asked->column];
  const Datum& datum = view.get(row, asked->column);
  if (!asked->key) return db::to_text(datum, column.type);
  if (!column.type.is_map()) {
    return fail("cannot specify key to get for non-map column {}", column.name);
  }
  const auto key = parse_atom(*asked->key, column.type.key, row_names(context.run));
  if (!key) return tl::unexpected(key.error());
  if (const Atom* value = datum.find(*key)) return db::to_text(*value);
  if (context.call.has("if-exists")) return std::string();
  return fail("no key \"{}\" in {} record \"{}\" column {}", *asked->key, row.table->name, record,
              column.name);
}

/// Lets `@name` stand for a row that exists.
Result<void> name_row(Context& context, const Row& row) {
  const auto name = context.call.option("id");
  if (!name) return {};
  if (!name->starts_with('@')) return fail("row id \"{}\" does not begin with \"@\"", *name);
  const auto [at, is_new] = context.run.row_ids.try_emplace(*name);
  if (!is_new) {
    if (at->second.is_defined) {
      return fail("row id \"{}\" may only be specified on one --id option", *name);
    }
    return fail("row id \"{}\" specified on \"get\" command was used before it was defined", *name);
  }
  at->second.uuid = row.uuid;
  at->second.is_defined = true;
  return {};
}

// ---------------------------------------------------------------- set, add, remove

/// Notes what the switch will make of keys and values that are about to be stored.
void note_advice(Run& run, const db::Table& table, const db::Column& column, const Datum& added) {
  if (column.name != "other_config" || !added.is_map()) return;
  for (std::size_t i = 0; i < added.size(); ++i) {
    auto advice = advise(table.name, column.name, std::get<std::string>(added.keys()[i]),
                         std::get<std::string>(added.values()[i]));
    if (advice) run.advice.push_back(std::move(*advice));
  }
}

/// `COLUMN:KEY=VALUE`.  The value is one atom as it stands.
Result<void> apply_key(Context& context, Row& row, const Setting& setting) {
  const db::Column& column = row.table->columns[setting.column];
  if (!column.type.is_map()) {
    return fail("cannot specify key to set for non-map column {}", column.name);
  }
  const RowNames names = row_names(context.run);
  auto key = parse_atom(*setting.key, column.type.key, names);
  if (!key) return tl::unexpected(key.error());
  auto value = parse_atom(setting.value, *column.type.value, names);
  if (!value) return tl::unexpected(value.error());
  Datum added;
  added.insert(*key, *value);
  note_advice(context.run, *row.table, column, added);
  Datum datum = context.view().get(row, setting.column);
  datum.insert(std::move(*key), std::move(*value));
  context.view().set(row, setting.column, std::move(datum));
  return {};
}

/// What the elements of `more` add to `datum`; of a key that is there the value stays.
void unite(Datum& datum, const Datum& more) {
  for (std::size_t i = 0; i < more.size(); ++i) {
    if (datum.contains(more.keys()[i])) continue;
    if (more.is_map()) {
      datum.insert(more.keys()[i], more.values()[i]);
    } else {
      datum.insert(more.keys()[i]);
    }
  }
}

/// As the last command, add leaves the work, and the checks, to the database; of a key that is
/// there it then replaces the value.
void add_in_database(View& view, Row& row, std::size_t column, Datum added) {
  Datum replaced;
  const Datum& old = view.get(row, column);
  for (std::size_t i = 0; added.is_map() && i < added.size(); ++i) {
    const Atom* value = old.find(added.keys()[i]);
    if (value != nullptr && *value != added.values()[i]) replaced.insert(added.keys()[i]);
  }
  view.mutate(row, Mutation{column, std::move(replaced), std::move(added)});
}

/// What remove takes: elements, pairs, or for a map also keys alone.
Result<Datum> parse_removed(const std::string& argument, const db::ColumnType& type,
                            const RowNames& names) {
  const db::ColumnType whole = some_of(type);
  auto datum = parse_datum(argument, whole, names);
  if (datum || !type.is_map()) return datum;
  return parse_datum(argument, db::ColumnType{type.key, std::nullopt, 1, db::kUnlimited}, names);
}

void subtract(Datum& datum, const Datum& removed) {
  for (std::size_t i = 0; i < removed.size(); ++i) {
    const Atom& key = removed.keys()[i];
    if (removed.is_map()) {
      const Atom* value = datum.find(key);
      if (value == nullptr || *value != removed.values()[i]) continue;
    }
    datum.erase(key);
  }
}

Result<void> check_count(std::string_view command, const db::Table& table, const db::Column& column,
                         const Datum& datum) {
  const bool too_many = datum.size() > column.type.max;
  if (!too_many && datum.size() >= column.type.min) return {};
  return fail("\"{}\" operation would put {} {} in column {} of table {} but the {} number is {}",
              command, datum.size(), column.type.is_map() ? "pairs" : "values", column.name,
              table.name, too_many ? "maximum" : "minimum",
              too_many ? column.type.max : column.type.min);
}

/// The row and the column of `add` and `remove`; the row may be null.
struct Place {
  Row* row = nullptr;
  std::size_t column = 0;
};

Result<Place> place_of(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const auto column = find_column(**table, context.argument(2));
  if (!column) return tl::unexpected(column.error());
  const auto row = target_of(context, **table, context.argument(1), {*column});
  if (!row) return tl::unexpected(row.error());
  if (*row != nullptr) {
    if (auto ok = check_writable(**table, (*table)->columns[*column]); !ok) {
      return tl::unexpected(ok.error());
    }
  }
  return Place{*row, *column};
}

}  // namespace

RowNames row_names(Run& run) {
  return [&run](const std::string& name, const db::BaseType& to) {
    const auto [at, is_new] = run.row_ids.try_emplace(name);
    if (is_new) at->second.uuid = Uuid::random();
    (to.ref_kind == db::RefKind::weak ? at->second.has_weak_reference
                                      : at->second.has_strong_reference) = true;
    return at->second.uuid;
  };
}

Result<void> apply_setting(Context& context, Row& row, const std::string& argument) {
  const auto setting = parse_setting(argument, *row.table);
  if (!setting) return tl::unexpected(setting.error());
  const db::Column& column = row.table->columns[setting->column];
  if (!row.inserted) {
    if (auto ok = check_writable(*row.table, column); !ok) return ok;
  }
  if (setting->key) return apply_key(context, row, *setting);
  auto datum = parse_datum(setting->value, column.type, row_names(context.run));
  if (!datum) return tl::unexpected(datum.error());
  note_advice(context.run, *row.table, column, *datum);
  context.view().set(row, setting->column, std::move(*datum));
  return {};
}

// ---------------------------------------------------------------- list and find

Result<void> prepare_list(Context& context) {
  const auto listing = listing_of(context);
  if (!listing) return tl::unexpected(listing.error());
  const Columns columns = without_row_uuid(listing->printed);
  if (context.count() == 1) context.view().want(*listing->table, Where::all(), columns);
  for (const std::string& name : context.arguments_from(1)) {
    want_record(context.view(), *listing->table, name, columns);
  }
  return {};
}

Done list_records(Context& context) {
  View& view = context.view();
  const auto listing = listing_of(context);
  if (!listing) return tl::unexpected(listing.error());
  const Columns columns = without_row_uuid(listing->printed);
  TableText text = empty_table(*listing);
  for (const std::string& name : context.arguments_from(1)) {
    const auto row = target_of(context, *listing->table, name, columns, Guard::no);
    if (!row) return tl::unexpected(row.error());
    if (*row != nullptr) append_row(view, text, *listing, **row);
  }
  if (context.count() == 1) {
    for (Row* row : rows_in_order(view, *listing->table, Where::all(), columns)) {
      append_row(view, text, *listing, *row);
    }
  }
  context.output.table = std::move(text);
  return Next::go_on;
}

/// find asks the database for the rows that meet its first condition where that is a plain `=`.
/// Not a later one's: a condition is not even parsed for rows that fail one before it.
Where candidates(std::span<const std::string> conditions, const db::Table& table) {
  if (conditions.empty()) return Where::all();
  bool names_rows = false;
  const RowNames names = [&names_rows](const std::string&, const db::BaseType&) {
    names_rows = true;
    return Uuid();
  };
  auto condition = parse_condition(conditions[0], table, names);
  if (!condition || names_rows || condition->op != "=" || condition->key) return Where::all();
  return Where::equal(condition->column, std::move(condition->value));
}

Result<void> prepare_find(Context& context) {
  const auto listing = listing_of(context);
  if (!listing) return tl::unexpected(listing.error());
  for (const std::string& condition : context.arguments_from(1)) {
    const auto column = parse_column(condition, *listing->table);
    if (!column) return tl::unexpected(column.error());
  }
  Columns columns = condition_columns(context.arguments_from(1), *listing->table);
  for (const std::size_t column : without_row_uuid(listing->printed)) columns.push_back(column);
  context.view().want(*listing->table, candidates(context.arguments_from(1), *listing->table),
                      columns);
  return {};
}

Done find_records(Context& context) {
  View& view = context.view();
  const auto listing = listing_of(context);
  if (!listing) return tl::unexpected(listing.error());
  const auto conditions = context.arguments_from(1);
  Columns columns = condition_columns(conditions, *listing->table);
  for (const std::size_t column : without_row_uuid(listing->printed)) columns.push_back(column);
  TableText text = empty_table(*listing);
  for (Row* row :
       rows_in_order(view, *listing->table, candidates(conditions, *listing->table), columns)) {
    const auto met = meets(context, *row, conditions);
    if (!met) return tl::unexpected(met.error());
    if (*met) append_row(view, text, *listing, *row);
  }
  context.output.table = std::move(text);
  return Next::go_on;
}

// ---------------------------------------------------------------- get

Result<void> prepare_get(Context& context) {
  return prepare_record(context, context.arguments_from(2));
}

Done get_values(Context& context) {
  if (context.call.has("if-exists") && context.call.has("id")) {
    return fail("--if-exists and --id may not be specified together");
  }
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const std::string& record = context.argument(1);
  const Columns columns = condition_columns(context.arguments_from(2), **table);
  const auto row = target_of(context, **table, record, columns);
  if (!row) return tl::unexpected(row.error());
  if (*row == nullptr) return Next::go_on;
  if (auto named = name_row(context, **row); !named) return tl::unexpected(named.error());
  for (const std::string& argument : context.arguments_from(2)) {
    const auto text = value_text(context, **row, record, argument);
    if (!text) return tl::unexpected(text.error());
    context.output.text += *text + '\n';
  }
  return Next::go_on;
}

// ---------------------------------------------------------------- set, add, remove, clear

Result<void> prepare_set(Context& context) {
  return prepare_record(context, context.arguments_from(2));
}

Done set_values(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const Columns columns = condition_columns(context.arguments_from(2), **table);
  const auto row = target_of(context, **table, context.argument(1), columns);
  if (!row) return tl::unexpected(row.error());
  if (*row == nullptr) return Next::go_on;
  for (const std::string& argument : context.arguments_from(2)) {
    if (auto done = apply_setting(context, **row, argument); !done) {
      return tl::unexpected(done.error());
    }
  }
  return Next::go_on;
}

Result<void> prepare_add(Context& context) {
  return prepare_record(context, context.arguments_from(2).first(1), plain_column);
}

Done add_values(Context& context) {
  View& view = context.view();
  const auto place = place_of(context);
  if (!place) return tl::unexpected(place.error());
  if (place->row == nullptr) return Next::go_on;
  const db::Table& table = *place->row->table;
  const db::Column& column = table.columns[place->column];
  const db::ColumnType type = some_of(column.type);
  Datum added;
  for (const std::string& argument : context.arguments_from(3)) {
    const auto more = parse_datum(argument, type, row_names(context.run));
    if (!more) return tl::unexpected(more.error());
    unite(added, *more);
  }
  note_advice(context.run, table, column, added);
  if (context.is_last) {
    add_in_database(view, *place->row, place->column, std::move(added));
    return Next::go_on;
  }
  Datum whole = view.get(*place->row, place->column);
  unite(whole, added);
  if (auto ok = check_count("add", table, column, whole); !ok) return tl::unexpected(ok.error());
  view.set(*place->row, place->column, std::move(whole));
  return Next::go_on;
}

Done remove_values(Context& context) {
  View& view = context.view();
  const auto place = place_of(context);
  if (!place) return tl::unexpected(place.error());
  if (place->row == nullptr) return Next::go_on;
  const db::Table& table = *place->row->table;
  const db::Column& column = table.columns[place->column];
  Datum rest = view.get(*place->row, place->column);
  for (const std::string& argument : context.arguments_from(3)) {
    const auto removed = parse_removed(argument, column.type, row_names(context.run));
    if (!removed) return tl::unexpected(removed.error());
    subtract(rest, *removed);
  }
  if (auto ok = check_count("remove", table, column, rest); !ok) {
    return tl::unexpected(ok.error());
  }
  view.set(*place->row, place->column, std::move(rest));
  return Next::go_on;
}

Result<void> prepare_clear(Context& context) {
  return prepare_record(context, context.arguments_from(2), plain_column);
}

Done clear_columns(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const Columns columns = condition_columns(context.arguments_from(2), **table);
  const auto row = target_of(context, **table, context.argument(1), columns);
  if (!row) return tl::unexpected(row.error());
  if (*row == nullptr) return Next::go_on;
  for (const std::string& argument : context.arguments_from(2)) {
    const auto position = find_column(**table, argument);
    if (!position) return tl::unexpected(position.error());
    const db::Column& column = (*table)->columns[*position];
    if (auto ok = check_writable(**table, column); !ok) return tl::unexpected(ok.error());
    if (column.type.min > 0) {
      return fail(
          "\"clear\" operation cannot be applied to column {} of table {}, which is not allowed to "
          "be empty",
          column.name, (*table)->name);
    }
    context.view().set(**row, *position, Datum());
  }
  return Next::go_on;
}

// ---------------------------------------------------------------- create and destroy

Result<void> prepare_create(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  if (!(*table)->is_root && !context.call.has("id")) {
    context.run.warnings.push_back(
        {"db_ctl_base",
         fmt::format(
             "applying \"create\" command to table {} without --id option will have no effect",
             (*table)->name)});
  }
  return {};
}

Done create_record(Context& context) {
  View& view = context.view();
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  Uuid uuid = Uuid::random();
  bool chosen = false;
  if (const auto id = context.call.option("id")) {
    if (const auto fixed = Uuid::parse(*id)) {
      uuid = *fixed;
      chosen = true;
    } else if (!id->starts_with('@')) {
      return fail("row id \"{}\" does not begin with \"@\"", *id);
    } else {
      RowId& named = context.run.row_ids.try_emplace(*id, RowId{uuid}).first->second;
      if (named.is_defined) {
        return fail("row id \"{}\" may only be specified on one --id option", *id);
      }
      named.is_defined = true;
      named.is_created = !(*table)->is_root;
      uuid = named.uuid;
    }
  }
  Row& row = view.insert(**table, uuid);
  row.has_chosen_uuid = chosen;
  for (const std::string& argument : context.arguments_from(1)) {
    if (auto done = apply_setting(context, row, argument); !done) {
      return tl::unexpected(done.error());
    }
  }
  context.output.created = &row;
  return Next::go_on;
}

Result<void> prepare_destroy(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  if (context.call.has("all")) context.view().want(**table, Where::all(), {});
  for (const std::string& name : context.arguments_from(1)) {
    want_record(context.view(), **table, name, {});
  }
  return {};
}

Done destroy_records(Context& context) {
  View& view = context.view();
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const bool all = context.call.has("all");
  if (all && context.count() > 1) {
    return fail("--all and records argument should not be specified together");
  }
  if (all && context.call.has("if-exists")) {
    return fail("--all and --if-exists should not be specified together");
  }
  if (!all && context.count() == 1) {
    context.run.warnings.push_back(
        {"db_ctl_base", "either --all or records argument should be specified"});
  }
  if (all) {
    for (Row* row : rows_in_order(view, **table, Where::all(), {})) view.remove(*row);
  }
  for (const std::string& name : context.arguments_from(1)) {
    const auto row = target_of(context, **table, name, {});
    if (!row) return tl::unexpected(row.error());
    if (*row != nullptr) view.remove(**row);
  }
  return Next::go_on;
}

// ---------------------------------------------------------------- wait-until

Result<void> prepare_wait(Context& context) {
  return prepare_record(context, context.arguments_from(2));
}

Done wait_until(Context& context) {
  const auto table = table_of(context);
  if (!table) return tl::unexpected(table.error());
  const auto conditions = context.arguments_from(2);
  const Columns columns = condition_columns(conditions, **table);
  const auto row = find_record(context.view(), **table, context.argument(1), columns, Guard::no);
  if (!row) return tl::unexpected(row.error());
  if (*row == nullptr) return Next::try_again;
  const auto met = meets(context, **row, conditions);
  if (!met) return tl::unexpected(met.error());
  return *met ? Next::go_on : Next::try_again;
}

}  // namespace bondway::ctl
