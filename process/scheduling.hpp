#pragma once

namespace bondway::process {

/// The calling thread, and those that it starts from now on, run in short turns: in return the
/// kernel lets them run soon after they wake, beside a busy processor.  sched_setattr(2), Linux
/// 6.12; an older kernel, or one that refuses, schedules as ever.
void prefer_short_turns();

}  // namespace bondway::process
