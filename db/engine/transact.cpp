#include "db/engine/transact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "db/engine/condition.hpp"
#include "db/engine/field.hpp"
#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/members.hpp"
#include "db/engine/mutation.hpp"
#include "db/engine/transaction.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

/// The rows that "uuid-name"s stand for; a name may be used before the insert that defines it.
class RowNames {
 public:
  Uuid uuid_of(const std::string& name) { return entry(name).uuid; }
  /// Where the insert has a uuid of its own.  False: another insert has the name already.
  bool define(const std::string& name, const Uuid& uuid) {
    Entry& named = entries_.try_emplace(name, Entry{uuid}).first->second;
    return !std::exchange(named.is_defined, true);
  }

 private:
  struct Entry {
    Uuid uuid{};
    bool is_defined = false;
  };
  Entry& entry(const std::string& name) {
    const auto [at, is_new] = entries_.try_emplace(name);
    if (is_new) at->second.uuid = Uuid::random();
    return at->second;
  }
  std::unordered_map<std::string, Entry> entries_;
};

/// That many rows are looked through in the time in which one value is returned.
constexpr std::size_t kVisitsInOne = 4;

/// That many values of a column that is mutated are copied in the time of one that is returned.
constexpr std::size_t kValuesInOne = 8;

/// The longest timeout that is not forever.
constexpr milliseconds kLongest = std::chrono::hours(24 * 365 * 100);

/// Runs the operations of one request, one by one.
class Request {
 public:
  Request(Database& database, const TransactContext& context)
      : transaction_(database), context_(context) {}

  TransactOutcome run(const json& params);

 private:
  using Answer = Result<json>;
  struct Operation {
    std::string_view name;
    bool writes;
    Answer (Request::*run)(Members&);
  };
  static const std::array<Operation, 10> kOperations;

  Answer run_operation(const json& source);

  Answer insert(Members& members);
  Answer select(Members& members);
  Answer update(Members& members);
  Answer mutate(Members& members);
  Answer erase(Members& members);
  Answer wait(Members& members);
  Answer commit(Members& members);
  Answer abort(Members& members);
  Answer comment(Members& members);
  Answer assert_lock(Members& members);

  const Table* table_member(Members& members);
  Error parse_error(const Members& members) const;
  /// The rows that meet a condition, found by uuid or unique index where it allows.
  Result<std::vector<Uuid>> matching(const Table& table, const Condition& condition);
  std::optional<std::vector<Uuid>> find_by_key(const Table& table, const Condition& condition);
  /// An error when the budget does not suffice.
  std::optional<Error> spend(std::size_t work);
  /// Columns to set: position and content.
  using Assignments = std::vector<std::pair<std::size_t, Datum>>;
  Result<Assignments> assignments(const json& row, const Table& table, const Members* immutable);

  Transaction transaction_;
  const TransactContext& context_;
  RowNames row_names_;
  const NameToUuid names_ = [this](const std::string& name) { return row_names_.uuid_of(name); };
  std::size_t spent_ = 0;               ///< of the budget
  std::size_t number_ = 0, count_ = 0;  ///< the present operation, counted from 1; all
  bool blocked_ = false;
  std::optional<milliseconds> deadline_;
};

/// The values that a row has in some columns, for comparing sets of rows.
using Projection = std::vector<Datum>;

struct ProjectionHash {
  std::size_t operator()(const Projection& projection) const {
    std::size_t hash = 0;
    for (const Datum& datum : projection) hash = hash * 31 + hash_of(datum);
    return hash;
  }
};
using Projections = std::unordered_set<Projection, ProjectionHash>;

Projection project(const Row& row, const std::vector<Field>& fields) {
  Projection projection;
  projection.reserve(fields.size());
  Datum scratch;
  for (const Field& field : fields) projection.push_back(field.get(row, scratch));
  return projection;
}

/// `_uuid` or `_version` of a row to wait for; zero, their default, when it says none.
Result<Uuid> identity_member(const json& row, const char* member, const NameToUuid& names) {
  const auto it = row.find(member);
  if (it == row.end()) return Uuid();
  static const ColumnType kUuid{BaseType{.type = AtomicType::uuid}, {}, 1, 1};
  const auto datum = datum_from_json(*it, kUuid, names);
  if (!datum) return tl::unexpected(datum.error());
  return std::get<Uuid>(datum->keys().front());
}

std::size_t count_values(const Row& row, const std::vector<Field>& fields) {
  std::size_t count = 0;
  Datum scratch;
  for (const Field& field : fields) count += 1 + field.get(row, scratch).size();
  return count;
}

json row_to_json(const Row& row, const std::vector<Field>& fields) {
  json object = json::object();
  Datum scratch;
  for (const Field& field : fields) {
    object[field.name()] = to_json(field.get(row, scratch), field.type());
  }
  return object;
}

const std::array<Request::Operation, 10> Request::kOperations{{
    {"insert", true, &Request::insert},
    {"select", false, &Request::select},
    {"update", true, &Request::update},
    {"mutate", true, &Request::mutate},
    {"delete", true, &Request::erase},
    {"wait", false, &Request::wait},
    {"commit", false, &Request::commit},
    {"abort", false, &Request::abort},
    {"comment", false, &Request::comment},
    {"assert", false, &Request::assert_lock},
}};

TransactOutcome Request::run(const json& params) {
  TransactOutcome outcome{.results = json::array()};
  count_ = params.size() - 1;
  for (std::size_t i = 1; i < params.size(); ++i) {
    number_ = i;
    Answer answer = run_operation(params[i]);
    if (blocked_)
      return {.state = TransactOutcome::State::blocked, .results = {}, .deadline = deadline_};
    if (!answer) {
      outcome.state = TransactOutcome::State::failed;
      outcome.results.push_back(to_json(answer.error()));
      while (outcome.results.size() < count_) outcome.results.push_back(nullptr);
      return outcome;
    }
    outcome.results.push_back(std::move(*answer));
  }
  const auto changes = transaction_.commit();
  if (changes) {
    outcome.changed = !changes->empty();
  } else {
    outcome.state = TransactOutcome::State::failed;
    outcome.results.push_back(to_json(changes.error()));
  }
  return outcome;
}

Error Request::parse_error(const Members& members) const {
  return members.error(fmt::format("ovsdb operation {} of {}", number_, count_));
}

Request::Answer Request::run_operation(const json& source) {
  Members members(source);
  const json* name = members.required("op", Kind::id);
  if (!name) return tl::unexpected(parse_error(members));
  const auto& text = name->get_ref<const std::string&>();
  const auto operation = std::find_if(kOperations.begin(), kOperations.end(),
                                      [&](const Operation& row) { return row.name == text; });
  if (operation == kOperations.end()) {
    members.complain(fmt::format("No operation \"{}\"", text));
    return tl::unexpected(parse_error(members));
  }
  if (operation->writes && context_.access == Access::read_only) {
    return fail(
        "not allowed",
        fmt::format("{} operation not allowed when database server is in read only mode", text));
  }
  Answer answer = (this->*operation->run)(members);
  // Only what would have succeeded is forbidden there; "commit" is, too.
  const bool is_forbidden = operation->writes || text == "commit";
  if (answer && is_forbidden && context_.access == Access::reserved) {
    return fail("not allowed",
                fmt::format("{} operation not allowed on table in reserved database {}", text,
                            transaction_.schema().name));
  }
  return answer;
}

const Table* Request::table_member(Members& members) {
  const json* name = members.required("table", Kind::id);
  if (!name) return nullptr;
  const auto& text = name->get_ref<const std::string&>();
  const Table* table = transaction_.schema().find(text);
  if (!table) members.complain(fmt::format("No table named {}.", text));
  return table;
}

Result<Request::Assignments> Request::assignments(const json& row, const Table& table,
                                                  const Members* immutable) {
  Assignments result;
  for (const auto& [name, value] : row.get_ref<const json::object_t&>()) {
    const auto field = Field::find(table, name);
    if (!field) {
      return fail("unknown column", fmt::format("No column {} in table {}.", name, table.name),
                  json_text(row));
    }
    auto datum = datum_from_json(value, field->type(), names_);
    if (!datum) return tl::unexpected(std::move(datum.error()));
    if (immutable && !field->is_mutable()) {
      return fail("constraint violation",
                  fmt::format("Cannot update immutable column {} in table {}.", name, table.name),
                  json_text(immutable->source()));
    }
    if (field->position()) result.emplace_back(*field->position(), std::move(*datum));
  }
  return result;
}

/// RFC 7047, 5.2.1; "uuid" is an extension.
Request::Answer Request::insert(Members& members) {
  const Table* table = table_member(members);
  const json* row = members.required("row", Kind::object);
  const json* uuid_name = members.optional("uuid-name", Kind::id);
  const json* uuid_text = members.optional("uuid", Kind::string);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  Uuid uuid = Uuid::random();
  if (uuid_text) {
    const auto parsed = Uuid::parse(uuid_text->get_ref<const std::string&>());
    if (!parsed) return fail("syntax error", "bad uuid", json_text(*uuid_text));
    uuid = *parsed;
    if (!transaction_.can_insert(*table, uuid)) {
      return fail(
          "duplicate uuid",
          "This UUID would duplicate a UUID already present within the table or deleted within "
          "the same transaction.",
          json_text(*uuid_text));
    }
  }
  if (uuid_name) {
    const auto& name = uuid_name->get_ref<const std::string&>();
    if (!row_names_.define(name, uuid)) {
      return fail("duplicate uuid-name",
                  "This \"uuid-name\" appeared on an earlier \"insert\" operation.",
                  json_text(*uuid_name));
    }
    uuid = row_names_.uuid_of(name);
  }
  auto values = assignments(*row, *table, nullptr);
  if (!values) return tl::unexpected(std::move(values.error()));
  transaction_.insert(*table, uuid);
  auto& columns = transaction_.edit(*table, uuid);
  for (auto& [position, datum] : *values) columns[position] = std::move(datum);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].size() != 1 || table->columns[i].type.is_map()) continue;
    if (auto error = check(columns[i], table->columns[i].type)) return tl::unexpected(*error);
  }
  return json{{"uuid", to_json(uuid)}};
}

/// RFC 7047, 5.2.2; "sort" is an extension.
Request::Answer Request::select(Members& members) {
  const Table* table = table_member(members);
  const json* where = members.required("where", Kind::array);
  const json* columns = members.optional("columns", Kind::array);
  const json* sort = members.optional("sort", Kind::array);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  const auto condition = Condition::parse(*where, *table, names_);
  if (!condition) return tl::unexpected(condition.error());
  const auto fields = Field::from_json(columns, *table);
  if (!fields) return tl::unexpected(fields.error());
  const json no_names = json::array();
  const auto sort_fields = Field::from_json(sort ? sort : &no_names, *table);
  if (!sort_fields) return tl::unexpected(sort_fields.error());

  const auto uuids = matching(*table, *condition);
  if (!uuids) return tl::unexpected(uuids.error());
  std::vector<const Row*> rows;
  for (const Uuid& uuid : *uuids) rows.push_back(transaction_.get(*table, uuid));
  if (!sort_fields->empty()) {
    std::stable_sort(rows.begin(), rows.end(), [&](const Row* a, const Row* b) {
      Datum scratch_a, scratch_b;
      for (const Field& field : *sort_fields) {
        const auto order = field.get(*a, scratch_a).compare(field.get(*b, scratch_b));
        if (order != 0) return order < 0;
      }
      return false;
    });
  }
  const bool is_distinct = std::any_of(fields->begin(), fields->end(),
                                       [](const Field& field) { return field.is_uuid(); });
  Projections seen;
  json array = json::array();
  for (const Row* row : rows) {
    if (!is_distinct && !seen.insert(project(*row, *fields)).second) continue;
    if (auto error = spend(count_values(*row, *fields))) return tl::unexpected(std::move(*error));
    array.push_back(row_to_json(*row, *fields));
  }
  return json{{"rows", std::move(array)}};
}

/// RFC 7047, 5.2.3.
Request::Answer Request::update(Members& members) {
  const Table* table = table_member(members);
  const json* where = members.required("where", Kind::array);
  const json* row = members.required("row", Kind::object);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  const auto values = assignments(*row, *table, &members);
  if (!values) return tl::unexpected(values.error());
  const auto condition = Condition::parse(*where, *table, names_);
  if (!condition) return tl::unexpected(condition.error());
  const auto rows = matching(*table, *condition);
  if (!rows) return tl::unexpected(rows.error());
  for (const Uuid& uuid : *rows) {
    auto& columns = transaction_.edit(*table, uuid);
    for (const auto& [position, datum] : *values) columns[position] = datum;
  }
  return json{{"count", rows->size()}};
}

/// RFC 7047, 5.2.4.
Request::Answer Request::mutate(Members& members) {
  const Table* table = table_member(members);
  const json* where = members.required("where", Kind::array);
  const json* mutations = members.required("mutations", Kind::array);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  std::vector<Mutation> parsed;
  for (const json& mutation : *mutations) {
    auto result = Mutation::parse(mutation, *table, names_);
    if (!result) return tl::unexpected(std::move(result.error()));
    parsed.push_back(std::move(*result));
  }
  const auto condition = Condition::parse(*where, *table, names_);
  if (!condition) return tl::unexpected(condition.error());
  const auto rows = matching(*table, *condition);
  if (!rows) return tl::unexpected(rows.error());
  for (const Uuid& uuid : *rows) {
    auto& columns = transaction_.edit(*table, uuid);
    for (const Mutation& mutation : parsed) {
      const std::size_t size = columns[mutation.column()].size();
      if (auto error = spend(size / kValuesInOne)) return tl::unexpected(std::move(*error));
      if (auto error = mutation.apply(columns[mutation.column()])) return tl::unexpected(*error);
    }
  }
  return json{{"count", rows->size()}};
}

/// RFC 7047, 5.2.5.
Request::Answer Request::erase(Members& members) {
  const Table* table = table_member(members);
  const json* where = members.required("where", Kind::array);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  const auto condition = Condition::parse(*where, *table, names_);
  if (!condition) return tl::unexpected(condition.error());
  const auto rows = matching(*table, *condition);
  if (!rows) return tl::unexpected(rows.error());
  for (const Uuid& uuid : *rows) transaction_.erase(*table, uuid);
  return json{{"count", rows->size()}};
}

/// RFC 7047, 5.2.6.
Request::Answer Request::wait(Members& members) {
  const json* timeout = members.optional("timeout", Kind::number);
  const json* until = members.required("until", Kind::string);
  const Table* table = table_member(members);
  const json* where = members.required("where", Kind::array);
  const json* columns = members.optional("columns", Kind::array);
  const json* rows = members.required("rows", Kind::array);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  const auto& relation = until->get_ref<const std::string&>();
  if (relation != "==" && relation != "!=") {
    return fail("syntax error", "\"until\" must be \"==\" or \"!=\"", json_text(*until));
  }
  std::optional<milliseconds> limit;
  if (timeout) {
    limit = std::min(milliseconds(integer_of(*timeout).value_or(0)), kLongest);
    if (timeout->get<double>() < 0) {
      return fail("syntax error", "timeout must be nonnegative", json_text(*timeout));
    }
  }
  const auto condition = Condition::parse(*where, *table, names_);
  if (!condition) return tl::unexpected(condition.error());
  const auto fields = Field::from_json(columns, *table);
  if (!fields) return tl::unexpected(fields.error());

  Projections expected;
  for (const json& source : *rows) {
    if (!source.is_object())
      return fail("syntax error", "row must be JSON object", json_text(source));
    auto values = assignments(source, *table, nullptr);
    if (!values) return tl::unexpected(std::move(values.error()));
    Row row;
    for (const Column& column : table->columns) row.columns.push_back(default_value(column.type));
    for (auto& [position, datum] : *values) row.columns[position] = std::move(datum);
    for (const auto& [member, identity] :
         {std::pair("_uuid", &Row::uuid), std::pair("_version", &Row::version)}) {
      auto uuid = identity_member(source, member, names_);
      if (!uuid) return tl::unexpected(std::move(uuid.error()));
      row.*identity = *uuid;
    }
    expected.insert(project(row, *fields));
  }
  const auto uuids = matching(*table, *condition);
  if (!uuids) return tl::unexpected(uuids.error());
  Projections actual;
  for (const Uuid& uuid : *uuids) {
    actual.insert(project(*transaction_.get(*table, uuid), *fields));
  }
  if ((actual == expected) == (relation == "==")) return json::object();
  if (limit && limit->count() == 0) return fail("timed out", "\"where\" clause test failed");
  if (limit && context_.elapsed >= *limit) {
    return fail("timed out",
                fmt::format("\"wait\" timed out after {} ms", context_.elapsed.count()));
  }
  if (!context_.may_block) return fail("not supported", "triggers not supported");
  blocked_ = true;
  deadline_ = limit;
  return json::object();
}

/// RFC 7047, 5.2.7.
Request::Answer Request::commit(Members& members) {
  const json* durable = members.required("durable", Kind::boolean);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  if (durable->get<bool>()) transaction_.make_durable();
  return json::object();
}

/// RFC 7047, 5.2.8.
Request::Answer Request::abort(Members& members) {
  if (!members.complete()) return tl::unexpected(parse_error(members));
  return fail("aborted", "aborted by request");
}

/// RFC 7047, 5.2.9.
Request::Answer Request::comment(Members& members) {
  const json* text = members.required("comment", Kind::string);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  transaction_.comment(text->get_ref<const std::string&>());
  return json::object();
}

/// RFC 7047, 5.2.10.
Request::Answer Request::assert_lock(Members& members) {
  const json* lock = members.required("lock", Kind::id);
  if (!members.complete()) return tl::unexpected(parse_error(members));
  const auto& name = lock->get_ref<const std::string&>();
  if (context_.holds_lock && context_.holds_lock(name)) return json::object();
  return fail("not owner", fmt::format("Asserted lock {} not held.", name));
}

/// Empty: the condition names neither a uuid nor a whole unique key.
std::optional<std::vector<Uuid>> Request::find_by_key(const Table& table,
                                                      const Condition& condition) {
  const auto value_of = [&](const auto& is_wanted) -> const Datum* {
    for (const Clause& clause : condition.clauses()) {
      const Field* field = clause.equal_field();
      if (field && is_wanted(*field)) return &clause.value();
    }
    return nullptr;
  };
  if (const Datum* uuid = value_of([](const Field& field) { return field.is_uuid(); })) {
    return std::vector<Uuid>{std::get<Uuid>(uuid->keys()[0])};
  }
  for (std::size_t i = 0; i < table.indexes.size(); ++i) {
    std::vector<Datum> key;
    for (const std::size_t position : table.indexes[i]) {
      const Datum* value =
          value_of([&](const Field& field) { return field.position() == position; });
      if (value) key.push_back(*value);
    }
    if (key.size() == table.indexes[i].size()) return transaction_.find(table, i, key);
  }
  return std::nullopt;
}

std::optional<Error> Request::spend(std::size_t work) {
  spent_ += work;
  if (spent_ <= context_.budget) return std::nullopt;
  std::size_t held = 0;
  for (const auto& [name, table] : transaction_.schema().tables)
    held += transaction_.database().rows(table).size() * table.columns.size();
  if (spent_ <= context_.budget + 3 * held) return std::nullopt;
  return Error{"resources exhausted", "the transaction is too much work"};
}

Result<std::vector<Uuid>> Request::matching(const Table& table, const Condition& condition) {
  if (auto candidates = find_by_key(table, condition)) {
    std::erase_if(*candidates, [&](const Uuid& uuid) {
      const Row* row = transaction_.get(table, uuid);
      return !row || !condition.matches_all(*row);
    });
    return std::move(*candidates);
  }
  if (auto error =
          spend(transaction_.most_rows(table) * (1 + condition.clauses().size()) / kVisitsInOne))
    return tl::unexpected(std::move(*error));
  std::vector<Uuid> uuids;
  transaction_.for_each(table, [&](const Row& row) {
    if (condition.matches_all(row)) uuids.push_back(row.uuid);
  });
  return uuids;
}

}  // namespace

TransactOutcome transact(Database& database, const json& params, const TransactContext& context) {
  return Request(database, context).run(params);
}

}  // namespace bondway::db
