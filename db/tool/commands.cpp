#include "db/tool/commands.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/schemas.hpp"
#include "db/engine/transact.hpp"
#include "db/engine/transaction.hpp"
#include "db/rpc/json_text.hpp"
#include "db/store/stored_database.hpp"
#include "db/tool/log_file.hpp"
#include "process/version.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;
using Arguments = std::span<const std::string>;
using Stored = std::unique_ptr<StoredDatabase>;
template <typename T>
using Answer = bondway::Result<T>;

/// The engine's errors as people read them.
std::string words_of(const Error& error) {
  const std::string syntax =
      error.syntax.empty() ? "" : fmt::format("syntax \"{}\": ", error.syntax);
  return fmt::format("{}{}: {}", syntax, error.tag, error.details);
}

tl::unexpected<bondway::Error> refuse(const Error& error) {
  return bondway::fail("{}", words_of(error));
}

/// The first argument, or the default where the command has as few as it can.
std::string database_name(const ToolSettings& settings, Arguments arguments,
                          std::size_t position = 0) {
  return arguments.size() > position ? arguments[position] : settings.default_database;
}

Answer<json> read_json(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return bondway::fail(
        "failed to read schema: \"{}\" could not be read as JSON (error opening "
        "\"{}\": {})",
        file, file, std::generic_category().message(errno));
  }
  auto parsed = rpc::parse_json(std::string(std::istreambuf_iterator<char>(stream), {}));
  if (parsed) return parsed;
  return bondway::fail("failed to read schema: \"{}\" could not be read as JSON ({})", file,
                       parsed.error().message);
}

/// A schema file; the built-in Open_vSwitch schema where none is named.
Answer<Schema> read_schema_file(Arguments arguments, std::size_t position) {
  if (arguments.size() <= position) return *Schema::parse(json::parse(vswitch_schema_text()));
  const std::string& file = arguments[position];
  auto source = read_json(file);
  if (!source) return tl::unexpected(std::move(source.error()));
  auto schema = Schema::parse(*source);
  if (schema) return std::move(*schema);
  Error error = schema.error();
  error.details = fmt::format("failed to parse \"{}\" as ovsdb schema: {}", file, error.details);
  return refuse(error);
}

Answer<Stored> open_to_write(const ToolSettings& settings, const std::string& file) {
  auto opened = StoredDatabase::open(file);
  if (opened) return std::move(*opened);
  const std::string obstacle = lock_obstacle(file);
  if (!obstacle.empty() && settings.warn) settings.warn(obstacle);
  return refuse(opened.error());
}

Answer<Stored> open_to_read(const std::string& file) {
  auto opened = StoredDatabase::open_read_only(file);
  if (opened) return std::move(*opened);
  return refuse(opened.error());
}

Answer<ToolOutcome> answer_line(std::string text) {
  return ToolOutcome{.output = std::move(text) + "\n"};
}

// Commands ---------------------------------------------------------------------------------------

Answer<ToolOutcome> create(const ToolSettings& settings, Arguments arguments) {
  const auto schema = read_schema_file(arguments, 1);
  if (!schema) return tl::unexpected(schema.error());
  const auto created = StoredDatabase::create(database_name(settings, arguments), *schema);
  if (!created) return refuse(created.error());
  return ToolOutcome{};
}

Answer<ToolOutcome> compact(const ToolSettings& settings, Arguments arguments) {
  auto stored = open_to_write(settings, database_name(settings, arguments));
  if (!stored) return tl::unexpected(stored.error());
  const auto error = arguments.size() > 1 ? (*stored)->copy_to(arguments[1]) : (*stored)->compact();
  if (error) return refuse(*error);
  return ToolOutcome{};
}

Answer<ToolOutcome> convert(const ToolSettings& settings, Arguments arguments) {
  const auto schema = read_schema_file(arguments, 1);
  if (!schema) return tl::unexpected(schema.error());
  auto stored = open_to_write(settings, database_name(settings, arguments));
  if (!stored) return tl::unexpected(stored.error());
  if (arguments.size() > 2) {
    if (const auto error = (*stored)->copy_to(arguments[2])) return refuse(*error);
    stored = open_to_write(settings, arguments[2]);
    if (!stored) return tl::unexpected(stored.error());
  }
  if (const auto error = (*stored)->convert(*schema)) return refuse(*error);
  return ToolOutcome{};
}

Answer<ToolOutcome> needs_conversion(const ToolSettings& settings, Arguments arguments) {
  const auto schema = read_schema_file(arguments, 1);
  if (!schema) return tl::unexpected(schema.error());
  const auto stored = open_to_read(database_name(settings, arguments));
  if (!stored) return tl::unexpected(stored.error());
  const bool is_same = (*stored)->database().schema().to_json() == schema->to_json();
  return answer_line(is_same ? "no" : "yes");
}

template <std::string Schema::*Member>
Answer<ToolOutcome> database_text(const ToolSettings& settings, Arguments arguments) {
  const auto stored = open_to_read(database_name(settings, arguments));
  if (!stored) return tl::unexpected(stored.error());
  return answer_line((*stored)->database().schema().*Member);
}

template <std::string Schema::*Member>
Answer<ToolOutcome> schema_text(const ToolSettings&, Arguments arguments) {
  const auto schema = read_schema_file(arguments, 0);
  if (!schema) return tl::unexpected(schema.error());
  return answer_line(*schema.*Member);
}

Answer<ToolOutcome> is_standalone(const ToolSettings&, Arguments arguments) {
  const auto stored = open_to_read(arguments[0]);
  if (!stored) return tl::unexpected(stored.error());
  return ToolOutcome{};
}

constexpr int kNo = 2;  ///< the status of a question answered in the negative

Answer<ToolOutcome> is_clustered(const ToolSettings&, Arguments arguments) {
  const auto stored = open_to_read(arguments[0]);
  if (!stored) return tl::unexpected(stored.error());
  return ToolOutcome{.status = kNo};
}

std::optional<std::array<unsigned, 3>> parse_version(const std::string& text) {
  std::array<unsigned, 3> version{};
  int length = -1;
  std::sscanf(text.c_str(), "%u.%u.%u%n", &version[0], &version[1], &version[2], &length);
  if (length != static_cast<int>(text.size())) return std::nullopt;
  return version;
}

Answer<ToolOutcome> compare_versions(const ToolSettings&, Arguments arguments) {
  std::array<std::array<unsigned, 3>, 2> versions{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string& text = arguments[i * 2];
    const auto version = parse_version(text);
    if (!version) return bondway::fail("{}: not an OVSDB version number in format x.y.z", text);
    versions[i] = *version;
  }
  const auto& [a, b] = versions;
  const std::pair<std::string_view, bool> relations[] = {
      {"<", a < b}, {"<=", a <= b}, {"==", a == b}, {">=", a >= b}, {">", a > b}, {"!=", a != b}};
  for (const auto& [name, holds] : relations) {
    if (name == arguments[1]) return ToolOutcome{.status = holds ? 0 : kNo};
  }
  return bondway::fail("{}: not a relational operator", arguments[1]);
}

Answer<json> parse_transaction(const std::string& text) {
  auto parsed = rpc::parse_json(text);
  if (parsed) return parsed;
  return bondway::fail("\"{}\": {}", text, parsed.error().message);
}

std::optional<Error> check_transaction(const json& transaction, const Schema& schema) {
  if (!transaction.is_array()) {
    return Error{"syntax error", "array expected", json_text(transaction)};
  }
  if (!transaction.empty() && transaction[0] == schema.name) return std::nullopt;
  return Error{"syntax error", "database name expected as first parameter", json_text(transaction)};
}

Answer<ToolOutcome> run_transaction(Database& database, const std::string& text, Access access) {
  const auto transaction = parse_transaction(text);
  if (!transaction) return tl::unexpected(transaction.error());
  if (const auto error = check_transaction(*transaction, database.schema())) {
    return answer_line(json_text(to_json(*error)));
  }
  auto outcome = transact(database, *transaction, {.access = access, .may_block = false});
  if (const auto error = database.flush()) outcome.results.push_back(to_json(*error));
  return answer_line(json_text(outcome.results));
}

Answer<ToolOutcome> query(const ToolSettings& settings, Arguments arguments) {
  const auto stored = open_to_read(arguments.size() > 1 ? arguments[0] : settings.default_database);
  if (!stored) return tl::unexpected(stored.error());
  return run_transaction((*stored)->database(), arguments.back(), Access::read_only);
}

Answer<ToolOutcome> run_transact(const ToolSettings& settings, Arguments arguments) {
  const auto stored =
      open_to_write(settings, arguments.size() > 1 ? arguments[0] : settings.default_database);
  if (!stored) return tl::unexpected(stored.error());
  return run_transaction((*stored)->database(), arguments.back(), Access::read_write);
}

std::string date_text(std::int64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}", fmt::gmtime(seconds), milliseconds % 1000);
}

Answer<ToolOutcome> show_log(const ToolSettings& settings, Arguments arguments) {
  const auto stored = open_to_read(database_name(settings, arguments));
  if (!stored) return tl::unexpected(stored.error());
  const Schema& schema = (*stored)->database().schema();
  ToolOutcome outcome;
  outcome.output = fmt::format("record 0: \"{}\" schema, version=\"{}\", cksum=\"{}\"\n\n",
                               schema.name, schema.version, schema.cksum);
  std::size_t number = 0;
  for (const LogEntry& entry : (*stored)->log()) {
    outcome.output +=
        fmt::format("record {}: {} \"{}\"\n", ++number, date_text(entry.date), entry.comment);
  }
  return outcome;
}

Answer<ToolOutcome> import_log(const ToolSettings& settings, Arguments arguments) {
  const auto log = read_log_file(arguments[0]);
  if (!log) return refuse(log.error());
  ToolOutcome outcome;
  if (!log->damage.empty()) {
    outcome.warnings = fmt::format("ovsdb-tool: {}: {}; what came before is imported\n",
                                   arguments[0], log->damage);
  }
  const std::string target = database_name(settings, arguments, 1);
  const auto created = StoredDatabase::create_from(target, *log->database);
  if (!created) return refuse(created.error());
  return outcome;
}

Answer<ToolOutcome> export_log(const ToolSettings&, Arguments arguments) {
  const auto stored = open_to_read(arguments[0]);
  if (!stored) return tl::unexpected(stored.error());
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::string comment = fmt::format("exported by ovsdb-tool {}", process::kVersion);
  const auto error = write_log_file(arguments[1], (*stored)->database(), now.count(), comment);
  if (error) return refuse(*error);
  return ToolOutcome{};
}

Answer<ToolOutcome> list_commands(const ToolSettings&, Arguments) {
  ToolOutcome outcome{.output = "The available commands are:\n"};
  for (const ToolCommand& command : tool_commands()) {
    outcome.output += fmt::format("  {:<23} {}\n", command.name, command.arguments);
  }
  return outcome;
}

constexpr std::array kCommands{
    ToolCommand{"create", "[db [schema]]", "create DB with the given SCHEMA", 0, 2, create},
    ToolCommand{"compact", "[db [dst]]", "compact DB in-place (or to DST)", 0, 2, compact},
    ToolCommand{"convert", "[db [schema [dst]]]", "convert DB to SCHEMA (to DST)", 0, 3, convert},
    ToolCommand{"needs-conversion", "[db [schema]]", "tell whether DB differs from SCHEMA", 0, 2,
                needs_conversion},
    ToolCommand{"import", "log [db]", "make DB of an Open vSwitch database file", 1, 2, import_log},
    ToolCommand{"export", "db log", "make an Open vSwitch database file of DB", 2, 2, export_log},
    ToolCommand{"db-name", "[db]", "report name of schema used by DB", 0, 1,
                database_text<&Schema::name>},
    ToolCommand{"db-version", "[db]", "report version of schema used by DB", 0, 1,
                database_text<&Schema::version>},
    ToolCommand{"db-cksum", "[db]", "report checksum of schema used by DB", 0, 1,
                database_text<&Schema::cksum>},
    ToolCommand{"db-is-clustered", "db", "test whether DB is clustered", 1, 1, is_clustered},
    ToolCommand{"db-is-standalone", "db", "test whether DB is standalone", 1, 1, is_standalone},
    ToolCommand{"schema-name", "[schema]", "report SCHEMA's name", 0, 1,
                schema_text<&Schema::name>},
    ToolCommand{"schema-version", "[schema]", "report SCHEMA's schema version", 0, 1,
                schema_text<&Schema::version>},
    ToolCommand{"schema-cksum", "[schema]", "report SCHEMA's checksum", 0, 1,
                schema_text<&Schema::cksum>},
    ToolCommand{"compare-versions", "a op b", "compare OVSDB schema version numbers", 3, 3,
                compare_versions},
    ToolCommand{"query", "[db] trns", "execute read-only transaction on DB", 1, 2, query},
    ToolCommand{"transact", "[db] trns", "execute read/write transaction on DB", 1, 2,
                run_transact},
    ToolCommand{"show-log", "[db]", "print DB's log entries", 0, 1, show_log},
    ToolCommand{"list-commands", "", "list these commands", 0, 0, list_commands},
};

}  // namespace

std::span<const ToolCommand> tool_commands() { return kCommands; }

Answer<ToolOutcome> run_tool(const ToolSettings& settings, Arguments words) {
  if (words.empty()) return bondway::fail("missing command name; use --help for help");
  const auto command = std::find_if(kCommands.begin(), kCommands.end(),
                                    [&](const ToolCommand& row) { return row.name == words[0]; });
  if (command == kCommands.end()) {
    return bondway::fail("unknown command '{}'; use --help for help", words[0]);
  }
  const Arguments arguments = words.subspan(1);
  if (arguments.size() < command->min_arguments) {
    return bondway::fail("'{}' command requires at least {} arguments", command->name,
                         command->min_arguments);
  }
  if (arguments.size() > command->max_arguments) {
    return bondway::fail("'{}' command takes at most {} arguments", command->name,
                         command->max_arguments);
  }
  return command->run(settings, arguments);
}

}  // namespace bondway::db
