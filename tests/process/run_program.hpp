#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/process/temp_directory.hpp"

namespace bondway::test {

using namespace std::chrono_literals;

/// Polls until it holds; false when it still doesn't after a time that no working program needs.
inline bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);  // between looks at a file or a process, not in place of one
  }
  return true;
}

struct Outcome {
  int status = -1;  ///< as a shell shows it: 128 + signal when killed
  std::string out, err;
};

inline int shell_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// A program started with its output in files of `directory`.
class Program {
 public:
  using Environment = std::map<std::string, std::string>;

  Program(const TempDirectory& directory, const std::string& file,
          const std::vector<std::string>& args, const Environment& environment = {}) {
    static int count = 0;
    const std::string base = directory / ("program" + std::to_string(count++));
    out_ = base + ".out";
    err_ = base + ".err";
    start(file, args, environment);
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  std::string out() const { return read_file(out_); }
  std::string err() const { return read_file(err_); }

  /// Waits for its end; one that hangs is killed and shows 137.
  Outcome wait() {
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
    }
    pid_ = -1;
    return {shell_status(status), out(), err()};
  }

 private:
  void start(const std::string& file, const std::vector<std::string>& args,
             const Environment& environment) {
    std::vector<std::string> words{std::filesystem::path(file).filename()};
    words.insert(words.end(), args.begin(), args.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string variable = *each;
      if (!environment.contains(variable.substr(0, variable.find('=')))) {
        variables.push_back(variable);
      }
    }
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), O_WRONLY | O_CREAT, 0600);
    const int error =
        ::posix_spawn(&pid_, file.c_str(), &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + file);
  }

  pid_t pid_ = -1;
  std::string out_, err_;
};

inline Outcome run_program(const TempDirectory& directory, const std::string& file,
                           const std::vector<std::string>& args,
                           const Program::Environment& environment = {}) {
  return Program(directory, file, args, environment).wait();
}

}  // namespace bondway::test
