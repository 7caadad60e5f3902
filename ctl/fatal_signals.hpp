#pragma once

#include <csignal>
#include <thread>

#include "process/log.hpp"

namespace bondway::ctl {

/// Lets SIGALRM (of --timeout), SIGTERM, SIGINT and SIGHUP be logged before they end the process,
/// whatever it waits for.  One that was ignored from the start stays so.
///
/// A thread waits for them, because a handler could not use the log.  To be made before any other
/// thread, and not to outlive the log.
class FatalSignals {
 public:
  explicit FatalSignals(process::Log& log);
  FatalSignals(const FatalSignals&) = delete;
  FatalSignals& operator=(const FatalSignals&) = delete;
  ~FatalSignals();

 private:
  void watch(const process::Logger& logger);

  sigset_t watched_{};
  std::thread thread_;
};

}  // namespace bondway::ctl
