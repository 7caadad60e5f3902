#pragma once

#include "process/log.hpp"

namespace bondway::process {

/// Logs "terminating with signal 15 (Terminated)", then dies of that signal, so that whoever
/// waits for us sees it.  Runs no destructors: for the end of main, or a client's timeout.
[[noreturn]] void die_of_signal(int signal, const Logger& fatal_signal_log);

/// Lets writing to a closed pipe or socket fail instead of killing us.
void ignore_sigpipe();

}  // namespace bondway::process
