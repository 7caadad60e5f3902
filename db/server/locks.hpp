#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bondway::server {

/// Names one client's session for as long as the server runs.
enum class SessionId : std::uint64_t {};

/// Who holds which lock and who waits for it; RFC 7047, 4.1.8.  Locks exist while somebody holds
/// them.  Pure: what it returns tells whom to notify.
class LockTable {
 public:
  enum class Mode : std::uint8_t {
    wait,   ///< "lock": join the end of the queue
    steal,  ///< "steal": become the owner at once
  };
  struct Taken {
    bool locked = false;              ///< the session owns the lock now
    std::optional<SessionId> victim;  ///< lost it to a thief; is next when the thief lets go
    bool operator==(const Taken&) const = default;
  };
  /// Empty when the session already holds the lock or waits for it: it must release it first.
  std::optional<Taken> take(SessionId session, const std::string& lock, Mode mode);

  struct Released {
    std::optional<SessionId> new_owner;
    bool operator==(const Released&) const = default;
  };
  /// Empty when the session neither held the lock nor waited for it.
  std::optional<Released> release(SessionId session, const std::string& lock);

  struct Granted {
    std::string lock;
    SessionId new_owner{};
    bool operator==(const Granted&) const = default;
  };
  /// The session ends: it leaves every queue.
  std::vector<Granted> release_all(SessionId session);

  bool holds(SessionId session, std::string_view lock) const;

  struct Counts {
    std::size_t held = 0;
    std::size_t waiting = 0;
  };
  Counts counts(SessionId session) const;

 private:
  std::map<std::string, std::deque<SessionId>, std::less<>> queues_;  ///< the first one owns it
};

}  // namespace bondway::server
