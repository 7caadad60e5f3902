#include "db/tool/log_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "db/engine/json.hpp"
#include "db/engine/json_text.hpp"
#include "db/engine/transaction.hpp"
#include "db/rpc/json_text.hpp"

namespace bondway::db {

namespace {

using nlohmann::json;
using std::filesystem::path;

std::string sha1(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char octet : digest) fmt::format_to(std::back_inserter(hex), "{:02x}", octet);
  return hex;
}

Error io_error(const path& file, const char* what, int error) {
  return {"I/O error",
          fmt::format("{}: {} ({})", file.string(), what, std::generic_category().message(error))};
}

/// Cuts a file into its records.
class Records {
 public:
  explicit Records(std::string content) : content_(std::move(content)) {}

  bool at_end() const { return at_ == content_.size(); }

  /// The next record, or what is wrong with it.
  Result<json> next() {
    const std::size_t begin = at_;
    const std::size_t end = content_.find('\n', begin);
    const std::string header = content_.substr(begin, end - begin);
    const auto damaged = [&](std::string_view what) {
      return fail("syntax error", fmt::format("{} at offset {}", what, begin));
    };
    constexpr std::string_view kMagic = "OVSDB JSON ";
    if (end == std::string::npos || !header.starts_with(kMagic)) {
      return damaged(fmt::format("parse error in header line \"{}\"", header));
    }
    std::size_t length = 0;
    const char* digits = header.data() + kMagic.size();
    const auto number = std::from_chars(digits, header.data() + header.size(), length);
    const std::string_view digest(number.ptr, header.data() + header.size());
    if (number.ec != std::errc() || length > content_.size() - end - 1) {
      return damaged("record is cut short");
    }
    const std::string_view text = std::string_view(content_).substr(end + 1, length);
    if (digest != " " + sha1(text)) return damaged("record has a wrong checksum");
    auto parsed = rpc::parse_json(text);
    if (!parsed || !parsed->is_object()) return damaged("record is not a JSON object");
    at_ = end + 1 + length;
    return std::move(*parsed);
  }

 private:
  std::string content_;
  std::size_t at_ = 0;
};

using Columns = std::vector<Datum>;

/// Rows as the records make them; the rules of a database hold only in the end.
class Contents {
 public:
  explicit Contents(const Schema& schema) : schema_(schema) {}

  std::optional<Error> apply(const json& record) {
    const bool is_difference = record.value("_is_diff", false);
    for (const auto& [name, rows] : record.items()) {
      if (name.starts_with('_')) continue;
      const Table* table = schema_.find(name);
      if (!table || !rows.is_object()) return Error{"syntax error", "No table named " + name + "."};
      for (const auto& [uuid_text, row] : rows.items()) {
        const auto uuid = Uuid::parse(uuid_text);
        if (!uuid) return Error{"syntax error", "\"" + uuid_text + "\" is not a valid UUID"};
        if (auto error = apply_row(*table, *uuid, row, is_difference)) return error;
      }
    }
    return std::nullopt;
  }

  Result<std::unique_ptr<Database>> to_database() {
    auto database = std::make_unique<Database>(schema_);
    Transaction transaction(*database);
    for (auto& [old_table, rows] : tables_) {
      const Table& table = *database->schema().find(old_table->name);
      for (auto& [uuid, columns] : rows) {
        transaction.insert(table, uuid);
        transaction.edit(table, uuid) = std::move(columns);
      }
    }
    if (auto done = transaction.commit(); !done) return tl::unexpected(std::move(done.error()));
    database->flush();
    return database;
  }

 private:
  std::optional<Error> apply_row(const Table& table, const Uuid& uuid, const json& row,
                                 bool is_difference) {
    auto& rows = tables_[&table];
    if (row.is_null()) {
      rows.erase(uuid);
      return std::nullopt;
    }
    if (!row.is_object()) return Error{"syntax error", "row must be JSON object"};
    const auto [entry, is_new] = rows.try_emplace(uuid);
    if (is_new) {
      for (const Column& column : table.columns) {
        entry->second.push_back(default_value(column.type));
      }
    }
    for (const auto& [name, value] : row.items()) {
      const auto position = table.find(name);
      if (!position) return Error{"unknown column", "No column " + name + "."};
      const ColumnType& type = table.columns[*position].type;
      auto datum = datum_from_json(value, type, {}, CountCheck::none);
      if (!datum) return datum.error();
      Datum& content = entry->second[*position];
      if (is_new || !is_difference || type.max == 1) {
        content = std::move(*datum);
      } else {
        add_difference(content, *datum);
      }
    }
    return std::nullopt;
  }

  /// Elements in one of the two stay; of a map, pairs that differ become the new ones.
  static void add_difference(Datum& content, const Datum& difference) {
    for (std::size_t i = 0; i < difference.size(); ++i) {
      const Atom& key = difference.keys()[i];
      if (!difference.is_map()) {
        if (!content.erase(key)) content.insert(key);
        continue;
      }
      const Atom* value = content.find(key);
      if (value && *value == difference.values()[i]) {
        content.erase(key);
      } else {
        content.insert(key, difference.values()[i]);
      }
    }
  }

  const Schema& schema_;
  std::map<const Table*, std::map<Uuid, Columns>> tables_;
};

json row_to_json(const Table& table, const Row& row) {
  json object = json::object();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.ephemeral || row.columns[i] == default_value(column.type)) continue;
    object[column.name] = to_json(row.columns[i], column.type);
  }
  return object;
}

std::string record(const json& content) {
  const std::string text = json_text(content);
  return fmt::format("OVSDB JSON {} {}\n{}\n", text.size() + 1, sha1(text + "\n"), text);
}

}  // namespace

Result<LogFile> read_log_file(const path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return tl::unexpected(io_error(file, "open failed", errno));
  Records records(std::string(std::istreambuf_iterator<char>(stream), {}));
  auto first = records.next();
  if (!first) {
    return fail("ovsdb error",
                fmt::format("{}: not an OVSDB log file of a standalone database", file.string()));
  }
  auto schema = Schema::parse(*first);
  if (!schema) return tl::unexpected(std::move(schema.error()));
  Contents contents(*schema);
  LogFile log;
  while (!records.at_end() && log.damage.empty()) {
    auto next = records.next();
    if (next) {
      if (auto error = contents.apply(*next)) log.damage = error->details;
    } else {
      log.damage = next.error().details;
    }
  }
  auto database = contents.to_database();
  if (!database) return tl::unexpected(std::move(database.error()));
  log.database = std::move(*database);
  return log;
}

std::optional<Error> write_log_file(const path& file, const Database& database, std::int64_t date,
                                    const std::string& comment) {
  json content = {{"_date", date}, {"_comment", comment}};
  for (const auto& [name, table] : database.schema().tables) {
    for (const auto& [uuid, row] : database.rows(table)) {
      content[name][to_string(uuid)] = row_to_json(table, *row);
    }
  }
  const std::string text = record(database.schema().to_json()) + record(content);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return io_error(file, "create failed", errno);
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    written += static_cast<std::size_t>(count);
  }
  const bool is_safe = written == text.size() && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (is_safe) return std::nullopt;
  ::unlink(file.c_str());
  return io_error(file, "write failed", error);
}

}  // namespace bondway::db
