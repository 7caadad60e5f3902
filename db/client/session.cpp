#include "db/client/session.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bondway::client {
namespace {

constexpr std::chrono::milliseconds kShortWait{30};
constexpr std::size_t kAtOnce = std::size_t{64} << 10;  ///< octets that a socket surely takes

}  // namespace

std::int64_t Session::ask(std::string_view method, std::string_view params) {
  ++last_id_;
  fmt::format_to(std::back_inserter(outgoing_), R"({{"id":{},"method":"{}","params":{}}})",
                 last_id_, method, params);
  return last_id_;
}

Result<void> Session::flush() {
  if (outgoing_.empty()) return {};
  if (outgoing_.size() > kAtOnce) before_long_wait_();
  Result<void> written = stream_->write(outgoing_);
  outgoing_.clear();
  return written;
}

Result<rpc::Reply> Session::answer(std::int64_t id) {
  for (;;) {
    const auto found =
        std::find_if(replies_.begin(), replies_.end(), [id](const auto& r) { return r.id == id; });
    if (found != replies_.end()) {
      rpc::Reply reply = std::move(*found);
      replies_.erase(found);
      return reply;
    }
    Result<rpc::Message> message = receive_meaningful();
    if (!message) return tl::unexpected(message.error());
    if (auto* reply = std::get_if<rpc::Reply>(&*message)) {
      replies_.push_back(std::move(*reply));
    } else {
      notifications_.push_back(std::move(std::get<rpc::Request>(*message)));
    }
  }
}

Result<rpc::Request> Session::next_notification() {
  while (notifications_.empty()) {
    Result<rpc::Message> message = receive_meaningful();
    if (!message) return tl::unexpected(message.error());
    if (auto* request = std::get_if<rpc::Request>(&*message)) {
      notifications_.push_back(std::move(*request));
    }
  }
  rpc::Request first = std::move(notifications_.front());
  notifications_.erase(notifications_.begin());
  return first;
}

Result<rpc::Message> Session::receive_meaningful() {
  for (;;) {
    Result<rpc::Message> message = receive();
    if (!message) return message;
    if (const auto* reply = std::get_if<rpc::Reply>(&*message)) {
      if (reply->id == "echo") continue;
    } else if (const auto& request = std::get<rpc::Request>(*message); request.method == "echo") {
      outgoing_ += rpc::encode_reply(request.id, request.params);
      continue;
    }
    return message;
  }
}

/// False when the peer has been silent for too long.
Result<bool> Session::read(std::string& bytes) {
  const Result<bool> soon = stream_->read(bytes, kShortWait);
  if (!soon || *soon) return soon;
  before_long_wait_();
  return stream_->read(bytes, probe_.count() > 0 ? std::optional(probe_) : std::nullopt);
}

Result<rpc::Message> Session::receive() {
  bool probed = false;
  for (;;) {
    if (auto sent = flush(); !sent) return tl::unexpected(sent.error());
    const auto text = incoming_.next();
    if (!text) return fail("Protocol error");
    if (*text) {
      Result<rpc::Message> message = rpc::parse_message(**text);
      if (!message) return fail("Protocol error");
      has_heard_ = true;
      return message;
    }
    std::string bytes;
    const Result<bool> got = read(bytes);
    if (!got) return tl::unexpected(got.error());
    if (*got) {
      incoming_.feed(bytes);
    } else if (std::exchange(probed, true)) {
      return fail("Connection timed out");
    } else {
      outgoing_ += R"({"id":"echo","method":"echo","params":[]})";
    }
  }
}

}  // namespace bondway::client
