#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "db/engine/schema.hpp"
#include "db/engine/value.hpp"

namespace bondway::ctl {

/// Thrown by View when a command asks for data that has not been read yet.  Not an error: whoever
/// runs the commands reads what is missing and runs them again from the start.
struct Missing {};

/// References that an unread column will gain or lose.
struct Delta {
  std::set<db::Uuid> added, removed;
};

/// What a `mutate` operation will do to a column whose content this run does not look at again.
struct Mutation {
  std::size_t column = 0;
  db::Datum removed_keys;  ///< keys of a map; empty: none
  db::Datum added;
};

/// One row as the commands see it: what the database holds, as far as it was read, and what
/// earlier commands of the same run did to it.
struct Row {
  const db::Table* table = nullptr;
  db::Uuid uuid;
  std::vector<std::optional<db::Datum>> stored;  ///< by column; absent: not read
  std::map<std::size_t, db::Datum> written;      ///< columns replaced as a whole
  std::map<std::size_t, Delta> deltas;
  std::vector<Mutation> mutations;
  bool inserted = false;
  bool has_chosen_uuid = false;  ///< inserted, and its uuid is not provisional
  bool removed = false;
  bool touched = false;
};

/// Which rows of a table.
struct Where {
  enum class Kind : std::uint8_t { all, uuid, equal, includes };
  Kind kind = Kind::all;
  std::size_t column = 0;  ///< equal, includes
  db::Datum value;

  static Where all() { return {}; }
  static Where row(const db::Uuid& uuid) { return {Kind::uuid, 0, db::Datum(db::Atom(uuid))}; }
  static Where equal(std::size_t column, db::Datum value) {
    return {Kind::equal, column, std::move(value)};
  }
  static Where includes(std::size_t column, const db::Uuid& uuid) {
    return {Kind::includes, column, db::Datum(db::Atom(uuid))};
  }
};

/// Positions of columns in their table.
using Columns = std::vector<std::size_t>;
Columns columns_of(const db::Table& table, std::initializer_list<std::string_view> names);
std::size_t column_of(const db::Table& table, std::string_view name);
Columns all_columns(const db::Table& table);

/// Whether a change is to be refused when what was read here is no longer true by then.
enum class Guard : std::uint8_t { no, yes };

/// The part of a database that a run of commands looks at, and the changes it makes.
///
/// Nothing is read before it is asked for.  A question whose answer is not here is noted and
/// Missing is thrown; request() then says in one request what to read.  Every request repeats all
/// questions asked so far, so that every run of the commands sees one instant of the database.
class View {
 public:
  explicit View(const db::Schema& schema) : schema_(schema) {}

  const db::Schema& schema() const { return schema_; }
  const db::Table& table(std::string_view name) const;

  // -- Reading.  Rows live as long as the view; rows that were removed are among the results.

  /// Announces a question, so that its answer comes with the next request.
  void want(const db::Table& table, const Where& where, const Columns& columns);
  std::vector<Row*> select(const db::Table& table, const Where& where, const Columns& columns,
                           Guard guard = Guard::yes);
  /// Null: there is none.
  Row* row(const db::Table& table, const db::Uuid& uuid, const Columns& columns,
           Guard guard = Guard::yes);
  /// Those that exist of the rows named; one question for all of them if they are many.
  std::vector<Row*> rows(const db::Table& table, std::span<const db::Atom> uuids,
                         const Columns& columns, Guard guard = Guard::yes);
  /// Valid until the row is changed.
  const db::Datum& get(Row& row, std::size_t column);
  const db::Datum& get(Row& row, std::string_view column);

  // -- Changing.

  Row& insert(const db::Table& table, const db::Uuid& uuid);
  void remove(Row& row);
  /// The column must have been read, unless the row is new.
  void set(Row& row, std::size_t column, db::Datum value);
  void set(Row& row, std::string_view column, db::Datum value);
  void add_reference(Row& row, std::string_view column, const db::Uuid& uuid);
  void drop_reference(Row& row, std::string_view column, const db::Uuid& uuid);
  void mutate(Row& row, Mutation mutation);

  // -- Between runs.

  /// Whether a question was noted that has no answer yet.
  bool is_missing_something() const { return missing_; }
  /// One "select" operation for each question asked so far, with commas between.
  std::string request() const;
  /// The answers, in the same order; `results` has at least as many elements.
  void accept(const nlohmann::json& results);
  /// Forgets the changes, as before the first command.
  void rewind();

  // -- Afterwards.

  struct Operations {
    std::string text;                                   ///< operations with commas between
    std::vector<std::pair<std::size_t, Row*>> inserts;  ///< position of each insert and its row
    std::size_t count = 0;
    bool changes = false;  ///< anything but checks
  };
  /// The changes as operations, the checks of what was read first.
  Operations operations() const;
  /// Where monitors have to look for changes that could alter what was read: one
  /// "<monitor-requests>" object, RFC 7047, 4.1.5.
  std::string monitor_requests() const;
  /// What a column that can't be read holds: absent in an older database, say.
  void hide(const db::Table& table, std::size_t column) { hidden_.insert({&table, column}); }
  void hide(const db::Table& table) { hidden_tables_.insert(&table); }
  /// Whether any question is about the table, or about a column of it.
  bool uses(const db::Table& table) const;
  bool uses(const db::Table& table, std::size_t column) const;

 private:
  struct Question {
    const db::Table* table = nullptr;
    Where where;
    std::string where_text;
    std::set<std::size_t> columns;
    std::set<std::size_t> answered;  ///< the columns that `rows` have
    bool has_answer = false;
    bool is_used = false;
    Guard guard = Guard::no;
    std::vector<Row*> rows;
  };

  Question& question(const db::Table& table, const Where& where);
  bool is_known_here(const Where& where) const;
  bool covers(const Question& question, const Columns& columns) const;
  bool is_hidden(const db::Table* table, std::size_t column) const;
  Row& row_of(const db::Table& table, const db::Uuid& uuid);
  bool matches(Row& row, const Where& where, bool stored_matches);
  std::vector<Row*> changed_candidates(const db::Table& table, const Where& where);
  std::string value_key(const db::Table& table, std::size_t column, const db::Atom& element) const;
  void remember_value(Row& row, std::size_t column, const db::Atom& element);
  void touch(Row& row);
  std::string where_text(const db::Table& table, const Where& where) const;
  std::string columns_text(const Question& question) const;
  void append_guard(Operations& out, const Question& question) const;
  void append_insert(Operations& out, Row& row) const;
  void append_changes(Operations& out, Row& row) const;
  std::string to_wire(const db::Datum& datum, const db::ColumnType& type) const;
  std::string collection_to_wire(const db::Datum& datum, const db::ColumnType& type) const;
  std::string atom_to_wire(const db::Atom& atom) const;
  bool is_provisional(const db::Uuid& uuid) const;

  const db::Schema& schema_;
  std::vector<std::unique_ptr<Question>> questions_;
  std::unordered_map<std::string, Question*> by_text_;
  std::map<const db::Table*, std::unordered_map<db::Uuid, std::unique_ptr<Row>>> rows_;
  std::vector<Row*> touched_;
  std::map<const db::Table*, std::vector<Row*>> touched_in_;
  /// Who was given an element of a column in this run; some may have lost it again.
  std::unordered_map<std::string, std::vector<Row*>> changed_values_;
  std::unordered_set<db::Uuid> provisional_;  ///< of inserted rows
  std::set<std::pair<const db::Table*, std::size_t>> hidden_;
  std::set<const db::Table*> hidden_tables_;
  bool missing_ = false;
};

}  // namespace bondway::ctl
