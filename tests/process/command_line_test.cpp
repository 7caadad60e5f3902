// Options and directories that all programs share.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "process/daemon.hpp"
#include "process/log.hpp"
#include "process/options.hpp"
#include "process/paths.hpp"
#include "tests/process/temp_directory.hpp"

namespace bondway::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using Value = std::optional<std::string>;

class OptionsTest : public ::testing::Test {
 protected:
  /// Parses, and keeps what went to standard error in `errors`.
  std::optional<std::vector<std::string>> parse(std::vector<std::string> words,
                                                Order order = Order::permute) {
    words.insert(words.begin(), "/usr/bin/prog");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::testing::internal::CaptureStderr();
    auto operands = parse_options(static_cast<int>(words.size()), argv.data(), options, order);
    errors = ::testing::internal::GetCapturedStderr();
    return operands;
  }

  Option record(std::string name, char letter, Option::Argument argument) {
    return {name, letter, argument, [this, name](const Value& value) -> Result<void> {
              if (value == "bad") return fail("{} is bad", name);
              seen.push_back(name + "=" + value.value_or("(none)"));
              return {};
            }};
  }

  std::vector<std::string> seen;
  std::string errors;
  Options options{record("alpha", 'a', Option::Argument::none),
                  record("beta", 'b', Option::Argument::required),
                  record("gamma", '\0', Option::Argument::optional)};
};

TEST_F(OptionsTest, AreTakenInOrder) {
  EXPECT_THAT(parse({"-b", "1", "--gamma", "x", "-a", "--be=2", "--gamma=3", "--", "-a"}),
              Optional(ElementsAre("x", "-a")));
  EXPECT_THAT(seen, ElementsAre("beta=1", "gamma=(none)", "alpha=(none)", "beta=2", "gamma=3"));
  EXPECT_EQ(errors, "");
}

TEST_F(OptionsTest, StopAtTheFirstOperandWhereThatBelongsToACommand) {
  EXPECT_THAT(parse({"-a", "cmd", "-b"}, Order::stop_at_first_operand),
              Optional(ElementsAre("cmd", "-b")));
}

TEST_F(OptionsTest, AreRefusedInGetoptsWords) {
  EXPECT_EQ(parse({"--zzz"}), std::nullopt);
  EXPECT_EQ(errors, "/usr/bin/prog: unrecognized option '--zzz'\n");
  EXPECT_EQ(parse({"-b"}), std::nullopt);
  EXPECT_EQ(errors, "/usr/bin/prog: option requires an argument -- 'b'\n");
  EXPECT_EQ(parse({"-bbad", "-a"}), std::nullopt);
  EXPECT_EQ(errors, "prog: beta is bad\n");
  EXPECT_THAT(seen, ElementsAre());
}

TEST_F(OptionsTest, AreListedForShellCompletion) {
  EXPECT_EQ(list_options(options), "--alpha\n-a \n--beta=ARG\n-b ARG\n--gamma=[ARG]\n");
}

TEST_F(OptionsTest, OfDaemonsFillTheSettings) {
  DaemonSettings settings;
  Paths paths;
  paths.rundir = "/run/test";
  options = daemon_options(settings, "ovs-vswitchd", paths);
  ASSERT_TRUE(parse({"--detach", "--no-chdir", "--pidfile", "--overwrite-pidfile", "--monitor",
                     "--user=a:b", "--unixctl=none", "--no-self-confinement"}));
  EXPECT_TRUE(settings.detach && settings.monitor && settings.overwrite_pidfile);
  EXPECT_FALSE(settings.change_directory);
  EXPECT_EQ(settings.pidfile, "/run/test/ovs-vswitchd.pid");
  EXPECT_EQ(settings.user, "a:b");
  EXPECT_EQ(settings.unixctl, "none");
  ASSERT_TRUE(parse({"--pidfile=x.pid"}));
  EXPECT_EQ(settings.pidfile, "/run/test/x.pid");
  ASSERT_TRUE(parse({"--pidfile=/tmp/x.pid"}));
  EXPECT_EQ(settings.pidfile, "/tmp/x.pid");
}

TEST_F(OptionsTest, OfTheLogTakeEffectOrSayWhyNot) {
  test::TempDirectory directory;
  Log log({.program = "prog", .directory = directory.path(), .modules = {}, .now = {}});
  log.set_level(LogDestination::syslog, LogLevel::off);
  options = log_options(log);
  EXPECT_EQ(parse({"-vfoo"}), std::nullopt);
  EXPECT_EQ(errors, "prog: processing \"foo\": no destination, level, or module \"foo\"\n");
  EXPECT_EQ(parse({"--syslog-method=foo"}), std::nullopt);
  EXPECT_EQ(errors, "prog: unsupported syslog method 'foo'\n");
  EXPECT_EQ(parse({"--log-file=/nonexistent/x"}), std::nullopt);
  EXPECT_THAT(errors, HasSubstr("|vlog|WARN|failed to open /nonexistent/x for logging: No such "
                                "file or directory\n"));
  EXPECT_TRUE(parse({"-vconsole:off", "--log-file"}));
  EXPECT_THAT(test::read_file(directory / "prog.log"), HasSubstr("|vlog|INFO|opened log file"));
}

TEST(Help, NamesTheDefaultsOfThisEnvironment) {
  Paths paths;
  paths.rundir = "/r";
  paths.logdir = "/l";
  EXPECT_THAT(daemon_options_help("p", paths), HasSubstr("(default: /r/p.pid)\n"));
  EXPECT_THAT(log_options_help("p", paths), HasSubstr("(default: /l/p.log)\n"));
}

TEST(PathsTest, ComeFromTheEnvironmentOrDebiansDefaults) {
  for (const char* name :
       {"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR", "OVS_PKGDATADIR"}) {
    ::unsetenv(name);
  }
  Paths paths = Paths::from_environment();
  EXPECT_EQ(paths.rundir, "/var/run/openvswitch");
  EXPECT_EQ(paths.logdir, "/var/log/openvswitch");
  EXPECT_EQ(paths.dbdir, "/etc/openvswitch");
  ::setenv("OVS_RUNDIR", "/r", 1);
  ::setenv("OVS_LOGDIR", "", 1);
  ::setenv("OVS_SYSCONFDIR", "/s", 1);
  paths = Paths::from_environment();
  EXPECT_EQ(paths.in_rundir("db.sock"), "/r/db.sock");
  EXPECT_EQ(paths.in_rundir("/x/db.sock"), "/x/db.sock");
  EXPECT_EQ(paths.logdir, "/var/log/openvswitch");
  EXPECT_EQ(paths.dbdir, "/s/openvswitch");
  ::unsetenv("OVS_RUNDIR");
  ::unsetenv("OVS_SYSCONFDIR");
}

}  // namespace
}  // namespace bondway::process
