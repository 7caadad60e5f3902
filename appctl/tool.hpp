#pragma once

namespace bondway::appctl {

/// The whole program ovs-appctl(8): asks a daemon and prints its answer.  Returns the exit status:
/// 0, 1 when the daemon could not be asked, 2 when it complained.
int run(int argc, char** argv);

}  // namespace bondway::appctl
