#include "vswitchd/configuration_source.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "db/engine/schemas.hpp"
#include "db/replica/follower.hpp"
#include "db/server/host.hpp"
#include "db/server/server.hpp"
#include "db/store/stored_database.hpp"

namespace bondway {
namespace {

db::Schema our_schema() {
  return db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text())).value();
}

class OwnDatabase final : public ConfigurationSource {
 public:
  OwnDatabase(asio::io_context& io, const server::TlsFiles& tls, const process::Paths& paths,
              process::Log& log)
      : stored_(open(paths)),
        server_(io, server_settings(tls, paths), log.module("ovsdb_server")),
        socket_("punix:" + paths.in_rundir("db.sock")) {}

  db::Database& database() override { return stored_->database(); }

  void start(std::function<void()> ready) override {
    server_.host().add({&stored_->database(), {}, [this] { return stored_->compact(); }});
    for (const char* remote : {socket_.c_str(), "db:Open_vSwitch,Open_vSwitch,manager_options"}) {
      if (const auto result = server_.add_remote(remote); !result) {
        throw std::runtime_error(result.error().message);
      }
    }
    ready();
  }

  void committed() override { server_.host().settle_soon(); }
  std::size_t sessions() const override { return server_.connections(); }

 private:
  static server::ServerSettings server_settings(const server::TlsFiles& tls,
                                                const process::Paths& paths) {
    server::ServerSettings settings;
    settings.tls = tls;
    settings.rundir = paths.rundir;
    return settings;
  }

  static std::unique_ptr<db::StoredDatabase> open(const process::Paths& paths) {
    auto stored = db::StoredDatabase::open_or_create(paths.dbdir + "/conf.db", our_schema());
    if (!stored) {
      throw std::runtime_error(fmt::format("{}: {}", stored.error().tag, stored.error().details));
    }
    return std::move(*stored);
  }

  std::unique_ptr<db::StoredDatabase> stored_;
  server::Server server_;
  std::string socket_;
};

class FollowedDatabase final : public ConfigurationSource {
 public:
  FollowedDatabase(asio::io_context& io, rpc::Remote remote, const server::TlsFiles& tls,
                   process::Log& log)
      : log_(log.module("bridge")),
        tls_(tls, host_),
        replica_(our_schema()),
        follower_(io, replica_,
                  {std::move(remote), "ovs_vswitchd", [this] { return tls_.context(); }},
                  log.module("reconnect")) {}

  db::Database& database() override { return replica_.database(); }

  void start(std::function<void()> ready) override {
    ready_ = std::move(ready);
    follower_.on_state = [this](replica::Follower::State state) { state_changed(state); };
    follower_.start();
  }

  void committed() override { replica_.database().flush(); }
  std::size_t sessions() const override { return follower_.is_connected() ? 1 : 0; }

 private:
  void state_changed(replica::Follower::State state) {
    if (state == replica::Follower::State::waiting) {
      log_.err("another ovs-vswitchd process has the database: {} until it goes away",
               ready_ ? "not starting" : "no status is written");
    } else if (ready_) {
      std::exchange(ready_, nullptr)();
    }
  }

  process::Logger log_;
  /// Has nothing but the reserved database: no keys are to be found there.
  server::Host host_{[] { return std::chrono::steady_clock::now(); }, [] {}};
  server::TlsIdentity tls_;
  replica::Replica replica_;
  replica::Follower follower_;
  std::function<void()> ready_;  ///< empty once called
};

}  // namespace

std::unique_ptr<ConfigurationSource> make_own_database(asio::io_context& io,
                                                       const server::TlsFiles& tls,
                                                       const process::Paths& paths,
                                                       process::Log& log) {
  return std::make_unique<OwnDatabase>(io, tls, paths, log);
}

std::unique_ptr<ConfigurationSource> make_followed_database(asio::io_context& io,
                                                            const std::string& remote,
                                                            const server::TlsFiles& tls,
                                                            process::Log& log) {
  auto parsed = rpc::parse_remote(remote);
  if (!parsed) throw std::runtime_error(parsed.error().message);
  if (parsed->direction != rpc::Direction::active) {
    throw std::runtime_error(fmt::format("{}: unix:, tcp: or ssl: expected", remote));
  }
  return std::make_unique<FollowedDatabase>(io, std::move(*parsed), tls, log);
}

}  // namespace bondway
