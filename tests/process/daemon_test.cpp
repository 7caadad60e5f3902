// The life of a daemon process; ovs-vswitchd(8), "Daemon Options".

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "process/log.hpp"
#include "process/pidfile.hpp"
#include "tests/process/raw_client.hpp"
#include "tests/process/run_program.hpp"

namespace bondway::process {
namespace {

using test::eventually;
using test::Outcome;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class DaemonTest : public ::testing::Test {
 protected:
  ~DaemonTest() override {
    // Whatever a failed test left behind.
    for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
      if (file.path().extension() != ".pid") continue;
      if (const auto pid = read_pidfile(file.path())) ::kill(*pid, SIGKILL);
    }
  }

  Outcome start(std::vector<std::string> args) {
    args.insert(args.begin(), {"-vsyslog:off", "--log-file"});
    return test::run_program(directory, program, args, environment);
  }
  pid_t pid() const { return read_pidfile(pidfile).value_or(-1); }
  std::string log() const { return test::read_file(directory / "sample-daemon.log"); }
  std::string socket(pid_t process) const {
    return directory / fmt::format("sample-daemon.{}.ctl", process);
  }
  std::string ask(const std::string& command, const std::string& params = "[]") const {
    test::RawClient client(socket(pid()));
    client.send(fmt::format(R"({{"id":0,"method":"{}","params":{}}})", command, params));
    client.stop_sending();
    return client.receive_all();
  }
  bool gone(pid_t process) const { return ::kill(process, 0) != 0; }

  test::TempDirectory directory;
  std::string program = BONDWAY_BINARY_DIR "/sample-daemon";
  std::string pidfile = directory / "sample-daemon.pid";
  test::Program::Environment environment{{"OVS_RUNDIR", directory.path()},
                                         {"OVS_LOGDIR", directory.path()}};
};

TEST_F(DaemonTest, DetachesWhenItIsUp) {
  const Outcome outcome = start({"--detach", "--pidfile"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  ASSERT_GT(pid(), 0);
  EXPECT_EQ(::getsid(pid()), pid());
  EXPECT_EQ(std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", pid())), "/");
  EXPECT_EQ(std::filesystem::read_symlink(fmt::format("/proc/{}/fd/2", pid())), "/dev/null");
  EXPECT_THAT(ask("vlog/list"), HasSubstr("bond               OFF        OFF       INFO"));

  const pid_t daemon = pid();
  EXPECT_THAT(ask("exit"), HasSubstr(R"("error":null)"));
  EXPECT_TRUE(eventually([&] { return gone(daemon); }));
  EXPECT_FALSE(std::filesystem::exists(pidfile));
  EXPECT_FALSE(std::filesystem::exists(socket(daemon)));
}

TEST_F(DaemonTest, StaysInItsDirectoryWhenAsked) {
  ASSERT_EQ(start({"--detach", "--no-chdir", "--pidfile"}).status, 0);
  EXPECT_EQ(std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", pid())),
            std::filesystem::current_path());
}

TEST_F(DaemonTest, PassesOnWhyItCouldNotStart) {
  const Outcome outcome = start({"--detach", "--pidfile", "--fail-at-start"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("sample-daemon: told to fail at start\n"));
  EXPECT_FALSE(std::filesystem::exists(pidfile));

  const Outcome no_socket = start({"--detach", "--unixctl=/nonexistent/x"});
  EXPECT_EQ(no_socket.status, 1);
  EXPECT_THAT(no_socket.err,
              HasSubstr("sample-daemon: /nonexistent/x: could not initialize control socket (No "
                        "such file or directory)\n"));
}

TEST_F(DaemonTest, RefusesToRunTwice) {
  ASSERT_EQ(start({"--detach", "--pidfile"}).status, 0);
  const pid_t first = pid();
  const Outcome second = start({"--detach", "--pidfile"});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr(fmt::format("sample-daemon: {}: already running as pid {}, "
                                                "aborting\n",
                                                pidfile, first)));
  EXPECT_EQ(pid(), first);

  EXPECT_EQ(start({"--detach", "--pidfile", "--overwrite-pidfile"}).status, 0);
  EXPECT_NE(pid(), first);
  ::kill(first, SIGKILL);
}

TEST_F(DaemonTest, CleansUpAndDiesOfTheSignalThatEndsIt) {
  test::Program foreground(directory, program, {"--pidfile", "-vsyslog:off"}, environment);
  ASSERT_TRUE(eventually([&] { return foreground.err().find("INFO|up") != std::string::npos; }));
  ::kill(foreground.pid(), SIGTERM);
  const pid_t process = foreground.pid();
  const Outcome outcome = foreground.wait();
  EXPECT_EQ(outcome.status, 128 + SIGTERM);
  EXPECT_THAT(outcome.err, HasSubstr("|fatal_signal|WARN|terminating with signal 15 (Terminated)"));
  EXPECT_FALSE(std::filesystem::exists(pidfile));
  EXPECT_FALSE(std::filesystem::exists(socket(process)));
}

TEST_F(DaemonTest, IsStartedAnewByItsMonitorAfterACrash) {
  ASSERT_EQ(start({"--detach", "--monitor", "--pidfile"}).status, 0);
  const pid_t first = pid();
  ::kill(first, SIGABRT);
  ASSERT_TRUE(eventually([&] { return pid() > 0 && pid() != first; }));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket(pid())); }));
  EXPECT_THAT(log(),
              ContainsRegex(fmt::format("daemon_unix\\(monitor\\)\\|ERR\\|1 crashes: pid {} died, "
                                        "killed \\(Aborted\\).*, restarting",
                                        first)));
  EXPECT_THAT(ask("version"), HasSubstr("sample-daemon (Open vSwitch) 3.1.0"));

  const pid_t second = pid();
  (void)ask("exit");
  EXPECT_TRUE(eventually([&] {
    return log().find(fmt::format("|daemon_unix(monitor)|INFO|pid {} died, exit status 0, exiting",
                                  second)) != std::string::npos;
  }));
}

TEST_F(DaemonTest, IsNotStartedAnewWhenItWasKilledOnPurpose) {
  ASSERT_EQ(start({"--detach", "--monitor", "--pidfile"}).status, 0);
  const pid_t first = pid();
  ::kill(first, SIGTERM);
  EXPECT_TRUE(eventually([&] {
    return log().find(fmt::format("pid {} died, killed (Terminated), exiting", first)) !=
           std::string::npos;
  }));
}

TEST_F(DaemonTest, ReportsAFailedStartThroughItsMonitor) {
  const Outcome outcome = start({"--detach", "--monitor", "--fail-at-start"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("sample-daemon: told to fail at start\n"));
}

TEST_F(DaemonTest, ReopensItsRotatedLog) {
  ASSERT_EQ(start({"--detach", "--pidfile"}).status, 0);
  const std::string file = directory / "sample-daemon.log";
  ASSERT_EQ(::rename(file.c_str(), (file + ".1").c_str()), 0);
  EXPECT_THAT(ask("vlog/reopen"), HasSubstr(R"("result":"")"));
  EXPECT_THAT(log(), HasSubstr("opened log file " + file));
}

TEST_F(DaemonTest, GivesUpRootButKeepsWhatItNeeds) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  ASSERT_EQ(start({"--detach", "--pidfile", "--user=nobody:nogroup"}).status, 0);
  const std::string status = test::read_file(fmt::format("/proc/{}/status", pid()));
  EXPECT_THAT(status, HasSubstr("\nUid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(status, HasSubstr("\nGid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(ask("vlog/reopen"), HasSubstr(R"("error":null)"));    // the log file is the user's
  EXPECT_THAT(status, HasSubstr("\nCapEff:\t0000000000004400\n"));  // IPC_LOCK, NET_BIND_SERVICE
}

TEST_F(DaemonTest, KeepsTheCapabilitiesThatSwitchingNeeds) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  ASSERT_EQ(start({"--detach", "--pidfile", "--needs-network", "--user=nobody:nogroup"}).status, 0);
  // IPC_LOCK, NET_RAW, NET_ADMIN, NET_BROADCAST, NET_BIND_SERVICE
  EXPECT_THAT(test::read_file(fmt::format("/proc/{}/status", pid())),
              HasSubstr("\nCapEff:\t0000000000007c00\n"));
}

TEST_F(DaemonTest, RefusesUnknownUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_THAT(start({"--user=nosuch"}).err,
              HasSubstr("sample-daemon: (null): user nosuch not found, aborting.\n"));
  EXPECT_THAT(start({"--user=:nosuch"}).err,
              HasSubstr("sample-daemon: (null): group nosuch not found, aborting.\n"));
}

TEST_F(DaemonTest, WarpsItsStoppedClockStepByStep) {
  ASSERT_EQ(start({"--detach", "--pidfile"}).status, 0);
  EXPECT_THAT(ask("time/stop"), HasSubstr(R"("result":"")"));
  EXPECT_THAT(ask("sample/passes"), HasSubstr(R"("result":"")"));
  EXPECT_THAT(ask("time/warp", R"(["3000"])"), HasSubstr(R"("result":"warped\n")"));
  EXPECT_THAT(ask("sample/passes"), HasSubstr(R"("result":"3 3 \n")"));
  EXPECT_THAT(ask("time/warp", R"(["5000","2000"])"), HasSubstr(R"("result":"warped\n")"));
  EXPECT_THAT(ask("sample/passes"), HasSubstr(R"("result":"5 7 8 8 \n")"));
  for (const char* bad :
       {R"(["0"])", R"(["-1"])", R"(["x"])", R"(["1x"])", R"(["10","0"])", R"(["99999999999"])"}) {
    SCOPED_TRACE(bad);
    EXPECT_THAT(ask("time/warp", bad), HasSubstr(R"("error":"invalid MSECS\n")"));
  }
}

TEST_F(DaemonTest, RefusesASecondWarpWhileOneIsUnderWay) {
  ASSERT_EQ(start({"--detach", "--pidfile"}).status, 0);
  (void)ask("time/stop");
  test::RawClient first(socket(pid()));
  test::RawClient second(socket(pid()));
  first.send(R"({"id":0,"method":"time/warp","params":["2000000000","1"]})");
  const std::string refused = R"({"id":0,"error":"A previous warp in progress\n"})";
  ASSERT_TRUE(eventually([&] {
    const std::string answer =
        second.ask(R"({"id":0,"method":"time/warp","params":["1"]})", refused);
    return answer == refused;
  }));
}

TEST_F(DaemonTest, AnswersWhatEveryDaemonAnswers) {
  ASSERT_EQ(start({"--detach", "--pidfile"}).status, 0);
  EXPECT_THAT(ask("memory/show"), HasSubstr(R"("result":"apples:2 cells:7\n")"));
  EXPECT_THAT(ask("coverage/read-counter", R"(["b_hit"])"), HasSubstr(R"("result":"12\n")"));
  EXPECT_THAT(ask("coverage/read-counter", R"(["x"])"), HasSubstr("No such counter"));
  EXPECT_THAT(ask("coverage/show"),
              ContainsRegex("Event coverage, avg rate over last: 5 seconds, last minute, last "
                            "hour,  hash=[0-9a-f]{8}:.nb_hit                      1.5/sec     "
                            "0.250/sec        0.0033/sec   total: 12.n1 events never hit.n\""));
  const std::string commands = ask("list-commands");
  EXPECT_THAT(commands, HasSubstr(R"(The available commands are:\n  coverage/read-counter   )"
                                  R"(COUNTER\n  coverage/show           \n  exit             )"
                                  R"(       [--cleanup]\n)"));
  EXPECT_THAT(commands, ::testing::Not(HasSubstr("sample/secret")));
  EXPECT_THAT(ask("sample/secret", R"(["x"])"), HasSubstr(R"("result":"x\n")"));
}

}  // namespace
}  // namespace bondway::process
