#pragma once

#include <csignal>
#include <thread>

#include "process/log.hpp"

namespace bondway::ctl {

/// Lets SIGALRM (of --timeout), SIGTERM, SIGINT and SIGHUP be logged before they end the process.
/// One that was ignored from the start stays so.
///
/// A thread waits for them, because a handler could not use the log.  Most calls of the tool are
/// over sooner than a thread begins to run: there is none before start(), and until then the
/// signals end the process without a word.
class FatalSignals {
 public:
  explicit FatalSignals(process::Log& log) : log_(log) {}
  FatalSignals(const FatalSignals&) = delete;
  FatalSignals& operator=(const FatalSignals&) = delete;
  ~FatalSignals();

  /// To be called before anything that may take long; the first call counts.
  void start();

 private:
  void watch(const process::Logger& logger);

  process::Log& log_;
  sigset_t watched_{};
  std::thread thread_;
};

}  // namespace bondway::ctl
