#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/net/result.hpp"

namespace bondway::process {

using Args = std::vector<std::string>;

/// Answers a command, now or later, exactly once, from the thread of the control server.  It is
/// safe to call when the client or the server is gone.  When it returns, an answer of less than
/// the socket's buffer has left the process.
using Responder = std::function<void(Result<std::string>)>;

inline constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

/// One command of the control socket.  Dispatch, argument checks and list-commands read this row.
/// Exactly one of `run` and `start` is set.
struct Command {
  std::string name;
  std::string usage = {};  ///< arguments as list-commands shows them
  std::size_t min_args = 0;
  std::size_t max_args = 0;
  /// Text for standard output, or what to complain about; neither needs a newline at its end.
  std::function<Result<std::string>(const Args&)> run = {};
  /// For what takes longer: answers through the Responder.  The same client's next command waits.
  std::function<void(const Args&, Responder)> start = {};
  /// The answer of `run` as JSON, for `--format json`; commands without give their text in an
  /// envelope.
  std::function<Result<nlohmann::json>(const Args&)> json = {};
  bool hidden = false;  ///< accepted, but not listed
};

/// The commands of one daemon, complete before its control server starts.
class CommandTable {
 public:
  /// A name that is there already is replaced.
  void add(Command command);
  /// The plain row, which most are.
  void add(std::string name, std::string usage, std::size_t min_args, std::size_t max_args,
           std::function<Result<std::string>(const Args&)> run);

  /// The row, or the error text when there is none or the number of arguments doesn't suit it.
  Result<const Command*> find(std::string_view name, std::size_t arguments) const;

  /// Sorted by name.
  const std::map<std::string, Command, std::less<>>& commands() const { return commands_; }

 private:
  std::map<std::string, Command, std::less<>> commands_;
};

}  // namespace bondway::process
