#include "process/signals.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace bondway::process {

void die_of_signal(int signal, const Logger& fatal_signal_log) {
  fatal_signal_log.warn("terminating with signal {} ({})", signal, strsignal(signal));
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(signal);
  std::abort();  // a signal that doesn't kill is none to die of
}

void ignore_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace bondway::process
