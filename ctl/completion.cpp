#include "ctl/completion.hpp"

#include <algorithm>
#include <set>

#include "ctl/advice.hpp"
#include "ctl/command.hpp"
#include "ctl/parse.hpp"
#include "ctl/records.hpp"
#include "db/engine/text.hpp"

namespace bondway::ctl {
namespace {

using Words = std::vector<std::string>;

/// What the argument after so many others may be: usually one kind, more where some may be left out
/// or repeated.
std::vector<std::string_view> kinds_at(const Command& command, std::size_t position) {
  const auto arguments = words_of(command.arguments);
  const auto with_skipped = [&arguments](std::set<std::size_t> places) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const bool may_be_left_out = arguments[i][0] == '?' || arguments[i][0] == '*';
      if (may_be_left_out && places.contains(i)) places.insert(i + 1);
    }
    return places;
  };
  std::set<std::size_t> places = with_skipped({0});
  for (; position > 0; --position) {
    std::set<std::size_t> next;
    for (const std::size_t i : places) {
      if (i >= arguments.size()) continue;
      if (arguments[i][0] == '*' || arguments[i][0] == '+') next.insert(i);
      next.insert(i + 1);
    }
    places = with_skipped(std::move(next));
  }
  std::vector<std::string_view> kinds;
  for (const std::size_t i : places) {
    if (i < arguments.size()) kinds.push_back(arguments[i].substr(1));
  }
  return kinds;
}

bool takes_next_word(std::string_view option) {
  constexpr std::string_view kLetters = "tfdpcC";
  return option.size() == 2 && kLetters.find(option[1]) != std::string_view::npos;
}

/// The words of the command that is being typed, without what stands before its name.
Words current_command(std::span<const std::string> finished) {
  const auto separator = std::find(finished.rbegin(), finished.rend(), "--");
  Words words(separator.base(), finished.end());
  while (!words.empty() && words[0].starts_with('-')) {
    const bool two = takes_next_word(words[0]) && words.size() > 1;
    words.erase(words.begin(), words.begin() + (two ? 2 : 1));
  }
  return words;
}

class Completer {
 public:
  Completer(std::span<const std::string> words, const db::Schema& schema, const Ask& ask)
      : schema_(schema),
        ask_(ask),
        typed_(words.back()),
        before_(current_command(words.first(words.size() - 1))) {}

  Words run() {
    if (before_.empty()) {
      commands_and_options();
    } else if (const Command* command = find_command(before_[0])) {
      for (const std::string_view kind : kinds_at(*command, before_.size() - 1)) argument(kind);
    }
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  void offer(const std::string& candidate) {
    if (candidate.starts_with(typed_)) found_.push_back(candidate);
  }
  void offer_answers(const Words& question) {
    for (const std::string& line : ask_(question)) offer(line);
  }

  void commands_and_options() {
    for (const Command& command : commands()) {
      offer(std::string(command.name));
      for_each_option(command, [this](std::string_view name, bool has_value) {
        offer(fmt::format("--{}{}", name, has_value ? "=" : ""));
      });
    }
    for (const char* option : {"--db=", "--no-wait", "--dry-run", "--oneline",
                               "--timeout=", "--retry", "--format=", "--data=", "--no-headings",
                               "--pretty", "--lint", "--strict", "--help", "--version"}) {
      offer(option);
    }
  }

  void argument(std::string_view kind) {
    if (kind == "BRIDGE" || kind == "PARENT") offer_answers({"list-br"});
    if (kind == "PORT" || kind == "BOND" || kind == "PORT|IFACE") {
      offer_answers({"--columns=name", "list", "Port"});
    }
    if (kind == "IFACE" || kind == "PORT|IFACE") {
      offer_answers({"--columns=name", "list", "Interface"});
    }
    if (kind == "MODE") {
      offer("secure");
      offer("standalone");
    }
    if (kind == "TABLE") {
      for (const auto& [name, table] : schema_.tables) offer(name);
    }
    if (kind == "RECORD") records();
    if (kind.starts_with("COLUMN")) settings(kind);
    if (kind.find("VALUE") != std::string_view::npos && !kind.starts_with("COLUMN")) added_values();
  }

  /// The table that the command is about.
  const db::Table* table() const {
    const Command* command = find_command(before_[0]);
    if (!command->arguments.starts_with("!TABLE")) return schema_.find("Port");
    if (before_.size() < 2) return nullptr;
    const auto found = find_table(schema_, before_[1]);
    return found ? *found : nullptr;
  }

  void records() {
    const db::Table* of = table();
    const RecordName* name = of != nullptr ? find_record_name(of->name) : nullptr;
    if (name == nullptr) return offer(".");
    if (name->through.empty()) {
      offer_answers({"--columns=" + std::string(name->column), "list", of->name});
    } else {
      offer_answers({"--columns=name", "list", std::string(name->through)});
    }
  }

  void settings(std::string_view kind) {
    const db::Table* of = table();
    if (of == nullptr) return;
    const std::size_t end = typed_.find_first_of(":=");
    const bool assigns = kind.find("VALUE") != std::string_view::npos;
    if (end == std::string::npos) {
      for (const db::Column& column : of->columns) {
        const bool keyed = column.type.is_map() && kind.find("KEY") != std::string_view::npos;
        offer(column.name + (keyed ? ":" : assigns ? "=" : ""));
      }
      return;
    }
    const auto position = find_column(*of, typed_.substr(0, end));
    if (!position) return;
    const db::Column& column = of->columns[*position];
    if (typed_[end] == ':') return keys(*of, column, typed_.substr(0, end + 1), assigns);
    values(column.type.key, typed_.substr(0, end + 1));
  }

  void keys(const db::Table& of, const db::Column& column, const std::string& before,
            bool assigns) {
    if (column.name != "other_config") return;
    for (const KnownKey& key : known_keys()) {
      if (key.table != of.name) continue;
      const std::string with_key = before + std::string(key.name);
      offer(with_key + (assigns ? "=" : ""));
      if (!typed_.starts_with(with_key + "=")) continue;
      for (const std::string_view value : words_of(key.values)) {
        offer(fmt::format("{}={}", with_key, value));
      }
    }
  }

  void values(const db::BaseType& type, const std::string& before) {
    for (const db::Atom& value : type.allowed) offer(before + db::to_text(value));
    if (type.type == db::AtomicType::boolean) {
      offer(before + "true");
      offer(before + "false");
    }
  }

  /// The values of add and remove, whose column is an argument of its own.
  void added_values() {
    const db::Table* of = table();
    if (of == nullptr || before_.size() < 4) return;
    const auto position = find_column(*of, before_[3]);
    if (!position) return;
    const db::Column& column = of->columns[*position];
    if (column.type.is_map()) {
      keys(*of, column, "", true);
    } else {
      values(column.type.key, "");
    }
  }

  const db::Schema& schema_;
  const Ask& ask_;
  const std::string typed_;
  const Words before_;  ///< the words of the command so far
  Words found_;
};

}  // namespace

std::vector<std::string> complete(std::span<const std::string> words, const db::Schema& schema,
                                  const Ask& ask) {
  if (words.empty()) return {};
  return Completer(words, schema, ask).run();
}

}  // namespace bondway::ctl
