#pragma once

#include <string_view>

namespace bondway::server {

/// Where a session's messages go: the connection, or a test's list.
class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  virtual ~Outbox() = default;

  /// Queues one message; never calls back.
  virtual void send(std::string_view message) = 0;
  /// Whether so much is unsent that nothing should be added that can wait.
  virtual bool congested() const = 0;
  /// Ends the connection, soon; never calls back.
  virtual void disconnect(std::string_view why) = 0;
};

}  // namespace bondway::server
