#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

namespace bondway::bench {

/// Which programs to measure.
struct Programs {
  std::string name;
  std::filesystem::path server, tool, schema;
};

/// An ovsdb-server with one fresh database of its own, in a directory that goes with it.  Throws
/// std::runtime_error when a program fails.
class Server {
 public:
  explicit Server(const Programs& programs);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string socket_path() const { return (directory_ / "db.sock").string(); }

  /// Stops the program and starts it again on the same database; how long it was from there to its
  /// first answer.
  std::chrono::duration<double> restart();

  /// Time that the program has used, of all processors together.
  std::chrono::duration<double> cpu_time() const;
  std::size_t resident_kib() const;  ///< at present

 private:
  void start();
  void stop();
  void await_answer() const;

  Programs programs_;
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

}  // namespace bondway::bench
