#include "db/replica/link.hpp"

#include <nlohmann/json.hpp>

namespace bondway::replica {
namespace {

using boost::system::error_code;

constexpr std::size_t kChunk = 65536;
constexpr const char* kProbeId = "echo";

}  // namespace

Link::Link(asio::any_io_executor executor, std::unique_ptr<server::Channel> channel,
           std::chrono::milliseconds probe, Events events)
    : channel_(std::move(channel)),
      probe_(probe),
      events_(std::move(events)),
      chunk_(kChunk),
      timer_(std::move(executor)),
      heard_(Clock::now()) {}

void Link::start() {
  read();
  watch();
}

void Link::close() {
  if (std::exchange(closed_, true)) return;
  channel_->close();
  timer_.cancel();
}

void Link::end(const std::string& why) {
  if (closed_) return;
  close();
  events_.ended(why);
}

void Link::read() {
  channel_->read_some(asio::buffer(chunk_),
                      [self = shared_from_this()](error_code error, std::size_t octets) {
                        if (self->closed_) return;
                        if (error == asio::error::eof)
                          return self->end("connection closed by peer");
                        if (error) return self->end(error.message());
                        self->received(octets);
                      });
}

void Link::received(std::size_t octets) {
  heard_ = Clock::now();
  probed_.reset();
  in_.feed(std::string_view(chunk_.data(), octets));
  while (!closed_) {
    const auto text = in_.next();
    if (!text) return end("protocol error: " + text.error().message);
    if (!*text) return read();
    auto message = rpc::parse_message(**text);
    if (!message) return end("protocol error: " + message.error().message);
    handle(std::move(*message));
  }
}

void Link::handle(rpc::Message message) {
  if (const auto* request = std::get_if<rpc::Request>(&message)) {
    if (request->method == "echo") return send(rpc::encode_reply(request->id, request->params));
  } else if (std::get<rpc::Reply>(message).id == kProbeId) {
    return;
  }
  events_.message(std::move(message));
}

void Link::send(std::string message) {
  if (closed_) return;
  out_ += message;
  write();
}

void Link::write() {
  if (writing_ || closed_) return;
  if (sent_ == sending_.size()) {
    sending_ = std::exchange(out_, {});
    sent_ = 0;
  }
  if (sending_.empty()) return;
  writing_ = true;
  channel_->write_some(asio::buffer(sending_) + sent_,
                       [self = shared_from_this()](error_code error, std::size_t octets) {
                         self->writing_ = false;
                         if (self->closed_) return;
                         if (error) return self->end(error.message());
                         self->sent_ += octets;
                         self->write();
                       });
}

/// Activity moves the deadline without touching the timer, which then wakes up for nothing.
void Link::watch() {
  if (closed_ || probe_.count() == 0) return;
  timer_.expires_at(probed_.value_or(heard_) + probe_);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->closed_) return;
    const Clock::time_point now = Clock::now();
    if (now >= self->probed_.value_or(self->heard_) + self->probe_) {
      if (self->probed_) return self->end("no response to inactivity probe");
      self->probed_ = now;
      self->send(rpc::encode_request("echo", nlohmann::json::array(), kProbeId));
    }
    self->watch();
  });
}

}  // namespace bondway::replica
