#include "tests/bench/db/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/bench/db/client.hpp"

namespace bondway::bench {
namespace {

using Seconds = std::chrono::duration<double>;

pid_t spawn(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
  return pid;
}

std::string read_file(const std::string& name) {
  std::ifstream file(name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

Server::Server(const Programs& programs) : programs_(programs) {
  std::string name = (std::filesystem::temp_directory_path() / "db_bench.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  directory_ = name;
  try {
    int status = 0;
    const std::string file = (directory_ / "conf.db").string();
    ::waitpid(spawn({programs.tool, "create", file, programs.schema}), &status, 0);
    if (status != 0) throw std::runtime_error(programs.tool.string() + " failed");
    start();
  } catch (...) {
    stop();
    std::filesystem::remove_all(directory_);
    throw;
  }
}

Server::~Server() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Server::start() {
  pid_ =
      spawn({programs_.server, (directory_ / "conf.db").string(), "--remote=punix:" + socket_path(),
             "--unixctl=" + (directory_ / "ctl").string(), "--no-chdir", "-vconsole:off"});
  await_answer();
}

void Server::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Server::await_answer() const {
  constexpr auto kPatience = std::chrono::seconds(60);
  constexpr auto kPause = std::chrono::microseconds(500);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    try {
      Client client(socket_path());
      client.call(R"({"method":"list_dbs","params":[],"id":0})");
      return;
    } catch (const std::system_error&) {
      if (std::chrono::steady_clock::now() > end) throw;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_)
        throw std::runtime_error(programs_.server.string() + " ended");
      std::this_thread::sleep_for(kPause);
    }
  }
}

Seconds Server::restart() {
  stop();
  const auto begin = std::chrono::steady_clock::now();
  start();
  return std::chrono::steady_clock::now() - begin;
}

Seconds Server::cpu_time() const {
  std::string text = read_file(fmt::format("/proc/{}/stat", pid_));
  std::istringstream fields(text.substr(text.rfind(')') + 2));  // after the name: proc(5)
  constexpr int kBeforeUserTime = 11;
  std::string skipped;
  for (int i = 0; i < kBeforeUserTime; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return Seconds((user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

std::size_t Server::resident_kib() const {
  std::istringstream fields(read_file(fmt::format("/proc/{}/statm", pid_)));
  std::size_t size = 0, resident = 0;
  fields >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

}  // namespace bondway::bench
