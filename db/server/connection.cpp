#include "db/server/connection.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "db/rpc/message.hpp"

namespace bondway::server {
namespace {

using boost::system::error_code;

/// So that a client with very many requests leaves room for others.
constexpr auto kTurn = std::chrono::milliseconds(5);

constexpr std::size_t kSmallestChunk = 1024;
constexpr std::size_t kLargestChunk = 65536;

/// What a connection that has nothing to send may go on holding.
constexpr std::size_t kKeptCapacity = 1024;

}  // namespace

Connection::Connection(asio::any_io_executor executor, std::unique_ptr<Channel> channel, Host& host,
                       db::Access access, const ConnectionLimits& limits, Closed closed)
    : executor_(executor),
      host_(host),
      channel_(std::move(channel)),
      limits_(limits),
      closed_(std::move(closed)),
      session_(std::make_unique<Session>(host, *this, access, limits.session)),
      in_(limits.message),
      chunk_(kSmallestChunk),
      timer_(executor),
      heard_(Clock::now()),
      progress_(heard_) {}

void Connection::start() {
  read();
  watch();
}

void Connection::close(std::string_view why) {
  if (is_closed_) return;
  is_closed_ = true;
  channel_->close();
  timer_.cancel();
  asio::post(executor_, [self = shared_from_this(), reason = std::string(why)] {
    self->session_.reset();  // not earlier: the session may be the one that called
    if (self->closed_) std::exchange(self->closed_, nullptr)(self, reason);
  });
}

void Connection::abandon() {
  closed_ = nullptr;
  session_.reset();
  if (is_closed_) return;
  is_closed_ = true;
  channel_->close();
  timer_.cancel();
}

void Connection::disconnect(std::string_view why) {
  asio::post(executor_,
             [self = shared_from_this(), reason = std::string(why)] { self->end(reason); });
}

void Connection::set_probe(std::chrono::milliseconds interval) {
  limits_.probe = interval;
  probed_.reset();
  timer_.cancel();
  watching_ = false;
  watch();
}

void Connection::later(void (Connection::*next)()) {
  asio::post(executor_, [self = shared_from_this(), next] { (*self.*next)(); });
}

// --- from the client
// ------------------------------------------------------------------------------

void Connection::read() {
  if (reading_ || is_closed_ || ending_ || congested()) return;
  reading_ = true;
  channel_->read_some(asio::buffer(chunk_),
                      [self = shared_from_this()](error_code error, std::size_t octets) {
                        self->reading_ = false;
                        if (self->is_closed_) return;
                        if (error == asio::error::eof)
                          return self->end("connection closed by peer");
                        if (error) return self->close(error.message());
                        self->received(octets);
                      });
}

void Connection::received(std::size_t octets) {
  heard_ = Clock::now();
  probed_.reset();
  in_.feed(std::string_view(chunk_.data(), octets));
  if (octets == chunk_.size() && octets < kLargestChunk)
    chunk_ = std::vector<char>(octets * 2);
  else if (octets < chunk_.size() / 4 && chunk_.size() > kSmallestChunk)
    chunk_ = std::vector<char>(chunk_.size() / 2);
  process();
}

/// What was asked before is still answered.
void Connection::end(std::string_view why) {
  if (is_closed_ || ending_) return;
  ending_ = why;
  if (unsent() == 0) return close(why);
  write();
}

void Connection::process() {
  if (processing_ || is_closed_ || ending_) return;
  processing_ = true;
  const Clock::time_point end = Clock::now() + kTurn;
  bool more = true;
  bool in_time = true;
  while (more && in_time && !congested() && !is_closed_) {
    more = process_one();
    in_time = Clock::now() < end;
  }
  processing_ = false;
  if (is_closed_) return;
  write();
  if (!more)
    read();
  else if (!congested())
    later(&Connection::process);
}

/// False when more octets are needed, or no more wanted.
bool Connection::process_one() {
  const auto message = in_.next();
  if (!message) return refuse(message.error());
  if (!*message) return false;
  const auto done = session_->receive(**message);
  return done ? true : refuse(done.error());
}

/// Requests before the one that makes no sense still get their replies.
bool Connection::refuse(const Error& error) {
  host_.flush();
  end("Protocol error: " + error.message);
  return false;
}

// --- to the client
// --------------------------------------------------------------------------------

void Connection::send(std::string_view message) {
  if (is_closed_) return;
  out_ += message;
  if (processing_ || writing_ || write_due_) return;
  write_due_ = true;
  later(&Connection::write);
}

void Connection::write() {
  write_due_ = false;
  if (writing_ || is_closed_) return;
  if (sent_ == sending_.size()) {
    sending_.clear();
    sending_.swap(out_);
    sent_ = 0;
    progress_ = Clock::now();
  }
  if (sending_.empty()) return;
  writing_ = true;
  channel_->write_some(asio::buffer(sending_) + sent_,
                       [self = shared_from_this()](error_code error, std::size_t octets) {
                         self->writing_ = false;
                         if (self->is_closed_) return;
                         if (error) return self->close(error.message());
                         self->written(octets);
                       });
  watch();
}

void Connection::written(std::size_t octets) {
  sent_ += octets;
  progress_ = Clock::now();
  if (sent_ == sending_.size() && out_.empty()) {
    sending_.clear();
    if (sending_.capacity() > kKeptCapacity) sending_.shrink_to_fit();
    if (out_.capacity() > kKeptCapacity) out_.shrink_to_fit();
    sent_ = 0;
    if (ending_) return close(*ending_);
  }
  if (!congested()) {
    session_->send_updates();
    process();
  }
  write();
}

// --- silence
// --------------------------------------------------------------------------------------

std::optional<Connection::Clock::time_point> Connection::deadline() const {
  std::optional<Clock::time_point> first;
  if (limits_.probe.count() > 0) first = probed_.value_or(heard_) + limits_.probe;
  if (unsent() > 0) {
    const Clock::time_point stalled = progress_ + limits_.stall;
    first = first ? std::min(*first, stalled) : stalled;
  }
  return first;
}

/// Activity moves the deadline without touching the timer, which then wakes up for nothing.
void Connection::watch() {
  const auto when = deadline();
  if (watching_ || is_closed_ || !when) return;
  watching_ = true;
  timer_.expires_at(*when);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->is_closed_) return;
    self->watching_ = false;
    self->check(Clock::now());
    self->watch();
  });
}

void Connection::check(Clock::time_point now) {
  if (unsent() > 0 && now >= progress_ + limits_.stall)
    return close("the client does not read what it asked for");
  if (limits_.probe.count() == 0 || now < probed_.value_or(heard_) + limits_.probe) return;
  if (probed_) return close("no response to inactivity probe");
  probed_ = now;
  send(rpc::encode_request("echo", nlohmann::json::array(), "echo"));
}

}  // namespace bondway::server
