// Pidfiles: the lock, not the number, says who lives; ovs-vswitchd(8), --pidfile.

#include "process/pidfile.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <functional>
#include <stdexcept>

#include "tests/process/temp_directory.hpp"

namespace bondway::process {
namespace {

/// Runs `child` in another process, since a process never sees its own locks.
int in_child(const std::function<int()>& child) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

class PidfileTest : public ::testing::Test {
 protected:
  test::TempDirectory directory;
  std::string path = directory / "x.pid";
};

TEST_F(PidfileTest, HoldsOurNumberWhileWeRunAndIsRemovedAfterwards) {
  {
    const Pidfile pidfile(path, Pidfile::Existing::refuse);
    const pid_t parent = ::getpid();
    EXPECT_EQ(in_child([&] { return read_pidfile(path) == parent ? 7 : 1; }), 7);
    EXPECT_EQ(test::read_file(path), fmt::format("{}\n", parent));  // which drops the lock
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(read_pidfile(path).error(), ENOENT);
}

TEST_F(PidfileTest, OfAProcessThatIsGoneIsStale) {
  std::ofstream(path) << "999999\n";
  EXPECT_EQ(read_pidfile(path).error(), ESRCH);
  std::ofstream(path) << "garbage";
  EXPECT_EQ(read_pidfile(path).error(), ESRCH);
  std::ofstream(path) << "";
  EXPECT_EQ(read_pidfile(path).error(), ESRCH);
  const Pidfile pidfile(path, Pidfile::Existing::refuse);  // so it is replaced
  EXPECT_EQ(test::read_file(path), fmt::format("{}\n", ::getpid()));
}

TEST_F(PidfileTest, WithAnotherNumberThanItsLockerIsStale) {
  const Pidfile pidfile(path, Pidfile::Existing::refuse);
  const int fd = ::open(path.c_str(), O_WRONLY | O_TRUNC);
  ASSERT_EQ(::write(fd, "1\n", 2), 2);  // stays open: closing would drop our lock
  EXPECT_EQ(in_child([&] { return read_pidfile(path).error() == ESRCH ? 7 : 1; }), 7);
  ::close(fd);
}

TEST_F(PidfileTest, OfARunningProcessIsNotTaken) {
  const Pidfile pidfile(path, Pidfile::Existing::refuse);
  const std::string expected =
      fmt::format("{}: already running as pid {}, aborting", path, ::getpid());
  EXPECT_EQ(in_child([&] {
              try {
                const Pidfile second(path, Pidfile::Existing::refuse);
              } catch (const std::runtime_error& error) {
                return error.what() == expected ? 7 : 1;
              }
              return 2;
            }),
            7);
  EXPECT_EQ(in_child([&] {
              const Pidfile second(path, Pidfile::Existing::overwrite);
              return test::read_file(path) == fmt::format("{}\n", ::getpid()) ? 7 : 1;
            }),
            7);
}

TEST_F(PidfileTest, SaysWhyItCannotBeMade) {
  const std::string bad = directory / "missing/x.pid";
  try {
    const Pidfile pidfile(bad, Pidfile::Existing::refuse);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), bad + ".tmp: create failed (No such file or directory)");
  }
}

}  // namespace
}  // namespace bondway::process
