// Patterns of log lines; ovs-appctl(8), "vlog/set PATTERN".

#include "process/log_pattern.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

namespace bondway::process {
namespace {

using namespace std::chrono_literals;

LogRecord record() {
  return {.application = "ovs-vswitchd",
          .module = "unixctl",
          .message = "failed to connect",
          .subprogram = "",
          .hostname = "vm",
          .level = LogLevel::warn,
          .facility = LOG_LOCAL0,
          .number = 42,
          .pid = 21479,
          // 2026-11-21 08:26:00.437 UTC
          .time = std::chrono::system_clock::time_point(1795249560s + 437ms + 900us),
          .since_start = 1234ms};
}

TEST(LogPattern, ExpandsEachEscape) {
  const struct {
    const char* pattern;
    const char* text;
  } cases[] = {
      {"plain", "plain"},
      {"%A|%c|%m|%E", "ovs-vswitchd|unixctl|failed to connect|vm"},
      {"%B", "132"},
      {"%N|%p|%P|%r", "42|WARN|21479|1234"},
      {"%t|%T", "main|"},
      {"a%nb", "a\nb"},
      {"%%", "%"},
      {"%D", "2026-11-21 08:26:00.437"},
      {"%D{%Y-%m-%dT%H:%M:%SZ}", "2026-11-21T08:26:00Z"},
      {"%D{#}|%D{##}|%D{#####}", "4|43|43700"},
      {"%D{%H:%M", "08:26"},
      {"%z|%", "z|"},
      {"", ""},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.pattern);
    EXPECT_EQ(render(each.pattern, record()), each.text);
  }
}

TEST(LogPattern, PadsToTheFieldsWidth) {
  const struct {
    const char* pattern;
    const char* text;
  } cases[] = {
      {"%05N", "00042"},    {"%5N|", "   42|"},          {"%-5N|", "42   |"},
      {"%-05N|", "42000|"}, {"%-10c|", "unixctl   |"},   {"%010c", "000unixctl"},
      {"%3c", "unixctl"},   {"%3%|%-5%|", "  %|%    |"}, {"%0-5N", "-5N"},
      {"%5|", "    |"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.pattern);
    EXPECT_EQ(render(each.pattern, record()), each.text);
  }
}

TEST(LogPattern, BoundsTheWidthOfAField) {
  EXPECT_LT(render("%99999999999999999999N", record()).size(), 2000U);
}

TEST(LogPattern, NamesThreadsAndHelperProcesses) {
  LogRecord from_monitor = record();
  from_monitor.subprogram = "monitor";
  EXPECT_EQ(render("%c%T|%t", from_monitor), "unixctl(monitor)|monitor");
}

TEST(LogPattern, KnowsLocalTimeFromUtc) {
  ::setenv("TZ", "XST-3", 1);
  ::tzset();
  EXPECT_EQ(render("%d{%H:%M %Z}|%D{%H:%M}", record()), "11:26 XST|08:26");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(LogPattern, GivesEachLevelItsSyslogSeverity) {
  LogRecord each = record();
  each.facility = LOG_DAEMON;
  std::string all;
  for (const LogLevel level :
       {LogLevel::emer, LogLevel::err, LogLevel::warn, LogLevel::info, LogLevel::dbg}) {
    each.level = level;
    all += render("%p=%B ", each);
  }
  EXPECT_EQ(all, "EMER=25 ERR=27 WARN=28 INFO=30 DBG=31 ");
}

}  // namespace
}  // namespace bondway::process
