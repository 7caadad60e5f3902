#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/rpc/json_stream.hpp"
#include "process/log.hpp"
#include "process/unique_fd.hpp"

namespace bondway::appctl {

/// When to give up; none: never.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// Why a conversation failed: an errno, in which end of file is 0.
struct Failure {
  int error = 0;
  bool timed_out = false;
};
/// "End of file", "Connection refused".
std::string to_string(const Failure& failure);

/// What a daemon answered: a value or a complaint.
struct Answer;

/// A connection to a daemon's control socket, for one question at a time.
class Client {
 public:
  static tl::expected<Client, Failure> connect(const std::string& path, Deadline deadline,
                                               process::Log& log);

  /// Sends a command and waits for its answer; what is none is ignored.
  tl::expected<Answer, Failure> call(std::string_view command,
                                     const std::vector<std::string>& args);

 private:
  Client(process::UniqueFd fd, std::string name, Deadline deadline, process::Log& log);

  std::optional<Failure> send(std::string_view text);
  /// Adds what arrives to the stream.
  std::optional<Failure> receive();

  process::UniqueFd fd_;
  std::string name_;  ///< for log lines: "unix:PATH"
  Deadline deadline_;
  process::Logger jsonrpc_log_;
  rpc::JsonStream stream_;
  int next_id_ = 0;
};

}  // namespace bondway::appctl
