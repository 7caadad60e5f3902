#include "db/server/files.hpp"

namespace bondway::server {
namespace {

tl::unexpected<Error> in_one_line(const db::Error& error) {
  return fail("{}: {}", error.tag, error.details);
}

db::Result<db::Database*> convert(db::StoredDatabase& stored, const db::Schema& schema) {
  if (auto error = stored.convert(schema)) return tl::unexpected(std::move(*error));
  return &stored.database();
}

}  // namespace

DatabaseFiles::~DatabaseFiles() {
  for (const auto& [name, stored] : files_) host_.remove(name);
}

Result<void> DatabaseFiles::add(const std::filesystem::path& file) {
  std::error_code ignored;
  for (const auto& [name, stored] : files_)
    if (std::filesystem::equivalent(stored->file(), file, ignored))
      return fail("ovsdb error: {}: already open", file.string());
  auto opened = db::StoredDatabase::open(file);
  if (!opened) {
    if (const std::string obstacle = db::lock_obstacle(file); !obstacle.empty()) warn_(obstacle);
    return in_one_line(opened.error());
  }
  db::StoredDatabase& stored = **opened;
  const std::string name = stored.database().schema().name;
  Hosted hosted;
  hosted.database = &stored.database();
  hosted.convert = [&stored](const db::Schema& schema) { return convert(stored, schema); };
  hosted.compact = [&stored] { return stored.compact(); };
  if (!host_.add(std::move(hosted))) return fail("ovsdb error: {}: duplicate database name", name);
  files_.emplace(name, std::move(*opened));
  return {};
}

bool DatabaseFiles::remove(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return false;
  host_.remove(name);
  files_.erase(found);
  return true;
}

Result<bool> DatabaseFiles::compact(const std::string& name) {
  if (!has(name)) return false;
  if (const auto error = host_.compact(name)) return in_one_line(*error);
  return true;
}

std::vector<std::string> DatabaseFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, stored] : files_) names.push_back(name);
  return names;
}

}  // namespace bondway::server
