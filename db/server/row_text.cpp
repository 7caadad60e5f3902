#include "db/server/row_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <variant>

#include "db/rpc/json_text.hpp"

namespace bondway::server {
namespace {

using db::Atom;
using db::ColumnType;
using db::Datum;
using db::Uuid;

struct AppendAtom {
  std::string& out;
  void operator()(std::int64_t value) const { out += fmt::format_int(value).c_str(); }
  void operator()(double value) const { rpc::append_real(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(const std::string& value) const { rpc::append_string(out, value); }
  void operator()(const Uuid& value) const { append(out, value); }
};

void append(std::string& out, const Atom& atom) { std::visit(AppendAtom{out}, atom); }

/// Writes ["set",[...]] or ["map",[...]], one element after the other.
class Elements {
 public:
  Elements(std::string& out, const char* tag) : out_(out) {
    out_ += "[\"";
    out_ += tag;
    out_ += "\",[";
  }
  void add(const Atom& element) {
    separate();
    append(out_, element);
  }
  void add(const Atom& key, const Atom& value) {
    separate();
    out_ += '[';
    append(out_, key);
    out_ += ',';
    append(out_, value);
    out_ += ']';
  }
  void finish() { out_ += "]]"; }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string& out_;
  bool first_ = true;
};

void append_map_difference(std::string& out, const Datum& before, const Datum& after) {
  Elements pairs(out, "map");
  std::size_t b = 0;
  std::size_t a = 0;
  while (b < before.size() || a < after.size()) {
    const bool only_before =
        a == after.size() || (b < before.size() && before.keys()[b] < after.keys()[a]);
    const bool only_after =
        b == before.size() || (a < after.size() && after.keys()[a] < before.keys()[b]);
    if (only_before) {
      pairs.add(before.keys()[b], before.values()[b]);
      ++b;
    } else {
      if (only_after || before.values()[b] != after.values()[a])
        pairs.add(after.keys()[a], after.values()[a]);
      if (!only_after) ++b;
      ++a;
    }
  }
  pairs.finish();
}

}  // namespace

void append(std::string& out, const Uuid& uuid) {
  out += "[\"uuid\",\"";
  out += db::to_string(uuid);
  out += "\"]";
}

void append(std::string& out, const Datum& datum, const ColumnType& type) {
  if (type.is_map()) {
    Elements pairs(out, "map");
    for (std::size_t i = 0; i < datum.size(); ++i) pairs.add(datum.keys()[i], datum.values()[i]);
    pairs.finish();
  } else if (datum.size() == 1) {
    append(out, datum.keys()[0]);
  } else {
    Elements elements(out, "set");
    for (const Atom& element : datum.keys()) elements.add(element);
    elements.finish();
  }
}

void append_difference(std::string& out, const Datum& before, const Datum& after,
                       const ColumnType& type) {
  if (type.max == 1) return append(out, after, type);
  if (type.is_map()) return append_map_difference(out, before, after);
  std::vector<Atom> only_one;
  std::set_symmetric_difference(before.keys().begin(), before.keys().end(), after.keys().begin(),
                                after.keys().end(), std::back_inserter(only_one));
  append(out, db::Datum::set(std::move(only_one)).value_or(Datum()), type);
}

}  // namespace bondway::server
