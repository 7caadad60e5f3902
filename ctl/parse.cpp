#include "ctl/parse.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "db/engine/json.hpp"
#include "db/engine/text.hpp"
#include "db/engine/utf8.hpp"

namespace bondway::ctl {
namespace {

using db::Atom;
using db::AtomicType;
using db::Datum;

constexpr std::int64_t kLargestRange = 4096;

/// In the order in which messages list them.
constexpr std::array<std::string_view, 14> kOperators = {
    "=",    "!=",  "<",   ">",    "<=",   ">=",   "{=}",
    "{!=}", "{<}", "{>}", "{<=}", "{>=}", "{in}", "{not-in}"};

// ---------------------------------------------------------------- names

char fold(char c) {
  if (c == '-') return '_';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_folded(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return fold(x) == fold(y); });
}

/// The names that `typed` may stand for: the exact one, else the one that differs in case only,
/// else all that begin so.
std::vector<std::string_view> matches(std::string_view typed,
                                      const std::vector<std::string_view>& names) {
  std::vector<std::string_view> found;
  if (typed.empty()) return found;
  for (const std::string_view name : names) {
    if (name == typed) return {name};
    if (name.size() >= typed.size() && equal_folded(name.substr(0, typed.size()), typed)) {
      found.push_back(name);
    }
  }
  for (const std::string_view name : found) {
    if (equal_folded(name, typed)) return {name};
  }
  return found;
}

std::string join(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

// ---------------------------------------------------------------- tokens

/// Reads an argument from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string_view rest() const { return text_.substr(at_); }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  bool skip(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (!at_end() && std::string_view(" \t\n\v\f\r").find(peek()) != std::string::npos) ++at_;
  }

  /// Up to a delimiter outside of quotes.  A backslash outside of quotes protects the next
  /// character and goes; inside it stays for whoever takes the quotes off.
  Result<std::string> token() {
    constexpr std::string_view kDelimiters = ":=, []{}!<>";
    const std::string_view start = rest();
    std::string token;
    bool quoted = false;
    for (; !at_end(); ++at_) {
      char c = peek();
      if (c == '\\') {
        if (at_ + 1 == text_.size()) return fail("{}: backslash at end of argument", start);
        if (quoted) token += c;
        c = text_[++at_];
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && kDelimiters.find(c) != std::string_view::npos) {
        break;
      }
      token += c;
    }
    if (quoted) return fail("{}: quoted string extends past end of argument", start);
    return token;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// The column at the beginning of an argument.
Result<std::size_t> parse_column_name(Reader& reader, std::string_view argument,
                                      const db::Table& table) {
  const Result<std::string> name = reader.token();
  if (!name) return tl::unexpected(name.error());
  if (name->empty()) return fail("{}: missing column name", argument);
  return find_column(table, *name);
}

// ---------------------------------------------------------------- atoms

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

struct Range {
  std::int64_t first = 0, last = 0;
};

Result<Range> parse_range(const std::string& token) {
  if (const auto number = parse_integer(token)) return Range{*number, *number};
  const std::size_t dash = token.find('-', 1);
  if (dash != std::string::npos) {
    const auto first = parse_integer(std::string_view(token).substr(0, dash));
    const auto last = parse_integer(std::string_view(token).substr(dash + 1));
    if (first && last) {
      if (*last >= *first) return Range{*first, *last};
      return fail("\"{}\" is not a valid range. Range end cannot be before start.", token);
    }
  }
  return fail("\"{}\" is not a valid integer or range", token);
}

Result<Atom> checked(Atom atom, const db::BaseType& type) {
  if (const auto error = db::check(atom, type)) {
    return fail("{}: {}", error->tag, error->details);
  }
  return atom;
}

Result<bool> parse_boolean(const std::string& token) {
  for (const char* yes : {"true", "yes", "on", "1"}) {
    if (token == yes) return true;
  }
  for (const char* no : {"false", "no", "off", "0"}) {
    if (token == no) return false;
  }
  return fail("\"{}\" is not a valid boolean (use \"true\" or \"false\")", token);
}

Result<double> parse_real(const std::string& token) {
  char* end = nullptr;
  errno = 0;
  const double number = std::strtod(token.c_str(), &end);
  if (errno != 0 || end != token.c_str() + token.size()) {
    return fail("\"{}\" is not a valid real number", token);
  }
  return number;
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned octet) { out += static_cast<char>(octet); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::optional<unsigned> parse_hex4(std::string_view text) {
  unsigned code = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
  if (error != std::errc() || stop != text.data() + 4) return std::nullopt;
  return code;
}

/// What follows `\u`; moves `at` past it.
Result<void> unescape_unicode(std::string_view body, std::size_t& at, std::string& out) {
  const auto hex = [&body](std::size_t from) {
    return from <= body.size() ? parse_hex4(body.substr(from)) : std::nullopt;
  };
  const auto code = hex(at);
  if (!code) return fail("malformed \\u escape");
  at += 4;
  if (*code == 0) return fail("null bytes not supported in quoted strings");
  if (*code < 0xd800 || *code > 0xdfff) {
    append_utf8(out, *code);
    return {};
  }
  const bool pair = *code < 0xdc00 && body.substr(at).starts_with("\\u");
  const auto low = pair ? hex(at + 2) : std::nullopt;
  if (!low || *low < 0xdc00 || *low > 0xdfff) return fail("malformed escaped surrogate pair");
  at += 6;
  append_utf8(out, 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00));
  return {};
}

/// The inside of a JSON string.
Result<std::string> unescape(std::string_view body) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const char c = body[at++];
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at == body.size()) return fail("quoted string may not end with backslash");
    const char letter = body[at++];
    const std::size_t known = kLetters.find(letter);
    if (known != std::string_view::npos) {
      out += kMeanings[known];
    } else if (letter == 'u') {
      if (auto done = unescape_unicode(body, at, out); !done) return tl::unexpected(done.error());
    } else {
      return fail("bad escape \\{}", letter);
    }
  }
  return out;
}

Result<std::string> parse_string(const std::string& token) {
  if (!token.starts_with('"')) return token;
  if (token.size() < 2 || !token.ends_with('"')) {
    return fail("{}: missing quote at end of quoted string", token);
  }
  Result<std::string> text = unescape(std::string_view(token).substr(1, token.size() - 2));
  if (!text) return fail("{}: {}", token, text.error().message);
  return text;
}

Result<db::Uuid> parse_uuid(const std::string& token, const db::BaseType& type,
                            const RowNames& names) {
  if (token.starts_with('@')) return names(token, type);
  if (const auto uuid = db::Uuid::parse(token)) return *uuid;
  return fail("\"{}\" is not a valid UUID", token);
}

template <typename T>
Result<Atom> to_atom(Result<T> value) {
  if (!value) return tl::unexpected(value.error());
  return Atom(std::move(*value));
}

Result<Atom> parse_unchecked(const std::string& token, const db::BaseType& type,
                             const RowNames& names) {
  switch (type.type) {
    case AtomicType::real:
      return to_atom(parse_real(token));
    case AtomicType::boolean:
      return to_atom(parse_boolean(token));
    case AtomicType::string:
      return to_atom(parse_string(token));
    case AtomicType::uuid:
      return to_atom(parse_uuid(token, type, names));
    case AtomicType::integer:
      break;
  }
  const Result<Range> range = parse_range(token);
  if (!range) return tl::unexpected(range.error());
  return Atom(range->first);
}

constexpr std::string_view kEmptyAtom =
    "An empty string is not valid as input; use \"\" to represent the empty string";

/// A token that may stand for several integers.
Result<void> parse_elements(const std::string& token, const db::BaseType& type,
                            const RowNames& names, std::vector<Atom>& out) {
  if (type.type != AtomicType::integer || token.empty()) {
    Result<Atom> atom = parse_atom(token, type, names);
    if (!atom) return tl::unexpected(atom.error());
    out.push_back(std::move(*atom));
    return {};
  }
  const Result<Range> range = parse_range(token);
  if (!range) return tl::unexpected(range.error());
  for (const std::int64_t end : {range->first, range->last}) {
    if (const auto ok = checked(end, type); !ok) return tl::unexpected(ok.error());
  }
  if (static_cast<std::uint64_t>(range->last) - static_cast<std::uint64_t>(range->first) >=
      static_cast<std::uint64_t>(kLargestRange)) {
    return fail("constraint violation: Range \"{}\" is too big. Maximum allowed size is {}.", token,
                kLargestRange);
  }
  for (std::int64_t number = range->first;; ++number) {
    out.emplace_back(number);
    if (number == range->last) return {};
  }
}

// ---------------------------------------------------------------- data

/// Collects the elements of one value.
class DatumParser {
 public:
  DatumParser(std::string_view text, const db::ColumnType& type, const RowNames& names)
      : text_(text), reader_(text), type_(type), names_(names) {}

  Result<Datum> parse() {
    const char open = type_.is_map() ? '{' : '[';
    const char close = type_.is_map() ? '}' : ']';
    reader_.skip_blanks();
    const bool bracketed = reader_.skip(open);
    if (!bracketed && reader_.at_end()) {
      return type_.is_map() ? fail("use \"{{}}\" to specify the empty map")
                            : fail("use \"[]\" to specify the empty set");
    }
    reader_.skip_blanks();
    while (!reader_.at_end() && !(bracketed && reader_.peek() == close)) {
      if (auto done = element(); !done) return tl::unexpected(done.error());
      reader_.skip_blanks();
      if (reader_.skip(',')) reader_.skip_blanks();
    }
    if (bracketed) {
      if (!reader_.skip(close)) return fail("{}: missing \"{}\" at end of data", text_, close);
      reader_.skip_blanks();
      if (!reader_.at_end()) return fail("{}: trailing garbage after \"{}\"", text_, close);
    }
    return finish();
  }

 private:
  Result<void> element() {
    const std::string_view start = reader_.rest();
    const Result<std::string> token = reader_.token();
    if (!token) return tl::unexpected(token.error());
    if (token->empty()) {
      return fail("{}: unexpected \"{}\" parsing {}", text_, start[0], db::describe(type_));
    }
    if (auto done = parse_elements(*token, type_.key, names_, keys_); !done) return done;
    return type_.is_map() ? mapped_value(start) : Result<void>{};
  }

  Result<void> mapped_value(std::string_view start) {
    reader_.skip_blanks();
    // At the end of the argument the established text stops short: scripts may match on it.
    if (reader_.at_end()) return fail("{}: syntax error at \"", start);
    const char found = reader_.peek();
    if (!reader_.skip('=')) return fail("{}: syntax error at \"{}\" expecting \"=\"", start, found);
    reader_.skip_blanks();
    const Result<std::string> token = reader_.token();
    if (!token) return tl::unexpected(token.error());
    Result<Atom> value = parse_atom(*token, *type_.value, names_);
    if (!value) return tl::unexpected(value.error());
    values_.resize(keys_.size(), *value);
    return {};
  }

  Result<Datum> finish() {
    if (auto ok = check_count(); !ok) return tl::unexpected(ok.error());
    std::optional<Datum> datum;
    if (type_.is_map()) {
      std::vector<std::pair<Atom, Atom>> pairs;
      for (std::size_t i = 0; i < keys_.size(); ++i) pairs.emplace_back(keys_[i], values_[i]);
      datum = Datum::map(std::move(pairs));
      if (!datum) return fail("{}: map contains duplicate key", text_);
    } else {
      datum = Datum::set(std::move(keys_));
      if (!datum) return fail("{}: set contains duplicate value", text_);
    }
    return std::move(*datum);
  }

  Result<void> check_count() const {
    const std::size_t count = keys_.size();
    const bool too_many = count > type_.max;
    if (!too_many && count >= type_.min) return {};
    return fail("{}: {} {} specified but the {} number is {}", text_, count,
                type_.is_map() ? "pair(s)" : "value(s)", too_many ? "maximum" : "minimum",
                too_many ? type_.max : type_.min);
  }

  std::string_view text_;
  Reader reader_;
  const db::ColumnType& type_;
  const RowNames& names_;
  std::vector<Atom> keys_, values_;
};

// ---------------------------------------------------------------- conditions

bool is_subset(const Datum& small, const Datum& large) {
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (!small.is_map()) {
      if (!large.contains(small.keys()[i])) return false;
    } else {
      const Atom* value = large.find(small.keys()[i]);
      if (value == nullptr || *value != small.values()[i]) return false;
    }
  }
  return true;
}

bool is_disjoint(const Datum& a, const Datum& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a.is_map()) {
      if (b.contains(a.keys()[i])) return false;
    } else if (const Atom* value = b.find(a.keys()[i]); value && *value == a.values()[i]) {
      return false;
    }
  }
  return true;
}

bool compare_as_wholes(std::string_view op, const Datum& a, const Datum& b) {
  const auto order = a.compare(b);
  if (op == "=") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == ">") return order > 0;
  if (op == "<=") return order <= 0;
  return order >= 0;
}

bool compare_as_sets(std::string_view op, const Datum& a, const Datum& b) {
  if (op == "{=}") return a == b;
  if (op == "{!=}") return a != b;
  if (op == "{<}") return a.size() < b.size() && is_subset(a, b);
  if (op == "{>}") return a.size() > b.size() && is_subset(b, a);
  if (op == "{<=}" || op == "{in}") return is_subset(a, b);
  if (op == "{>=}") return is_subset(b, a);
  return is_disjoint(a, b);
}

std::string no_operator(std::string_view argument) {
  std::string text = fmt::format("{}: argument does not end in ", argument);
  for (std::size_t i = 0; i < kOperators.size(); ++i) {
    if (i > 0) text += i + 1 == kOperators.size() ? ", or " : ", ";
    text += fmt::format("\"{}\"", kOperators[i]);
  }
  return text + " followed by a value.";
}

std::string_view longest_operator(std::string_view text) {
  std::string_view longest;
  for (const std::string_view op : kOperators) {
    if (text.starts_with(op) && op.size() > longest.size()) longest = op;
  }
  return longest;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find(separator), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return words;
}

Result<const db::Table*> find_table(const db::Schema& schema, std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& [key, table] : schema.tables) names.push_back(key);
  const auto found = matches(name, names);
  if (found.empty()) return fail("unknown table \"{}\"", name);
  if (found.size() > 1) {
    return fail("\"{}\" matches multiple table names: {}", name, join(found));
  }
  return schema.find(found[0]);
}

Result<std::size_t> find_column(const db::Table& table, std::string_view name) {
  std::vector<std::string_view> names;
  for (const db::Column& column : table.columns) names.push_back(column.name);
  const auto found = matches(name, names);
  if (found.empty()) {
    return fail("{} does not contain a column whose name matches \"{}\"", table.name, name);
  }
  if (found.size() > 1) {
    return fail("{} contains more than one column whose name matches \"{}\": {}", table.name, name,
                join(found));
  }
  return *table.find(found[0]);
}

Result<db::Atom> parse_atom(std::string_view text, const db::BaseType& type,
                            const RowNames& names) {
  if (text.empty() && type.type == AtomicType::string) return fail("{}", kEmptyAtom);
  Result<Atom> atom = parse_unchecked(std::string(text), type, names);
  if (!atom) return atom;
  auto sound = checked(std::move(*atom), type);
  if (!sound) return sound;
  if (const std::string* string = std::get_if<std::string>(&*sound)) {
    if (const auto error = db::utf8_error(*string)) {
      return fail("constraint violation: not a valid UTF-8 string: {}", *error);
    }
  }
  return sound;
}

Result<db::Datum> parse_datum(std::string_view text, const db::ColumnType& type,
                              const RowNames& names) {
  return DatumParser(text, type, names).parse();
}

Result<ColumnKey> parse_column_key(std::string_view argument, const db::Table& table) {
  Reader reader(argument);
  const Result<std::size_t> column = parse_column_name(reader, argument, table);
  if (!column) return tl::unexpected(column.error());
  ColumnKey parsed{*column, std::nullopt, {}};
  if (reader.skip(':')) {
    Result<std::string> key = reader.token();
    if (!key) return tl::unexpected(key.error());
    parsed.key = std::move(*key);
  }
  parsed.rest = reader.rest();
  return parsed;
}

Result<Setting> parse_setting(std::string_view argument, const db::Table& table) {
  Result<ColumnKey> parsed = parse_column_key(argument, table);
  if (!parsed) return tl::unexpected(parsed.error());
  if (parsed->rest.size() < 2 || parsed->rest[0] != '=') {
    return fail("{}: argument does not end in \"=\" followed by a value.", argument);
  }
  return Setting{parsed->column, std::move(parsed->key), parsed->rest.substr(1)};
}

Result<std::size_t> parse_column(std::string_view argument, const db::Table& table) {
  Reader reader(argument);
  return parse_column_name(reader, argument, table);
}

Result<Condition> parse_condition(std::string_view argument, const db::Table& table,
                                  const RowNames& names) {
  const Result<ColumnKey> parsed = parse_column_key(argument, table);
  if (!parsed) return tl::unexpected(parsed.error());
  const std::string_view op = longest_operator(parsed->rest);
  const std::string_view value = parsed->rest.substr(op.size());
  if (op.empty() || value.empty()) return fail("{}", no_operator(argument));

  const db::Column& column = table.columns[parsed->column];
  Condition condition;
  condition.column = parsed->column;
  // The longest operator is a literal of kOperators: it lives as long as the program.
  condition.op = *std::find(kOperators.begin(), kOperators.end(), op);
  db::ColumnType type = column.type;
  if (parsed->key) {
    if (!column.type.is_map()) {
      return fail("cannot specify key to check for non-map column {}", column.name);
    }
    Result<Atom> key = parse_atom(*parsed->key, type.key, names);
    if (!key) return tl::unexpected(key.error());
    condition.key = std::move(*key);
    type = db::ColumnType{*column.type.value, std::nullopt, 0, db::kUnlimited};
  }
  Result<Datum> datum = parse_datum(value, type, names);
  if (!datum) return tl::unexpected(datum.error());
  condition.value = std::move(*datum);
  return condition;
}

bool holds(const Condition& condition, const db::Datum& data) {
  const bool sets = condition.op.starts_with('{');
  if (!condition.key) {
    return sets ? compare_as_sets(condition.op, data, condition.value)
                : compare_as_wholes(condition.op, data, condition.value);
  }
  const Atom* value = data.find(*condition.key);
  const Datum one = value != nullptr ? Datum(*value) : Datum();
  if (sets) return compare_as_sets(condition.op, one, condition.value);
  return value != nullptr && compare_as_wholes(condition.op, one, condition.value);
}

}  // namespace bondway::ctl
