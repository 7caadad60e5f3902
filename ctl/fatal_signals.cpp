#include "ctl/fatal_signals.hpp"

#include <pthread.h>

#include "process/signals.hpp"

namespace bondway::ctl {
namespace {

int stop_signal() { return SIGRTMIN; }

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void FatalSignals::start() {
  if (thread_.joinable()) return;
  ::sigemptyset(&watched_);
  ::sigaddset(&watched_, stop_signal());
  for (const int signal : {SIGALRM, SIGTERM, SIGINT, SIGHUP}) {
    if (!is_ignored(signal)) ::sigaddset(&watched_, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &watched_, nullptr);
  thread_ = std::thread([this, logger = log_.module("fatal_signal")] { watch(logger); });
}

FatalSignals::~FatalSignals() {
  if (!thread_.joinable()) return;
  ::pthread_kill(thread_.native_handle(), stop_signal());
  thread_.join();
}

void FatalSignals::watch(const process::Logger& logger) {
  ::pthread_setname_np(::pthread_self(), "");  // what it logs is the program's, not a part's
  int signal = 0;
  while (::sigwait(&watched_, &signal) != 0) {
  }
  if (signal != stop_signal()) process::die_of_signal(signal, logger);
}

}  // namespace bondway::ctl
