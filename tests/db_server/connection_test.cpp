#include "db/server/connection.hpp"

#include <sys/socket.h>

#include "tests/db_server/fixture.hpp"

namespace bondway::server {
namespace {

using namespace std::chrono_literals;

/// A connection on one end of a socket pair, and a blocking client on the other.
class ConnectionTest : public HostTest {
 protected:
  void connect(const ConnectionLimits& limits = {}) {
    asio::local::stream_protocol::socket ours(io);
    asio::local::connect_pair(ours, client);
    connection =
        std::make_shared<Connection>(io.get_executor(), make_plain_channel(Socket(std::move(ours))),
                                     host, db::Access::read_write, limits,
                                     [this](const auto&, const std::string& why) { closed = why; });
    connection->start();
  }

  /// Runs the server until it has nothing more to do, or for `patience`.
  void run(std::chrono::milliseconds patience = 20ms) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_for(1ms);
      host.settle();
    }
  }

  template <typename Condition>
  void run_until(Condition condition) {
    bool met = condition();
    for (int i = 0; i < 5000 && !met; ++i) {
      run(1ms);
      met = condition();
    }
    EXPECT_TRUE(met);
  }

  void write(std::string_view text) {
    boost::system::error_code ignored;
    asio::write(client, asio::buffer(text), ignored);
  }

  std::string read() {
    std::string text;
    client.non_blocking(true);
    std::array<char, 65536> chunk{};
    boost::system::error_code error;
    while (!error) {
      const std::size_t octets = client.read_some(asio::buffer(chunk), error);
      text.append(chunk.data(), octets);
    }
    client.non_blocking(false);
    return text;
  }

  static std::string echo(const std::string& text) {
    return R"({"id":1,"method":"echo","params":[")" + text + "\"]}";
  }
  static std::string echoed(const std::string& text) {
    return R"({"id":1,"result":[")" + text + R"("],"error":null})";
  }

  asio::io_context io;
  asio::local::stream_protocol::socket client{io};
  std::shared_ptr<Connection> connection;
  std::optional<std::string> closed;
};

TEST_F(ConnectionTest, RequestsMayComeInPiecesAndManyAtOnce) {
  connect();
  write(echo("a") + echo("b") + " \n" + echo("c").substr(0, 10));
  run();
  EXPECT_EQ(read(), echoed("a") + echoed("b"));
  for (const char c : echo("c").substr(10)) {
    write(std::string_view(&c, 1));
    run(1ms);
  }
  run();
  EXPECT_EQ(read(), echoed("c"));
}

TEST_F(ConnectionTest, WhoMakesNoSenseIsDisconnectedAfterTheRepliesItIsOwed) {
  connect();
  write(echo("a") + "nonsense ");
  run_until([&] { return closed.has_value(); });
  EXPECT_EQ(read(), echoed("a"));
  EXPECT_TRUE(closed->starts_with("Protocol error"));
}

TEST_F(ConnectionTest, WhatWasAskedBeforeTheEndIsAnswered) {
  connect();
  write(echo("a") + R"({"id":2,"method":"transact","params":["Zoo"]})");
  client.shutdown(asio::socket_base::shutdown_send);
  run_until([&] { return closed.has_value(); });
  EXPECT_EQ(read(), echoed("a") + R"({"id":2,"result":[],"error":null})");
}

TEST_F(ConnectionTest, WhileRepliesAreNotReadNoRequestIs) {
  connect();
  const std::string big = echo(std::string(100'000, 'x'));
  client.non_blocking(true);
  std::size_t taken = 0;
  boost::system::error_code error;
  for (int quiet = 0; quiet < 20; ++quiet) {  // until the server takes no more
    const std::size_t octets = client.write_some(asio::buffer(big) + taken % big.size(), error);
    taken += error ? 0 : octets;
    if (!error) quiet = 0;
    run(1ms);
  }
  EXPECT_LT(taken, std::size_t{16} << 20);
  std::string heard;
  const std::size_t whole = taken / big.size();
  run_until([&] {
    heard += read();
    return heard.size() >= whole * echoed(std::string(100'000, 'x')).size();
  });
}

TEST_F(ConnectionTest, AClientThatDoesNotReadIsDroppedInTheEnd) {
  ConnectionLimits limits;
  limits.stall = 50ms;
  connect(limits);
  client.non_blocking(true);
  const std::string big = echo(std::string(100'000, 'x'));
  std::size_t sent = 0;
  boost::system::error_code error;
  run_until([&] {
    const std::size_t octets = client.write_some(asio::buffer(big) + sent % big.size(), error);
    if (!error) sent += octets;
    return closed.has_value();
  });
  EXPECT_EQ(*closed, "the client does not read what it asked for");
}

TEST_F(ConnectionTest, ASilentClientIsProbedAndThenDropped) {
  ConnectionLimits limits;
  limits.probe = 40ms;
  connect(limits);
  const auto start = std::chrono::steady_clock::now();
  std::string heard;
  run_until([&] { return !(heard = read()).empty(); });
  EXPECT_EQ(heard, R"({"id":"echo","method":"echo","params":[]})");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 40ms);
  write(R"({"id":"echo","result":[],"error":null})");
  run_until([&] { return !(heard = read()).empty(); });
  EXPECT_FALSE(closed);
  run_until([&] { return closed.has_value(); });
  EXPECT_EQ(*closed, "no response to inactivity probe");
}

TEST_F(ConnectionTest, AMessageBeyondTheLimitEndsIt) {
  ConnectionLimits limits;
  limits.message.bytes = 1000;
  connect(limits);
  write(echo(std::string(900, 'x')));
  run();
  EXPECT_FALSE(closed);
  write(echo(std::string(1000, 'x')));
  run_until([&] { return closed.has_value(); });
}

TEST_F(ConnectionTest, ASessionEndsWithItsConnection) {
  connect();
  EXPECT_EQ(host.sessions().size(), 1U);
  client.close();
  run_until([&] { return closed.has_value(); });
  EXPECT_TRUE(host.sessions().empty());
}

TEST_F(ConnectionTest, UpdatesWaitUntilAClientHasRead) {
  connect();
  write(
      R"({"id":1,"method":"monitor_cond","params":["Zoo","m",{"Animal":{"columns":["notes"]}}]})");
  run();
  read();
  Client writer(host);
  const std::string long_note(200'000, 'n');
  writer.ask("transact", "['Zoo',{'op':'insert','table':'Animal','row':{'name':'a'}}]");
  for (int i = 0; i < 40; ++i) {
    writer.ask("transact",
               "['Zoo',{'op':'update','table':'Animal','where':[],'row':{'notes':"
               "['map',[['n','" +
                   long_note + std::to_string(i) + "']]]}}]");
    run(1ms);
  }
  std::string heard;
  run_until([&] {
    heard += read();
    return heard.find("n39\"") != std::string::npos;
  });
  EXPECT_LT(heard.size(), 20 * long_note.size());  // most were merged
}

}  // namespace
}  // namespace bondway::server
