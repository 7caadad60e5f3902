#include "process/daemon.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <thread>

#include "process/log.hpp"
#include "process/paths.hpp"
#include "process/pidfile.hpp"
#include "process/unique_fd.hpp"

namespace bondway::process {
namespace {

using namespace std::chrono_literals;

template <typename... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw std::runtime_error(fmt::format(format, std::forward<Args>(args)...));
}

// --- Child processes ------------------------------------------------------------------------

/// "exit status 1", "killed (Segmentation fault)".
std::string describe(int status) {
  std::string text;
  if (WIFEXITED(status)) {
    text = fmt::format("exit status {}", WEXITSTATUS(status));
  } else if (WIFSIGNALED(status)) {
    text = fmt::format("killed ({})", strsignal(WTERMSIG(status)));
  } else {
    text = fmt::format("terminated abnormally ({:x})", status);
  }
  if (WIFSIGNALED(status) && WCOREDUMP(status)) text += ", core dumped";
  return text;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// Signals of a mistake in the program, after which starting anew may help; ovs-vswitchd(8),
/// --monitor.
bool is_crash(int status) {
  if (!WIFSIGNALED(status)) return false;
  for (const int signal :
       {SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGPIPE, SIGSEGV, SIGXCPU, SIGXFSZ}) {
    if (WTERMSIG(status) == signal) return true;
  }
  return false;
}

/// How a child tells its parent that it is up.
struct Pipe {
  UniqueFd read, write;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) refuse("pipe failed ({})", std::strerror(errno));
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
};

/// True once the child has said that it is up, false when it ended before.
bool hear_ready(const UniqueFd& fd) {
  char byte = 0;
  ssize_t length = 0;
  while ((length = ::read(fd.get(), &byte, 1)) < 0 && errno == EINTR) {
  }
  return length == 1;
}

void say_ready(UniqueFd& fd) {
  if (fd) (void)!::write(fd.get(), "", 1);
  fd.reset();
}

struct Child {
  pid_t pid = 0;    ///< 0 in the child itself
  UniqueFd notify;  ///< in the child: where it says that it is up
  UniqueFd heard;   ///< in the parent: the other end
};

Child fork_child() {
  Pipe pipe;
  const pid_t pid = ::fork();
  if (pid < 0) refuse("fork failed ({})", std::strerror(errno));
  if (pid == 0) return {0, std::move(pipe.write), {}};
  return {pid, {}, std::move(pipe.read)};
}

/// Ends this process as the child ended.
[[noreturn]] void end_like(int status, const Logger& log) {
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) ::_exit(WEXITSTATUS(status));
  log.err("fork child died before signaling startup ({})", describe(status));
  ::_exit(1);
}

// --- Another user ---------------------------------------------------------------------------

struct Identity {
  uid_t uid = ::getuid();
  gid_t gid = ::getgid();
  std::string user;  ///< its name, for the supplementary groups; empty if it doesn't change
};

/// USER, USER:GROUP, :GROUP; USER: and USER alone bring the user's own group.
Identity find_identity(const DaemonSettings& settings) {
  const std::string pidfile = settings.pidfile.value_or("(null)");  // as scripts know the message
  if (::geteuid() != 0) refuse("{}: only root can use --user option", pidfile);
  Identity identity;
  const std::size_t colon = settings.user.find(':');
  identity.user = settings.user.substr(0, colon);
  if (!identity.user.empty()) {
    const passwd* entry = ::getpwnam(identity.user.c_str());
    if (entry == nullptr) refuse("{}: user {} not found, aborting.", pidfile, identity.user);
    identity.uid = entry->pw_uid;
    identity.gid = entry->pw_gid;
  }
  const std::string group = colon == std::string::npos ? "" : settings.user.substr(colon + 1);
  if (!group.empty()) {
    const ::group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) refuse("{}: group {} not found, aborting.", pidfile, group);
    identity.gid = entry->gr_gid;
  }
  return identity;
}

/// Leaves just these capabilities, permitted and effective.
void limit_capabilities(std::initializer_list<unsigned> capabilities) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (const unsigned capability : capabilities) {
    data.at(capability / 32).permitted |= 1U << (capability % 32);
  }
  for (auto& word : data) word.effective = word.permitted;
  if (::syscall(SYS_capset, &header, data.data()) != 0) {
    refuse("capset failed ({})", std::strerror(errno));
  }
}

void become(const Identity& identity, bool needs_network) {
  const auto check = [](int result, const char* what) {
    if (result != 0) refuse("{} failed ({}), aborting", what, std::strerror(errno));
  };
  check(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl");
  check(::setresgid(identity.gid, identity.gid, identity.gid), "setresgid");
  if (!identity.user.empty()) {
    check(::initgroups(identity.user.c_str(), identity.gid), "initgroups");
  }
  check(::setresuid(identity.uid, identity.uid, identity.uid), "setresuid");
  if (needs_network) {
    limit_capabilities(
        {CAP_IPC_LOCK, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_BROADCAST, CAP_NET_RAW});
  } else {
    limit_capabilities({CAP_IPC_LOCK, CAP_NET_BIND_SERVICE});
  }
}

void leave_terminal(bool change_directory) {
  ::setsid();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  }
  if (change_directory) (void)!::chdir("/");
}

}  // namespace

class Daemon::Impl {
 public:
  Impl(const DaemonSettings& settings, std::string_view program, Log& log)
      : settings_(settings), program_(program), log_(log), unix_log_(log.module("daemon_unix")) {
    std::optional<Identity> identity;
    if (!settings_.user.empty()) identity = find_identity(settings_);
    if (settings_.pidfile && existing() == Pidfile::Existing::refuse) {
      refuse_if_running(*settings_.pidfile);
    }
    if (settings_.detach) detach();
    if (settings_.monitor) monitor();
    if (identity) {
      log_.change_owner(identity->uid, identity->gid);
      become(*identity, settings_.needs_network);
    }
    if (settings_.pidfile) pidfile_.emplace(*settings_.pidfile, existing());
  }

  void ready() {
    if (settings_.detach) {
      leave_terminal(settings_.change_directory);
      log_.set_level(LogDestination::console, LogLevel::off);
    }
    say_ready(notify_);
  }

 private:
  Pidfile::Existing existing() const {
    return settings_.overwrite_pidfile ? Pidfile::Existing::overwrite : Pidfile::Existing::refuse;
  }

  /// Goes on in a child; the parent ends when that is up.
  void detach() {
    Child child = fork_child();
    if (child.pid == 0) {
      notify_ = std::move(child.notify);
      return;
    }
    if (hear_ready(child.heard)) ::_exit(0);
    end_like(wait_for(child.pid), unix_log_);
  }

  /// Goes on in a child, and in another one whenever that crashed.
  void monitor() {
    UniqueFd parent = std::move(notify_);
    Child child = fork_child();
    if (child.pid == 0) {
      notify_ = std::move(child.notify);
      return;
    }
    log_.set_subprogram("monitor");
    if (!hear_ready(child.heard)) end_like(wait_for(child.pid), unix_log_);
    if (settings_.detach) leave_terminal(settings_.change_directory);
    say_ready(parent);
    watch(std::move(child));
  }

  /// Returns only in a new child.
  void watch(Child child) {
    auto started = std::chrono::steady_clock::now();
    for (unsigned crashes = 1;; ++crashes) {
      log_.close_file();  // logs are rotated without telling us
      const int status = wait_for(child.pid);
      (void)log_.reopen_file();
      if (!is_crash(status)) {
        unix_log_.info("pid {} died, {}, exiting", child.pid, describe(status));
        ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
      }
      unix_log_.err("{} crashes: pid {} died, {}, restarting", crashes, child.pid,
                    describe(status));
      pause_since(started);
      started = std::chrono::steady_clock::now();
      child = fork_child();
      if (child.pid == 0) {
        log_.set_subprogram(program_);
        notify_ = std::move(child.notify);
        return;
      }
    }
  }

  /// A daemon that dies while it starts must not eat the machine.
  void pause_since(std::chrono::steady_clock::time_point last_start) {
    constexpr auto kInterval = 10s;
    if (restarted_ && std::chrono::steady_clock::now() < last_start + kInterval) {
      unix_log_.warn("waiting until {} seconds since last restart", kInterval.count());
      std::this_thread::sleep_until(last_start + kInterval);
    }
    restarted_ = true;
  }

  const DaemonSettings settings_;
  const std::string program_;
  Log& log_;
  const Logger unix_log_;
  UniqueFd notify_;  ///< where we say that we are up; empty if nobody waits
  std::optional<Pidfile> pidfile_;
  bool restarted_ = false;
};

Daemon::Daemon(const DaemonSettings& settings, std::string_view program, Log& log)
    : impl_(std::make_unique<Impl>(settings, program, log)) {}
Daemon::~Daemon() = default;
void Daemon::ready() { impl_->ready(); }

Options daemon_options(DaemonSettings& settings, std::string_view program, const Paths& paths) {
  using Argument = Option::Argument;
  using Value = std::optional<std::string>;
  const auto flag = [](bool& setting, bool value) {
    return [&setting, value](const Value&) -> Result<void> {
      setting = value;
      return {};
    };
  };
  const auto text = [](std::string& setting) {
    return [&setting](const Value& value) -> Result<void> {
      setting = *value;
      return {};
    };
  };
  const auto pidfile = [&settings, paths,
                        program = std::string(program)](const Value& file) -> Result<void> {
    settings.pidfile = absolute(paths.in_rundir(file.value_or(program + ".pid")));
    return {};
  };
  const auto ignore = [](const Value&) -> Result<void> { return {}; };
  return {{"detach", '\0', Argument::none, flag(settings.detach, true)},
          {"no-chdir", '\0', Argument::none, flag(settings.change_directory, false)},
          {"pidfile", '\0', Argument::optional, pidfile},
          {"overwrite-pidfile", '\0', Argument::none, flag(settings.overwrite_pidfile, true)},
          {"monitor", '\0', Argument::none, flag(settings.monitor, true)},
          {"user", '\0', Argument::required, text(settings.user)},
          {"no-self-confinement", '\0', Argument::none, ignore},
          {"unixctl", '\0', Argument::required, text(settings.unixctl)}};
}

std::string daemon_options_help(std::string_view program, const Paths& paths) {
  return fmt::format(
      "\nDaemon options:\n"
      "  --detach                run in background as daemon\n"
      "  --monitor               creates a process to monitor this daemon\n"
      "  --user=username[:group] changes the effective daemon user:group\n"
      "  --no-chdir              do not chdir to '/'\n"
      "  --pidfile[=FILE]        create pidfile (default: {}/{}.pid)\n"
      "  --overwrite-pidfile     with --pidfile, start even if already running\n",
      paths.rundir, program);
}

}  // namespace bondway::process
