// The control socket: JSON-RPC 1.0 as ovs-appctl and scripts speak it.

#include "process/control_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "db/rpc/asio.hpp"
#include "process/log_modules.hpp"
#include "process/paths.hpp"
#include "tests/process/raw_client.hpp"
#include "tests/process/run_program.hpp"

namespace bondway::process {
namespace {

using test::eventually;
using test::RawClient;
using ::testing::HasSubstr;

/// A real daemon with sample commands, one process per test.
class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() {
    EXPECT_TRUE(eventually([this] { return daemon.err().find("|vswitchd|INFO|up") != npos; }));
  }
  ~ControlServerTest() override {
    if (!ended) {
      EXPECT_EQ(RawClient(path).ask(exit_request, exit_answer), exit_answer);
    }
    const test::Outcome outcome = daemon.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(path));
  }

  static constexpr auto npos = std::string::npos;
  static constexpr std::string_view exit_request = R"({"id":0,"method":"exit","params":[]})";
  static constexpr std::string_view exit_answer = R"({"id":0,"result":"","error":null})";

  /// The daemon is alive and serves others.
  void expect_service() {
    constexpr std::string_view answer = R"({"id":1,"result":"x\n","error":null})";
    EXPECT_EQ(RawClient(path).ask(R"({"id":1,"method":"sample/echo","params":["x"]})", answer),
              answer);
  }

  test::TempDirectory directory;
  std::string path = directory / "ctl";
  test::Program daemon{directory,
                       BONDWAY_BINARY_DIR "/sample-daemon",
                       {"--unixctl=" + path, "-vsyslog:off", "-vunixctl:console:dbg"}};
  bool ended = false;
};

TEST_F(ControlServerTest, AnswersPipelinedRequestsInOrder) {
  RawClient client(path);
  constexpr std::string_view answer = R"({"id":0,"result":"a b\n","error":null})"
                                      R"({"id":"x","error":"no way\n"})"
                                      R"({"id":{"k":[1,2.5]},"result":"","error":null})";
  EXPECT_EQ(client.ask(R"({"id":0,"method":"sample/echo","params":["a","b"]}
                          {"method":"sample/fail","params":["no way"],"id":"x"})"
                       R"({"id":{"k":[1,2.5]},"method":"sample/echo","params":[]})",
                       answer),
            answer);
}

TEST_F(ControlServerTest, ChecksWhatEveryCommandShares) {
  const struct {
    const char* request;
    std::string answer;
  } cases[] = {
      {R"({"id":1,"method":"nosuch","params":[]})",
       R"({"id":1,"error":"\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n"})"},
      {R"({"id":1,"method":"sample/fail","params":[]})",
       R"({"id":1,"error":"\"sample/fail\" command requires at least 1 arguments\n"})"},
      {R"({"id":1,"method":"version","params":["x"]})",
       R"({"id":1,"error":"\"version\" command takes at most 0 arguments\n"})"},
      {R"({"id":1,"method":"sample/echo","params":["x",1]})",
       R"({"id":1,"error":"\"sample/echo\" command has non-string argument\n"})"},
      {R"({"id":1,"method":"version","params":[1]})",
       R"({"id":1,"error":"\"version\" command takes at most 0 arguments\n"})"},
  };
  RawClient client(path);
  for (const auto& each : cases) {
    SCOPED_TRACE(each.request);
    EXPECT_EQ(client.ask(each.request, each.answer), each.answer);
  }
}

TEST_F(ControlServerTest, HangsUpOnWhatIsNotARequestAndGoesOn) {
  for (const std::string request :
       {R"({"id":null,"method":"version","params":[]})", R"({"method":"version","params":[]})",
        R"({"id":3,"result":"x","error":null})", R"({"id":3,"method":"version","params":{}})",
        R"({"id":3,"method":"version"})", R"({"id":3,"method":1,"params":[]})", "[1]", "zz ", "}",
        R"({"id":1,"method":"version","params":[],"more":1})", "\x01", "5 ", "\"a\"",
        R"({"id":1,"method":"version","params":[}})"}) {
    SCOPED_TRACE(request);
    RawClient client(path);
    client.send(request);
    EXPECT_EQ(client.receive_all(), "<EOF>");
  }
  RawClient deep(path);
  deep.send_without_waiting(std::string(100'000, '['));
  EXPECT_THAT(deep.receive_all(), ::testing::AnyOf("<EOF>", "<ERROR>"));
  expect_service();
}

TEST_F(ControlServerTest, AnswersBeforeItNoticesThatTheClientHasNoMoreToSay) {
  RawClient client(path);
  client.send(R"({"id":1,"method":"sample/echo","params":["x"]})");
  client.stop_sending();
  EXPECT_EQ(client.receive_all(), R"({"id":1,"result":"x\n","error":null})"
                                  "<EOF>");
}

TEST_F(ControlServerTest, TakesRequestsInPiecesAndServesOthersMeanwhile) {
  RawClient slow(path);
  const std::string_view request = R"({"id":1,"method":"sample/echo","params":["\u00e9"]})";
  for (const char byte : request) {
    slow.send({&byte, 1});
    expect_service();
  }
  constexpr std::string_view answer = "{\"id\":1,\"result\":\"\xc3\xa9\\n\",\"error\":null}";
  EXPECT_EQ(slow.receive(answer.size()), answer);
}

TEST_F(ControlServerTest, LetsACommandAnswerLaterWhileOthersAreServed) {
  RawClient patient(path);
  patient.send(R"({"id":1,"method":"sample/wait","params":[]})"
               R"({"id":2,"method":"sample/echo","params":["then"]})");
  EXPECT_TRUE(eventually([this] { return daemon.err().find("sample/wait") != npos; }));
  constexpr std::string_view woken = R"({"id":9,"result":"","error":null})";
  EXPECT_EQ(RawClient(path).ask(R"({"id":9,"method":"sample/wake","params":[]})", woken), woken);
  constexpr std::string_view answer =
      R"({"id":1,"result":"awake\n","error":null}{"id":2,"result":"then\n","error":null})";
  EXPECT_EQ(patient.receive(answer.size()), answer);
}

TEST_F(ControlServerTest, ForgetsAClientThatLeftBeforeItsAnswerCame) {
  {
    RawClient impatient(path);
    impatient.send(R"({"id":1,"method":"sample/wait","params":[]})");
    EXPECT_TRUE(eventually([this] { return daemon.err().find("sample/wait") != npos; }));
  }
  constexpr std::string_view woken = R"({"id":9,"result":"","error":null})";
  EXPECT_EQ(RawClient(path).ask(R"({"id":9,"method":"sample/wake","params":[]})", woken), woken);
  expect_service();
}

TEST_F(ControlServerTest, ReadsNothingMoreFromAClientThatDoesNotReadItsAnswers) {
  RawClient deaf(path);
  std::string requests;
  for (int i = 0; i < 1000; ++i) {
    requests += R"({"id":1,"method":"sample/repeat","params":["10000","xxxxxxxxxx"]})";
  }
  std::size_t sent = 0;
  std::size_t taken = 1;
  while (taken > 0 && sent < (std::size_t{100} << 20)) {  // until its answers are in the way
    expect_service();
    taken = deaf.send_without_waiting(requests);
    sent += taken;
  }
  EXPECT_EQ(taken, 0U);
  expect_service();
}

TEST_F(ControlServerTest, SpeaksJsonOnceAsked) {
  RawClient client(path);
  constexpr std::string_view agreed = R"({"id":0,"result":"","error":null})";
  EXPECT_EQ(client.ask(R"({"id":0,"method":"set-options","params":["--format","json"]})", agreed),
            agreed);
  constexpr std::string_view answer =
      R"({"id":1,"result":{"name":"line","sides":[1,2]},"error":null})"
      R"({"id":2,"result":{"reply":"x","reply-format":"plain"},"error":null})"
      R"({"id":3,"error":"still plain\n"})"
      R"({"id":4,"result":"","error":null})"
      R"({"id":5,"result":"two sides\n","error":null})";
  EXPECT_EQ(client.ask(R"({"id":1,"method":"sample/shape","params":[]})"
                       R"({"id":2,"method":"sample/echo","params":["x"]})"
                       R"({"id":3,"method":"sample/fail","params":["still plain"]})"
                       R"({"id":4,"method":"set-options","params":["--format","text"]})"
                       R"({"id":5,"method":"sample/shape","params":[]})",
                       answer),
            answer);
  constexpr std::string_view refusal =
      R"({"id":6,"error":"option format has invalid value xml\n"})";
  EXPECT_EQ(client.ask(R"({"id":6,"method":"set-options","params":["--format","xml"]})", refusal),
            refusal);
  expect_service();  // another client's answers stay text
}

TEST_F(ControlServerTest, ServesManyClientsAtOnce) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(path));
  constexpr std::string_view answer = R"({"id":1,"result":"x\n","error":null})";
  for (auto& client : clients) {
    EXPECT_EQ(client->ask(R"({"id":1,"method":"sample/echo","params":["x"]})", answer), answer);
  }
}

TEST_F(ControlServerTest, AnswersExitBeforeItEnds) {
  RawClient client(path);
  EXPECT_EQ(client.ask(exit_request, exit_answer), exit_answer);
  EXPECT_EQ(client.receive_all(), "<EOF>");
  ended = true;
}

TEST_F(ControlServerTest, KeepsStrangersOut) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07U, 0U);
}

TEST(ControlSocketPath, FollowsTheUnixctlOption) {
  Paths paths;
  paths.rundir = "/r";
  EXPECT_EQ(control_socket_path(paths, "ovs-vswitchd", "", 12), "/r/ovs-vswitchd.12.ctl");
  EXPECT_EQ(control_socket_path(paths, "ovs-vswitchd", "x.ctl", 12), "/r/x.ctl");
  EXPECT_EQ(control_socket_path(paths, "ovs-vswitchd", "/x.ctl", 12), "/x.ctl");
  EXPECT_EQ(control_socket_path(paths, "ovs-vswitchd", "none", 12), "");
}

TEST(ControlServerStart, ReplacesAStaleSocketAndReachesLongPaths) {
  test::TempDirectory directory;
  const std::string deep = directory / std::string(150, 'd');
  std::filesystem::create_directory(deep);
  const std::string path = deep + "/ctl";
  std::ofstream(path) << "left over";
  asio::io_context io;
  CommandTable table;
  {
    const ControlServer server(io, path, table, Logger());
    EXPECT_TRUE(connect_unix(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ControlServerStart, SaysWhyItCannotListen) {
  asio::io_context io;
  CommandTable table;
  try {
    const ControlServer server(io, "/nonexistent/x", table, Logger());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "/nonexistent/x: could not initialize control socket (No such file or directory)");
  }
}

}  // namespace
}  // namespace bondway::process
