#include "db/server/locks.hpp"

#include <algorithm>

namespace bondway::server {

std::optional<LockTable::Taken> LockTable::take(SessionId session, const std::string& lock,
                                                Mode mode) {
  std::deque<SessionId>& queue = queues_[lock];
  if (std::find(queue.begin(), queue.end(), session) != queue.end()) return std::nullopt;
  Taken taken;
  if (mode == Mode::wait) {
    queue.push_back(session);
    taken.locked = queue.size() == 1;
    return taken;
  }
  if (!queue.empty()) taken.victim = queue.front();
  queue.push_front(session);
  taken.locked = true;
  return taken;
}

std::optional<LockTable::Released> LockTable::release(SessionId session, const std::string& lock) {
  const auto found = queues_.find(lock);
  if (found == queues_.end()) return std::nullopt;
  std::deque<SessionId>& queue = found->second;
  const auto place = std::find(queue.begin(), queue.end(), session);
  if (place == queue.end()) return std::nullopt;
  const bool owned = place == queue.begin();
  queue.erase(place);
  Released released;
  if (queue.empty())
    queues_.erase(found);
  else if (owned)
    released.new_owner = queue.front();
  return released;
}

std::vector<LockTable::Granted> LockTable::release_all(SessionId session) {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_)
    if (std::find(queue.begin(), queue.end(), session) != queue.end()) names.push_back(name);
  std::vector<Granted> granted;
  for (const std::string& name : names) {
    const auto released = release(session, name);
    if (released && released->new_owner) granted.push_back({name, *released->new_owner});
  }
  return granted;
}

bool LockTable::holds(SessionId session, std::string_view lock) const {
  const auto found = queues_.find(lock);
  return found != queues_.end() && found->second.front() == session;
}

LockTable::Counts LockTable::counts(SessionId session) const {
  Counts counts;
  for (const auto& [name, queue] : queues_) {
    if (queue.front() == session)
      ++counts.held;
    else if (std::find(queue.begin(), queue.end(), session) != queue.end())
      ++counts.waiting;
  }
  return counts;
}

}  // namespace bondway::server
