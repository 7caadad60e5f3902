// Levels, destinations and limits of log messages; ovs-appctl(8), "Logging Commands".

#include "process/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <sstream>
#include <thread>

#include "process/log_modules.hpp"
#include "process/unique_fd.hpp"
#include "tests/process/temp_directory.hpp"

namespace bondway::process {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    log.set_level(LogDestination::console, LogLevel::off);
    log.set_level(LogDestination::syslog, LogLevel::off);
    EXPECT_TRUE(log.open_file());
    EXPECT_TRUE(log.set("PATTERN:file:%05N|%c%T|%p|%m"));
  }

  std::string file() const { return directory / "ovs-vswitchd.log"; }
  /// What was logged, without the line about the file itself.
  std::string lines() const {
    const std::string text = test::read_file(file());
    return text.substr(text.find('\n') + 1);
  }

  test::TempDirectory directory;
  TimePoint now;
  Log log{{.program = "ovs-vswitchd",
           .directory = directory.path(),
           .modules = switch_log_modules(),
           .now = [this] { return now; }}};
  Logger bond = log.module("bond");
};

TEST_F(LogTest, WritesLinesInTheFormatThatLogReadersKnow) {
  ASSERT_TRUE(log.set("PATTERN:file:%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m"));
  bond.info("member {}: {}", "e0", "enabled");
  EXPECT_THAT(lines(),
              MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9]{3}Z\\|00002\\|bond\\|INFO\\|member e0: "
                           "enabled\n"));
  EXPECT_THAT(test::read_file(file()), HasSubstr("|00001|vlog|INFO|opened log file " + file()));
}

TEST_F(LogTest, CreatesTheFileForOwnerAndGroupAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07U, 0U);
}

TEST_F(LogTest, TakesMessagesUpToTheModulesLevel) {
  ASSERT_TRUE(log.set("bond:file:warn"));
  EXPECT_FALSE(bond.enabled(LogLevel::info));
  bond.info("too much");
  bond.warn("one");
  log.module("lacp").info("two");
  ASSERT_TRUE(log.set("bond"));  // no level: dbg
  bond.dbg("three");
  EXPECT_EQ(lines(), "00002|bond|WARN|one\n00003|lacp|INFO|two\n00004|bond|DBG|three\n");
}

TEST_F(LogTest, AsksNobodyForMessagesThatNoDestinationWants) {
  log.close_file();
  EXPECT_FALSE(bond.enabled(LogLevel::emer));
  EXPECT_FALSE(Logger().enabled(LogLevel::emer));
  Logger().emer("goes nowhere");
}

TEST_F(LogTest, UnderstandsSpecsInAnyOrderAndCase) {
  for (const char* spec : {"bond:FILE:Err", "err file,bond", "any bond file err", "::bond,err"}) {
    SCOPED_TRACE(spec);
    ASSERT_TRUE(log.set("file:info"));
    ASSERT_TRUE(log.set(spec));
    EXPECT_FALSE(bond.enabled(LogLevel::warn));
    EXPECT_TRUE(bond.enabled(LogLevel::err));
    EXPECT_TRUE(log.module("lacp").enabled(LogLevel::info));
    ASSERT_TRUE(log.set("console:off"));
    ASSERT_TRUE(log.set("syslog:off"));
  }
}

TEST_F(LogTest, RefusesASpecWithoutChangingAnything) {
  const struct {
    const char* spec;
    const char* error;
  } cases[] = {
      {"zz", "no destination, level, or module \"zz\""},
      {"bond:zz", "no destination, level, or module \"zz\""},
      {"err:warn", "cannot specify multiple levels"},
      {"file:console", "cannot specify multiple destinations"},
      {"bond,lacp", "cannot specify multiple modules"},
      {"bond bond", "cannot specify multiple modules"},
      {"PATTERN", "missing destination"},
      {"PATTERN:foo:x", "unknown destination \"foo\""},
      {"FACILITY:zz", "invalid facility"},
      {"FACILITY", "invalid facility"},
  };
  const std::string before = log.list() + log.list_patterns();
  for (const auto& each : cases) {
    SCOPED_TRACE(each.spec);
    const Result<void> result = log.set(each.spec);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, each.error);
    EXPECT_EQ(log.list() + log.list_patterns(), before);
  }
}

TEST_F(LogTest, ListsModulesWithTheirLevels) {
  ASSERT_TRUE(log.set("lacp:syslog:dbg"));
  ASSERT_TRUE(log.set_rate_limiting("lacp", false));
  const std::string list = log.list();
  EXPECT_THAT(list, StartsWith("                 console    syslog    file\n"
                               "                 -------    ------    ------\n"
                               "backtrace          OFF        OFF       INFO\n"));
  EXPECT_THAT(list, HasSubstr("\nlacp               OFF        DBG       INFO    (rate limiting "
                              "disabled)\n"));
  EXPECT_THAT(list, HasSubstr("\ndpif_lookup_autovalidator   OFF        OFF       INFO\n"));
}

TEST_F(LogTest, ListsPatterns) {
  ASSERT_TRUE(log.set("pattern:file:"));
  EXPECT_EQ(log.list_patterns(),
            "         prefix                            format\n"
            "         ------                            ------\n"
            "SYSLOG   <%B> %D{%h %e %T} %E %A:          ovs|%05N|%c%T|%p|%m\n"
            "CONSOLE  none                              %D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m\n"
            "FILE     none                              \n");
}

TEST_F(LogTest, ReopensTheFileAfterRotation) {
  bond.info("old");
  ASSERT_EQ(::rename(file().c_str(), (directory / "rotated").c_str()), 0);
  bond.info("still there");
  ASSERT_TRUE(log.reopen_file());
  bond.info("new");
  EXPECT_THAT(test::read_file(directory / "rotated"), HasSubstr("still there"));
  EXPECT_EQ(test::read_file(file()),
            "00005|vlog|INFO|opened log file " + file() + "\n00006|bond|INFO|new\n");
}

TEST_F(LogTest, SaysWhyTheFileCannotBeOpened) {
  Log other({.program = "x", .directory = directory / "missing", .modules = {}, .now = {}});
  other.set_level(LogDestination::console, LogLevel::off);
  EXPECT_EQ(other.reopen_file().error().message, "Logging to file not configured");
  EXPECT_EQ(other.open_file().error().message, "No such file or directory");
  EXPECT_EQ(other.open_file(directory.path()).error().message, "Is a directory");
}

TEST_F(LogTest, SurvivesAFullDisk) {
  ASSERT_TRUE(log.open_file("/dev/full"));
  for (int i = 0; i < 3; ++i) bond.err("lost");
}

TEST_F(LogTest, TellsThreadsApart) {
  std::thread worker([this] {
    ::pthread_setname_np(::pthread_self(), "pmd-c01");
    bond.warn("from a worker");
  });
  worker.join();
  log.set_subprogram("monitor");
  bond.warn("from the watcher");
  EXPECT_EQ(lines(),
            "00002|bond(pmd-c01)|WARN|from a worker\n00003|bond(monitor)|WARN|from the watcher\n");
}

TEST_F(LogTest, KeepsLinesWholeWhenManyThreadsWrite) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([this] {
      for (int n = 0; n < 200; ++n) bond.info("0123456789");
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::istringstream in(lines());
  std::string line;
  int count = 0;
  for (; std::getline(in, line); ++count) {
    EXPECT_THAT(line, MatchesRegex("[0-9]{5}\\|bond.*\\|INFO\\|0123456789"));
  }
  EXPECT_EQ(count, 800);
}

TEST_F(LogTest, LimitsTheRateAndCountsWhatItDropped) {
  LogRateLimit limit(60, 2);
  const auto write = [&](int times) {
    for (int i = 0; i < times; ++i) bond.limited(limit, LogLevel::warn, "noise");
  };
  write(5);  // two pass
  now += 500ms;
  write(1);  // not yet
  now += 600ms;
  write(2);  // a second's worth is one
  EXPECT_EQ(lines(),
            "00002|bond|WARN|noise\n"
            "00003|bond|WARN|noise\n"
            "00004|bond|WARN|Dropped 4 log messages in last 1 seconds (most recently, 0 seconds "
            "ago) due to excessive rate\n"
            "00005|bond|WARN|noise\n");
}

TEST_F(LogTest, LimitsNothingOnceThatIsDisabled) {
  LogRateLimit limit(1, 1);
  ASSERT_TRUE(log.set_rate_limiting("BOND", false));
  for (int i = 0; i < 3; ++i) bond.limited(limit, LogLevel::warn, "{}", i);
  ASSERT_TRUE(log.set_rate_limiting("", true));
  for (int i = 3; i < 6; ++i) bond.limited(limit, LogLevel::warn, "{}", i);
  EXPECT_EQ(lines(),
            "00002|bond|WARN|0\n00003|bond|WARN|1\n00004|bond|WARN|2\n00005|bond|WARN|3\n");
  EXPECT_EQ(log.set_rate_limiting("nosuch", true).error().message, "unknown module");
}

TEST(LogRateLimit, RefillsHoweverOftenItIsAsked) {
  LogRateLimit limit(60, 1);
  TimePoint now;
  EXPECT_TRUE(limit.admit(now).pass);
  int passed = 0;
  for (int i = 0; i < 100'000; ++i) passed += limit.admit(now += 100us).pass ? 1 : 0;
  EXPECT_EQ(passed, 10);  // ten seconds
}

/// A datagram socket that plays syslog.
class SyslogReceiver {
 public:
  explicit SyslogReceiver(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  SyslogReceiver() : fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }

  std::string receive() {
    std::array<char, 1000> buffer{};
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  int port = 0;

 private:
  UniqueFd fd_;
};

TEST_F(LogTest, SendsSyslogDatagramsToAUnixSocket) {
  SyslogReceiver receiver(directory / "syslog");
  ASSERT_TRUE(log.set_syslog_method("unix:" + (directory / "syslog")));
  ASSERT_TRUE(log.set("syslog:info"));
  bond.warn("a");
  EXPECT_EQ(receiver.receive(), "<28>ovs|00002|bond|WARN|a");
  ASSERT_TRUE(log.set("FACILITY:local3"));
  ASSERT_TRUE(log.set("PATTERN:syslog:%B|%m"));
  bond.warn("b");
  EXPECT_EQ(receiver.receive(), "<156>156|b");
}

TEST_F(LogTest, SendsSyslogDatagramsOverUdp) {
  SyslogReceiver receiver;
  ASSERT_TRUE(log.set_syslog_method(fmt::format("udp:127.0.0.1:{}", receiver.port)));
  ASSERT_TRUE(log.set("syslog:info"));
  bond.info("a");
  EXPECT_EQ(receiver.receive(), "<30>ovs|00002|bond|INFO|a");
}

TEST_F(LogTest, SendsRfc5424MessagesToTheSyslogTarget) {
  SyslogReceiver receiver;
  ASSERT_TRUE(log.set_syslog_method("null"));
  ASSERT_TRUE(log.set("syslog:info"));
  log.set_syslog_target(fmt::format("127.0.0.1:{}", receiver.port));
  EXPECT_THAT(receiver.receive(), HasSubstr("--syslog-target flag is deprecated"));
  bond.warn("a");
  EXPECT_THAT(receiver.receive(),
              MatchesRegex("<132>1 20[^ ]+Z [^ ]+ ovs-vswitchd [0-9]+ bond - \xef\xbb\xbf"
                           "a"));
}

TEST_F(LogTest, RefusesUnknownSyslogMethods) {
  EXPECT_EQ(log.set_syslog_method("foo").error().message, "unsupported syslog method 'foo'");
}

}  // namespace
}  // namespace bondway::process
