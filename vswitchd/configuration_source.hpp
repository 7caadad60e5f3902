#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "db/engine/database.hpp"
#include "db/rpc/asio.hpp"
#include "db/server/tls.hpp"
#include "process/log.hpp"
#include "process/paths.hpp"

namespace bondway {

/// Where the daemon's configuration comes from and its status goes to.
class ConfigurationSource {
 public:
  ConfigurationSource() = default;
  ConfigurationSource(const ConfigurationSource&) = delete;
  ConfigurationSource& operator=(const ConfigurationSource&) = delete;
  virtual ~ConfigurationSource() = default;

  virtual db::Database& database() = 0;

  /// Calls `ready` once, when the database is there and the configuration in it is ours to bring
  /// about; perhaps at once, perhaps never.
  virtual void start(std::function<void()> ready) = 0;

  /// Something was committed here.  To be called from outside of the database.
  virtual void committed() = 0;

  virtual std::size_t sessions() const = 0;  ///< open connections, with clients or a server
};

/// A database of the daemon's own, in conf.db, served on db.sock and where its Manager rows say.
/// Throws when it can't be opened or served.
std::unique_ptr<ConfigurationSource> make_own_database(asio::io_context& io,
                                                       const server::TlsFiles& tls,
                                                       const process::Paths& paths,
                                                       process::Log& log);

/// The database of the OVSDB server at a remote (unix:FILE, tcp:HOST:PORT, ssl:HOST:PORT), followed
/// for as long as the daemon runs.  Its absence is waited out.  Throws when `remote` is none.
std::unique_ptr<ConfigurationSource> make_followed_database(asio::io_context& io,
                                                            const std::string& remote,
                                                            const server::TlsFiles& tls,
                                                            process::Log& log);

}  // namespace bondway
