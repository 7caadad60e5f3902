#pragma once

#include "process/command_table.hpp"
#include "process/log.hpp"
#include "process/standard_commands.hpp"

namespace bondway::server {

class DatabaseFiles;
class Server;

/// The control commands that databases and remotes have: ovsdb-server/*; ovsdb-server(1), "Runtime
/// Management Commands".  Everything handed over outlives the table.
void add_server_commands(process::CommandTable& table, Server& server, DatabaseFiles& files,
                         process::Logger log);

/// What memory/show counts of a server.
process::MemoryUsage memory_usage(Server& server);

}  // namespace bondway::server
