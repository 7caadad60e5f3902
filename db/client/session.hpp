#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "db/client/stream.hpp"
#include "db/rpc/json_stream.hpp"
#include "db/rpc/message.hpp"

namespace bondway::client {

/// A JSON-RPC 1.0 conversation with an OVSDB server, RFC 7047, 4: one thread that asks and waits.
///
/// Every error means that the conversation is over: the connection failed or the peer does not
/// speak the protocol.  A server's refusal is an ordinary Reply.
class Session {
 public:
  /// `probe`: after this long without a byte ask the peer for a sign of life, and give it up after
  /// as long again; zero: wait forever.  `before_long_wait` is called when an answer takes its
  /// time.
  Session(std::unique_ptr<Stream> stream, std::chrono::milliseconds probe,
          std::function<void()> before_long_wait)
      : stream_(std::move(stream)), probe_(probe), before_long_wait_(std::move(before_long_wait)) {}

  /// Queues a request; `params` is the JSON text of an array.  Returns its id.
  std::int64_t ask(std::string_view method, std::string_view params);

  /// Sends what was queued and waits for the answer to `id`.  Answers echo requests on the way;
  /// other notifications are kept for next_notification().
  Result<rpc::Reply> answer(std::int64_t id);

  Result<rpc::Reply> call(std::string_view method, std::string_view params) {
    return answer(ask(method, params));
  }

  /// Whether the peer has said anything that makes sense.
  bool has_heard() const { return has_heard_; }

  /// The next notification, in order of arrival; waits for one.
  Result<rpc::Request> next_notification();

 private:
  Result<rpc::Message> receive();
  /// The next message that is not about keeping the connection alive.
  Result<rpc::Message> receive_meaningful();
  Result<void> flush();
  Result<bool> read(std::string& bytes);

  std::unique_ptr<Stream> stream_;
  std::chrono::milliseconds probe_;
  std::function<void()> before_long_wait_;
  rpc::JsonStream incoming_;
  std::string outgoing_;
  std::vector<rpc::Reply> replies_;
  std::vector<rpc::Request> notifications_;
  std::int64_t last_id_ = 0;
  bool has_heard_ = false;
};

}  // namespace bondway::client
