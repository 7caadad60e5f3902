#include "db/server/server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "db/engine/schemas.hpp"
#include "db/engine/transaction.hpp"
#include "db/server/database_remotes.hpp"
#include "tests/db_server/fixture.hpp"

namespace bondway::server {
namespace {

using namespace std::chrono_literals;
using std::filesystem::path;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bondway-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(directory_); }
  path operator/(const std::string& name) const { return directory_ / name; }

 private:
  path directory_;
};

db::Schema vswitch_schema() {
  return *db::Schema::parse(nlohmann::json::parse(db::vswitch_schema_text()));
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    server.emplace(io, settings(), process::Logger());
    server->host().add({&database, {}, {}});
  }

  ServerSettings settings() {
    ServerSettings settings;
    settings.rundir = (directory / "").string();
    settings.max_connections = 3;
    return settings;
  }

  template <typename Condition>
  bool run_until(Condition condition, std::chrono::milliseconds patience = 10s) {
    const auto end = std::chrono::steady_clock::now() + patience;
    bool met = condition();
    while (!met && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_for(2ms);
      met = condition();
    }
    return met;
  }

  std::string punix() { return "punix:" + (directory / "db.sock").string(); }

  asio::local::stream_protocol::socket connect() {
    asio::local::stream_protocol::socket client(io);
    boost::system::error_code error;
    client.connect((directory / "db.sock").string(), error);
    return client;
  }

  /// Whether a client is answered.
  template <typename ClientSocket>
  bool is_served(ClientSocket& client) {
    boost::system::error_code error;
    asio::write(client, asio::buffer(std::string(R"({"id":1,"method":"echo","params":[]})")),
                error);
    client.non_blocking(true, error);
    std::array<char, 256> chunk{};
    return run_until([&] {
             error.clear();
             client.read_some(asio::buffer(chunk), error);
             return error != asio::error::would_block;
           }) &&
           !error;
  }

  db::Uuid insert_manager(const std::string& target) {
    db::Transaction transaction(database);
    const auto& root = *database.schema().find("Open_vSwitch");
    const auto& manager = *database.schema().find("Manager");
    const auto& rows = database.rows(root);
    const db::Uuid owner = rows.empty() ? transaction.insert(root) : rows.begin()->first;
    const db::Uuid row = transaction.insert(manager);
    transaction.set(manager, row, "target", db::Datum(db::Atom(target)));
    transaction.set(root, owner, "manager_options", db::Datum(db::Atom(row)));
    EXPECT_TRUE(transaction.commit());
    database.flush();
    return row;
  }

  db::Datum manager_value(const db::Uuid& row, std::string_view column) {
    const auto& table = *database.schema().find("Manager");
    return database.find(table, row)->columns[*table.find(column)];
  }

  TemporaryDirectory directory;
  asio::io_context io;
  db::Database database{vswitch_schema()};
  std::optional<Server> server;
};

TEST_F(ServerTest, ServesAUnixSocketForOwnerAndGroup) {
  ASSERT_TRUE(server->add_remote(punix()));
  struct stat status {};
  ASSERT_EQ(::stat((directory / "db.sock").c_str(), &status), 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(status.st_mode & 0777U, 0770U & ~mask);
  auto client = connect();
  EXPECT_TRUE(is_served(client));
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(directory / "db.sock"));
}

TEST_F(ServerTest, ReplacesASocketThatADeadServerLeftButNoLiveOne) {
  {
    asio::local::stream_protocol::acceptor dead(io, (directory / "db.sock").string());
    EXPECT_FALSE(server->add_remote(punix()));
  }
  ASSERT_TRUE(std::filesystem::exists(directory / "db.sock"));
  EXPECT_TRUE(server->add_remote(punix()));
  auto client = connect();
  EXPECT_TRUE(is_served(client));
}

TEST_F(ServerTest, RelativeSocketsAreInTheRunDirectory) {
  ASSERT_TRUE(server->add_remote("punix:db.sock"));
  auto client = connect();
  EXPECT_TRUE(is_served(client));
}

TEST_F(ServerTest, RefusesARemoteThatCannotBeServed) {
  for (const char* remote :
       {"nonsense", "ptcp:x", "punix:/nonexistent/db.sock", "ptcp:0:192.0.2.1", "db:x",
        "db:Nope,A,b", "db:Open_vSwitch,Nope,b", "db:Open_vSwitch,Open_vSwitch,nope",
        "db:Open_vSwitch,Open_vSwitch,next_cfg"}) {
    SCOPED_TRACE(remote);
    EXPECT_FALSE(server->add_remote(remote));
  }
  EXPECT_TRUE(server->remotes().empty());
}

TEST_F(ServerTest, RemotesComeAndGo) {
  ASSERT_TRUE(server->add_remote(punix()));
  EXPECT_TRUE(server->add_remote(punix()));
  EXPECT_EQ(server->remotes(), std::vector<std::string>{punix()});
  auto client = connect();
  ASSERT_TRUE(is_served(client));
  EXPECT_TRUE(server->remove_remote(punix()));
  EXPECT_FALSE(server->remove_remote(punix()));
  EXPECT_FALSE(is_served(client));
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(ServerTest, RefusesConnectionsBeyondItsLimit) {
  ASSERT_TRUE(server->add_remote(punix()));
  auto a = connect();
  auto b = connect();
  auto c = connect();
  auto d = connect();
  EXPECT_TRUE(is_served(a) && is_served(b) && is_served(c));
  EXPECT_FALSE(is_served(d));
  a.close();
  EXPECT_TRUE(run_until([&] { return server->connections() == 2; }));
  auto e = connect();
  EXPECT_TRUE(is_served(e));
}

TEST_F(ServerTest, ReconnectDropsEveryConnection) {
  ASSERT_TRUE(server->add_remote(punix()));
  auto client = connect();
  ASSERT_TRUE(is_served(client));
  server->reconnect();
  EXPECT_FALSE(is_served(client));
}

TEST_F(ServerTest, ConnectsToAClientThatListensAgainAndAgain) {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  ASSERT_TRUE(
      server->add_remote(fmt::format("tcp:127.0.0.1:{}", acceptor.local_endpoint().port())));
  for (int i = 0; i < 2; ++i) {
    std::optional<asio::ip::tcp::socket> client;
    acceptor.async_accept([&](boost::system::error_code, asio::ip::tcp::socket socket) {
      client.emplace(std::move(socket));
    });
    ASSERT_TRUE(run_until([&] { return client.has_value(); }));
    EXPECT_TRUE(is_served(*client));
  }
}

TEST_F(ServerTest, FollowsTheRemotesInADatabase) {  // ovsdb-server(1), --remote=db:...
  ASSERT_TRUE(server->add_remote("db:Open_vSwitch,Open_vSwitch,manager_options"));
  const db::Uuid row = insert_manager("punix:" + (directory / "db.sock").string());
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(directory / "db.sock"); }));
  auto client = connect();
  EXPECT_TRUE(is_served(client));
  EXPECT_TRUE(
      run_until([&] { return manager_value(row, "is_connected") == db::Datum(db::Atom(true)); }));
  EXPECT_NE(manager_value(row, "status").find(std::string("sec_since_connect")), nullptr);

  insert_manager("ptcp:0:127.0.0.1");
  EXPECT_TRUE(run_until([&] { return !std::filesystem::exists(directory / "db.sock"); }));
  EXPECT_FALSE(is_served(client));
}

TEST_F(ServerTest, ARemoteInADatabaseThatCannotBeServedIsTriedAgain) {
  ASSERT_TRUE(server->add_remote("db:Open_vSwitch,Open_vSwitch,manager_options"));
  const path socket = directory / "sub/db.sock";
  insert_manager("punix:" + socket.string());
  EXPECT_FALSE(run_until([&] { return std::filesystem::exists(socket); }, 50ms));
  std::filesystem::create_directory(directory / "sub");
  EXPECT_TRUE(run_until([&] { return std::filesystem::exists(socket); }));
}

TEST_F(ServerTest, ARowTellsHowItsRemoteIsServed) {  // ovs-vswitchd.conf.db(5), Manager
  const db::Uuid row = insert_manager("pssl:6641");
  db::Transaction transaction(database);
  const auto& table = *database.schema().find("Manager");
  transaction.set(table, row, "inactivity_probe", db::Datum(db::Atom(std::int64_t{0})));
  transaction.set(table, row, "max_backoff", db::Datum(db::Atom(std::int64_t{2000})));
  transaction.set(table, row, "other_config",
                  *db::Datum::map({{db::Atom(std::string("dscp")), db::Atom(std::string("10"))}}));
  ASSERT_TRUE(transaction.commit());
  database.flush();
  const auto wanted = wanted_remotes(database, {"Open_vSwitch", "Open_vSwitch", "manager_options"});
  ASSERT_EQ(wanted.count("pssl:6641"), 1U);
  const WantedRemote& remote = wanted.at("pssl:6641");
  EXPECT_EQ(
      remote.options,
      (EndpointOptions{
          .probe = 0ms, .max_backoff = 2000ms, .access = db::Access::read_write, .dscp = 10}));
  EXPECT_EQ(remote.row, row);
}

TEST_F(ServerTest, WaitsEndOnTimeWithoutAnyTraffic) {
  ASSERT_TRUE(server->add_remote(punix()));
  auto client = connect();
  const std::string wait =
      R"({"id":1,"method":"transact","params":["Open_vSwitch",{"op":"wait","table":"Queue",)"
      R"("where":[],"columns":[],"until":"!=","rows":[],"timeout":30}]})";
  asio::write(client, asio::buffer(wait));
  client.non_blocking(true);
  std::string heard;
  EXPECT_TRUE(run_until([&] {
    std::array<char, 1024> chunk{};
    boost::system::error_code error;
    heard.append(chunk.data(), client.read_some(asio::buffer(chunk), error));
    return heard.find("\"error\":\"timed out\"") != std::string::npos;
  }));
}

}  // namespace
}  // namespace bondway::server
