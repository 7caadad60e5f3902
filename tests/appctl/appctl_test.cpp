// ovs-appctl(8) as scripts see it: arguments in; output, messages and exit status out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "process/pidfile.hpp"
#include "process/unix_socket.hpp"
#include "tests/process/run_program.hpp"

namespace bondway {
namespace {

using test::Outcome;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Log lines, "2026-11-21T08:26:00Z|00001|...", without their time.
std::string untimed(const std::string& text) {
  constexpr std::size_t kTime = std::string_view("2026-11-21T08:26:00Z").size();
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("20") && line.find("Z|") == kTime - 1) line.replace(0, kTime, "TIME");
    out += line + "\n";
  }
  return out;
}

class AppctlTest : public ::testing::Test {
 protected:
  Outcome appctl(std::vector<std::string> args) const {
    args.insert(args.begin(), "-vsyslog:off");
    Outcome outcome = test::run_program(directory, tool, args, environment);
    outcome.err = untimed(outcome.err);
    return outcome;
  }

  void expect(const std::vector<std::string>& args, int status, const std::string& out,
              const std::string& err) const {
    SCOPED_TRACE(::testing::PrintToString(args));
    const Outcome outcome = appctl(args);
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.out, out);
    EXPECT_EQ(outcome.err, err);
  }

  test::TempDirectory directory;
  std::string tool = BONDWAY_BINARY_DIR "/ovs-appctl";
  test::Program::Environment environment{{"OVS_RUNDIR", directory.path()},
                                         {"OVS_LOGDIR", directory.path()}};
};

TEST_F(AppctlTest, RefusesBadCommandLines) {
  expect({}, 1, "",
         "ovs-appctl: at least one non-option argument is required (use --help for help)\n");
  expect({"-T", "0", "x"}, 1, "", "ovs-appctl: value 0 on -T or --timeout is invalid\n");
  expect({"--timeout=1x", "x"}, 1, "", "ovs-appctl: value 1x on -T or --timeout is invalid\n");
  expect({"-T", "-5", "x"}, 1, "", "ovs-appctl: value -5 on -T or --timeout is invalid\n");
  expect({"--zzz"}, 1, "", "ovs-appctl: unrecognized option '--zzz'\n");
  expect({"-z"}, 1, "", "ovs-appctl: invalid option -- 'z'\n");
  expect({"--t"}, 1, "",
         "ovs-appctl: option '--t' is ambiguous; possibilities: '--target' '--timeout'\n");
  expect({"--version=3"}, 1, "", "ovs-appctl: option '--version' doesn't allow an argument\n");
  expect({"-f", "xml", "x"}, 1, "", "ovs-appctl: value xml on -f or --format is invalid\n");
  expect({"-vfoo", "x"}, 1, "",
         "ovs-appctl: processing \"foo\": no destination, level, or module \"foo\"\n");
}

TEST_F(AppctlTest, ShowsItsVersionHelpAndOptionsWithoutADaemon) {
  expect({"-V"}, 0, "ovs-appctl (Open vSwitch) 3.1.0\n", "");
  EXPECT_THAT(appctl({"--help", "--zzz"}).out,
              StartsWith("ovs-appctl, for querying and controlling Open vSwitch daemon\n"
                         "usage: ovs-appctl [TARGET] COMMAND [ARG...]\nTargets:\n"));
  EXPECT_THAT(appctl({"--option"}).out, StartsWith("--target=ARG\n-t ARG\n--execute\n-e \n"));
}

TEST_F(AppctlTest, SaysWhyThereIsNoDaemonToAsk) {
  const std::string dir = directory.path();
  expect({"-t", "nosuch", "version"}, 1, "",
         "TIME|00001|daemon_unix|WARN|" + dir + "/nosuch.pid: open: No such file or directory\n" +
             "ovs-appctl: cannot read pidfile \"" + dir +
             "/nosuch.pid\" (No such file or directory)\n");
  std::ofstream(directory / "stale.pid") << "999999\n";
  expect({"-t", "stale", "version"}, 1, "",
         "ovs-appctl: cannot read pidfile \"" + dir + "/stale.pid\" (No such process)\n");
  std::ofstream(directory / "unlocked.pid") << ::getpid() << "\n";
  expect({"-t", "unlocked", "version"}, 1, "",
         "ovs-appctl: cannot read pidfile \"" + dir + "/unlocked.pid\" (No such process)\n");
  expect({"-t", "/nonexist", "version"}, 1, "",
         "TIME|00001|unixctl|WARN|failed to connect to /nonexist\n"
         "ovs-appctl: cannot connect to \"/nonexist\" (No such file or directory)\n");
  expect({"-t", "/etc/passwd", "version"}, 1, "",
         "TIME|00001|unixctl|WARN|failed to connect to /etc/passwd\n"
         "ovs-appctl: cannot connect to \"/etc/passwd\" (Connection refused)\n");
  const std::string endless = "/" + std::string(120, '0');
  expect({"-t", endless, "version"}, 1, "",
         "TIME|00001|socket_util_unix|WARN|Unix socket name " + endless +
             " is longer than maximum 107 bytes\n" +
             "TIME|00002|unixctl|WARN|failed to connect to " + endless + "\n" +
             "ovs-appctl: cannot connect to \"" + endless + "\" (File name too long)\n");
}

/// A daemon that answers whatever comes with the same bytes, once.
class FakeDaemon {
 public:
  FakeDaemon(const std::string& path, std::string answer, bool hangs_up)
      : listener_(*process::listen_unix(path)), thread_([this, answer, hangs_up] {
          const process::UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
          std::array<char, 1000> buffer;
          (void)!::read(client.get(), buffer.data(), buffer.size());
          (void)!::write(client.get(), answer.data(), answer.size());
          if (!hangs_up) (void)!::read(client.get(), buffer.data(), buffer.size());
        }) {}
  ~FakeDaemon() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  process::UniqueFd listener_;
  std::thread thread_;
};

TEST_F(AppctlTest, CopesWithEveryKindOfAnswer) {
  const std::string path = directory / "fake";
  const auto error = [&](const std::string& what) {
    return "ovs-appctl: " + path + ": " + what + "\n";
  };
  const std::string end_of_file = "TIME|00001|unixctl|WARN|error communicating with unix:" + path +
                                  ": End of file\n" + error("transaction error (End of file)");
  const struct {
    std::string answer;
    int status;
    std::string out, err;
  } cases[] = {
      {R"({"id":0,"result":"x","error":null})", 0, "x", ""},
      {R"({"id":0,"result":"x\n\ny\u00e9","error":null})", 0, "x\n\ny\xc3\xa9", ""},
      {R"({"id":0,"error":"oops\n","result":null})", 2, "",
       "oops\n" + error("server returned an error")},
      {"", 1, "", end_of_file},
      {R"({"id":0,"result":"x)", 1, "", end_of_file},
      {R"({"id":0,"result":5,"error":null})", 1, "",
       "TIME|00001|unixctl|WARN|unix:" + path +
           ": unexpected result type in JSON rpc reply: number\n" +
           error("transaction error (Invalid argument)")},
      {R"({"id":0,"result":null,"error":5})", 1, "",
       "TIME|00001|unixctl|WARN|unix:" + path +
           ": unexpected error type in JSON RPC reply: number\n" +
           error("transaction error (Invalid argument)")},
      {R"({"id":7,"result":"not ours","error":null}{"id":0,"result":"ours","error":null})", 0,
       "ours", ""},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.answer);
    const FakeDaemon daemon(path, each.answer, true);
    expect({"-t", path, "version"}, each.status, each.out, each.err);
  }
  const FakeDaemon daemon(path, "[]", true);
  const Outcome outcome = appctl({"-t", path, "version"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, StartsWith("TIME|00001|jsonrpc|WARN|unix:" + path +
                                      ": received bad JSON-RPC message: "));
  EXPECT_THAT(outcome.err, HasSubstr(error("transaction error (Protocol error)")));
}

TEST_F(AppctlTest, DiesOfSigalrmWhenTheDaemonIsSilent) {
  const std::string path = directory / "fake";
  const FakeDaemon daemon(path, "", false);
  expect({"-T", "1", "-t", path, "version"}, 128 + SIGALRM, "",
         "TIME|00001|fatal_signal|WARN|terminating with signal 14 (Alarm clock)\n");
}

/// Either tool against a real daemon of ours.
class AskingTest : public AppctlTest {
 protected:
  AskingTest() {
    const Outcome started =
        test::run_program(directory, BONDWAY_BINARY_DIR "/sample-daemon",
                          {"--detach", "--pidfile", "-vsyslog:off"}, environment);
    EXPECT_EQ(started.status, 0) << started.err;
  }
  ~AskingTest() override {
    const auto pid = process::read_pidfile(directory / "sample-daemon.pid");
    EXPECT_TRUE(pid);
    if (pid) ::kill(*pid, SIGKILL);
  }

  void check_conversation() const {
    const std::vector<std::string> to{"-t", "sample-daemon"};
    const auto ask = [&](std::vector<std::string> words) {
      words.insert(words.begin(), to.begin(), to.end());
      return words;
    };
    expect(ask({"version"}), 0, "sample-daemon (Open vSwitch) 3.1.0\n", "");
    expect(ask({"sample/echo"}), 0, "", "");
    expect(ask({"sample/echo", "a", "--b", "\xc3\xa9\""}), 0, "a --b \xc3\xa9\"\n", "");
    expect(
        ask({"sample/repeat", "300000", "0123456789"}), 0,
        [] {
          std::string text;
          for (int i = 0; i < 300000; ++i) text += "0123456789";
          return text + "\n";
        }(),
        "");
    expect(ask({"sample/fail", "no such bond"}), 2, "",
           "no such bond\novs-appctl: sample-daemon: server returned an error\n");
    expect(ask({"nosuch"}), 2, "",
           "\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid "
           "commands)\novs-appctl: sample-daemon: server returned an error\n");
    expect(ask({"vlog/set", "PATTERN:console:%m"}), 0, "", "");
    expect(ask({"-T5", "time/warp", "1000", "100"}), 0, "warped\n", "");
  }
};

TEST_F(AskingTest, PrintsWhatTheDaemonAnswers) { check_conversation(); }

TEST_F(AskingTest, WorksTheSameWithTheReferenceTool) {
  tool = "/usr/bin/ovs-appctl";
  if (!std::filesystem::exists(tool)) GTEST_SKIP() << "openvswitch-switch is not installed";
  check_conversation();
}

TEST_F(AskingTest, PrintsJsonOnRequest) {
  expect({"-f", "json", "-t", "sample-daemon", "sample/shape"}, 0,
         "{\"name\":\"line\",\"sides\":[1,2]}\n", "");
  expect({"--format=json", "--pretty", "-t", "sample-daemon", "sample/shape"}, 0,
         "{\n  \"name\": \"line\",\n  \"sides\": [\n    1,\n    2]}\n", "");
  expect({"-f", "json", "-t", "sample-daemon", "version"}, 0,
         "{\"reply\":\"sample-daemon (Open vSwitch) 3.1.0\",\"reply-format\":\"plain\"}\n", "");
  expect({"-f", "json", "-t", "sample-daemon", "sample/fail", "bad"}, 2, "",
         "bad\novs-appctl: sample-daemon: server returned an error\n");
  expect({"-f", "text", "-t", "sample-daemon", "sample/shape"}, 0, "two sides\n", "");
}

}  // namespace
}  // namespace bondway
