#include "db/server/commands.hpp"

#include <fmt/ranges.h>

#include "db/server/files.hpp"
#include "db/server/server.hpp"
#include "db/server/session.hpp"
#include "process/paths.hpp"

namespace bondway::server {
namespace {

using process::Args;
using process::CommandTable;

/// A line each.
std::string lines(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += text + '\n';
  return out;
}

Result<std::string> done(const Result<void>& result) {
  if (!result) return tl::unexpected(result.error());
  return std::string();
}

Result<std::string> compact(Server& server, DatabaseFiles& files, const process::Logger& log,
                            const Args& args) {
  if (!args.empty() && !files.has(args[0]))
    return server.host().find(args[0]) != nullptr ? fail("cannot compact built-in databases")
                                                  : fail("no database by that name");
  for (const std::string& name : args.empty() ? files.names() : args) {
    log.info("compacting {} database by user request", name);
    if (const auto compacted = files.compact(name); !compacted)
      return tl::unexpected(compacted.error());
  }
  return std::string();
}

Result<std::string> remove_database(DatabaseFiles& files, const std::string& name) {
  if (name.starts_with('_')) return fail("Cannot remove reserved database.");
  if (!files.remove(name)) return fail("Failed to find the database.");
  return std::string();
}

void add_database_commands(CommandTable& table, Server& server, DatabaseFiles& files,
                           const process::Logger& log) {
  table.add("ovsdb-server/list-dbs", "", 0, 0,
            [&server](const Args&) { return lines(server.host().names()); });
  table.add("ovsdb-server/add-db", "DB", 1, 1,
            [&files](const Args& args) { return done(files.add(args[0])); });
  table.add("ovsdb-server/remove-db", "DB", 1, 1,
            [&files](const Args& args) { return remove_database(files, args[0]); });
  table.add("ovsdb-server/compact", "", 0, 1,
            [&server, &files, log](const Args& args) { return compact(server, files, log, args); });
  table.add("ovsdb-server/get-db-storage-status", "DB", 1, 1,
            [&server](const Args& args) -> Result<std::string> {
              if (server.host().find(args[0]) == nullptr)
                return fail("Failed to find the database.");
              return "status: ok";
            });
}

void add_remote_commands(CommandTable& table, Server& server) {
  table.add("ovsdb-server/add-remote", "REMOTE", 1, 1,
            [&server](const Args& args) { return done(server.add_remote(args[0])); });
  table.add("ovsdb-server/remove-remote", "REMOTE", 1, 1,
            [&server](const Args& args) -> Result<std::string> {
              if (!server.remove_remote(args[0])) return fail("no such remote");
              return std::string();
            });
  table.add("ovsdb-server/list-remotes", "", 0, 0,
            [&server](const Args&) { return lines(server.remotes()); });
  table.add("ovsdb-server/reconnect", "", 0, 0, [&server](const Args&) {
    server.reconnect();
    return std::string();
  });
}

}  // namespace

void add_server_commands(CommandTable& table, Server& server, DatabaseFiles& files,
                         process::Logger log) {
  add_database_commands(table, server, files, log);
  add_remote_commands(table, server);
  table.add("ovsdb-server/sync-status", "", 0, 0,
            [](const Args&) { return std::string("state: active\n"); });
  table.add("ovsdb-server/perf-counters-show", "", 0, 0, [](const Args&) {
    return std::string("performance counter is not supported on this platform\n");
  });
  table.add("ovsdb-server/perf-counters-clear", "", 0, 0,
            [](const Args&) { return std::string(); });
}

process::MemoryUsage memory_usage(Server& server) {
  process::MemoryUsage usage{{"atoms", 0}, {"cells", 0}, {"monitors", 0}};
  for (const std::string& name : server.host().names()) {
    const db::Database& database = *server.host().find(name);
    for (const auto& [table_name, table] : database.schema().tables)
      for (const auto& [uuid, row] : database.rows(table)) {
        usage["cells"] += row->columns.size();
        for (const db::Datum& datum : row->columns)
          usage["atoms"] += datum.keys().size() + datum.values().size();
      }
  }
  for (const Session* session : server.host().sessions())
    usage["monitors"] += session->monitor_count();
  if (server.connections() > 0) usage["sessions"] = server.connections();
  return usage;
}

}  // namespace bondway::server
