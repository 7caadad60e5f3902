#include "db/replica/follower.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/engine/json.hpp"
#include "db/rpc/json_text.hpp"

namespace bondway::replica {
namespace {

using boost::system::error_code;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kLongestPause = 8s;
constexpr std::chrono::milliseconds kProbe = 5s;  ///< of network connections
constexpr const char* kMonitorId = "follow";
constexpr const char* kNoTransaction = "00000000-0000-0000-0000-000000000000";

/// The first "error" among the results of a transaction; empty: it was done.
std::string refusal(const rpc::Reply& reply) {
  if (reply.is_error()) return rpc::to_text(reply.error);
  if (!reply.result.is_array()) return "answer is not an array";
  for (const json& result : reply.result) {
    if (result.is_object() && result.contains("error")) return rpc::to_text(result);
  }
  return "";
}

}  // namespace

std::chrono::seconds Backoff::next() {
  return std::exchange(next_, std::min(next_ * 2, kLongestPause));
}

Follower::Follower(asio::io_context& io, Replica& replica, Settings settings, process::Logger log)
    : io_(io),
      replica_(replica),
      settings_(std::move(settings)),
      log_(log),
      name_(rpc::to_string(settings_.remote)),
      timer_(io),
      resolver_(io),
      socket_(io),
      self_(this, [](Follower*) {}) {}

Follower::~Follower() {
  replica_.on_written = nullptr;
  if (link_) link_->close();
}

void Follower::start() {
  replica_.on_written = [this] { write_soon(); };
  connect();
}

// --- the connection
// -------------------------------------------------------------------------------

void Follower::connect() {
  log_.write(attempts(), "{}: connecting...", name_);
  if (settings_.remote.transport != rpc::Transport::unix_socket) return resolve();
  const asio::local::stream_protocol::endpoint address(settings_.remote.path);
  socket_.async_connect(server::Socket::endpoint_type(address),
                        [weak = std::weak_ptr(self_)](error_code error) {
                          if (const auto self = weak.lock()) self->connected(error);
                        });
}

/// Tries the first of the addresses.
void Follower::resolve() {
  resolver_.async_resolve(
      settings_.remote.host, std::to_string(settings_.remote.port),
      [weak = std::weak_ptr(self_)](error_code error,
                                    const asio::ip::tcp::resolver::results_type& addresses) {
        const auto self = weak.lock();
        if (!self) return;
        if (error || addresses.empty()) return self->connected(error);
        const server::Socket::endpoint_type address(addresses.begin()->endpoint());
        self->socket_.async_connect(address, [weak](error_code failure) {
          if (const auto follower = weak.lock()) follower->connected(failure);
        });
      });
}

void Follower::connected(error_code error) {
  server::Socket socket = std::exchange(socket_, server::Socket(io_));
  if (error) return secured(nullptr, error);
  if (settings_.remote.transport != rpc::Transport::ssl) {
    return secured(server::make_plain_channel(std::move(socket)), error);
  }
  const auto context = settings_.tls ? settings_.tls() : fail("no key and certificate given");
  if (!context) return give_up(context.error().message);
  server::make_tls_channel(
      std::move(socket), *context, server::TlsRole::client,
      [weak = std::weak_ptr(self_)](std::unique_ptr<server::Channel> channel, error_code failure) {
        if (const auto self = weak.lock()) self->secured(std::move(channel), failure);
      });
}

/// A server that stays away does not fill the log.
process::LogLevel Follower::attempts() const {
  return is_quiet_ ? process::LogLevel::dbg : process::LogLevel::info;
}

void Follower::secured(std::unique_ptr<server::Channel> channel, error_code error) {
  if (channel) return converse(std::move(channel));
  log_.write(attempts(), "{}: connection attempt failed ({})", name_, error.message());
  retry_later();
}

void Follower::converse(std::unique_ptr<server::Channel> channel) {
  log_.write(attempts(), "{}: connected", name_);
  const bool is_local = settings_.remote.transport == rpc::Transport::unix_socket;
  link_ = std::make_shared<Link>(
      io_.get_executor(), std::move(channel), is_local ? 0ms : kProbe,
      Link::Events{[this](rpc::Message message) { received(std::move(message)); },
                   [this](const std::string& why) { lost(why); }});
  link_->start();
  request("get_schema", json::array({replica_.database().schema().name}), &Follower::schema_came);
}

void Follower::lost(const std::string& why) {
  log_.write(attempts(), "{}: {}", name_, why);
  link_.reset();
  unanswered_.clear();
  has_contents_ = false;
  has_lock_.reset();
  monitor_ = Monitor::conditional_since;
  retry_later();
}

/// The server can't be followed as it is.
void Follower::give_up(const std::string& why) {
  if (link_) link_->close();
  lost(why);
}

void Follower::retry_later() {
  const std::chrono::seconds pause = backoff_.next();
  if (pause == kLongestPause && !std::exchange(is_quiet_, true)) {
    log_.info("{}: continuing to reconnect in the background but suppressing further logging",
              name_);
  } else if (pause > 1s) {
    log_.write(attempts(), "{}: waiting {} seconds before reconnect", name_, pause.count());
  }
  timer_.expires_after(pause);
  timer_.async_wait([this](error_code error) {
    if (!error) connect();
  });
}

// --- the conversation
// -----------------------------------------------------------------------------

void Follower::request(const char* method, const json& params, Handler handler) {
  unanswered_.emplace(++last_id_, handler);
  link_->send(rpc::encode_request(method, params, last_id_));
}

void Follower::received(rpc::Message message) {
  if (const auto* notification = std::get_if<rpc::Request>(&message)) {
    return notified(*notification);
  }
  const auto& reply = std::get<rpc::Reply>(message);
  const auto at = reply.id.is_number_integer() ? unanswered_.find(reply.id.get<std::int64_t>())
                                               : unanswered_.end();
  if (at == unanswered_.end()) return give_up("the server answers what was not asked");
  const Handler handler = at->second;
  unanswered_.erase(at);
  (this->*handler)(reply);
}

void Follower::notified(const rpc::Request& notification) {
  const json& params = notification.params;
  const std::string& method = notification.method;
  if (method == "locked" || method == "stolen") return set_lock(method == "locked");
  if (method == "monitor_canceled") return give_up("the server no longer has the database");
  if (method == "update" && params.size() == 2) return updated(params[1], Format::whole_rows);
  if (method == "update2" && params.size() == 2) return updated(params[1], Format::differences);
  if (method == "update3" && params.size() == 3) return updated(params[2], Format::differences);
}

void Follower::schema_came(const rpc::Reply& reply) {
  if (reply.is_error()) return give_up("no schema: " + rpc::to_text(reply.error));
  const auto schema = db::Schema::parse(reply.result);
  if (!schema) return give_up("the server's schema makes no sense: " + schema.error().details);
  replica_.connect(*schema);
  request("lock", json::array({settings_.lock}), &Follower::lock_answered);
  monitor();
}

void Follower::lock_answered(const rpc::Reply& reply) {
  if (reply.is_error()) log_.warn("{}: no lock: {}", name_, rpc::to_text(reply.error));
  const bool is_ours = reply.result.is_object() && reply.result.value("locked", false);
  set_lock(is_ours);
}

void Follower::monitor() {
  json params =
      json::array({replica_.database().schema().name, kMonitorId, replica_.monitor_requests()});
  switch (monitor_) {
    case Monitor::conditional_since:
      params.push_back(kNoTransaction);
      return request("monitor_cond_since", params, &Follower::contents_came);
    case Monitor::conditional:
      return request("monitor_cond", params, &Follower::contents_came);
    case Monitor::plain:
      return request("monitor", params, &Follower::contents_came);
  }
}

void Follower::contents_came(const rpc::Reply& reply) {
  if (reply.is_error()) {
    if (monitor_ == Monitor::plain) return give_up("no monitor: " + rpc::to_text(reply.error));
    monitor_ = monitor_ == Monitor::conditional_since ? Monitor::conditional : Monitor::plain;
    return monitor();
  }
  const bool has_more = monitor_ == Monitor::conditional_since;
  if (has_more && !(reply.result.is_array() && reply.result.size() == 3)) {
    return give_up("the initial contents make no sense");
  }
  const Format format = monitor_ == Monitor::plain ? Format::whole_rows : Format::differences;
  const auto result = replica_.replace(has_more ? reply.result[2] : reply.result, format);
  if (!result) return give_up("the initial contents make no sense: " + result.error().details);
  has_contents_ = true;
  backoff_.worked();
  is_quiet_ = false;
  tell_state();
}

void Follower::updated(const json& updates, Format format) {
  if (!has_contents_) return;  // of a monitor that was not ours
  const auto result = replica_.update(updates, format);
  if (!result) give_up("an update makes no sense: " + result.error().details);
}

void Follower::set_lock(bool is_ours) {
  if (has_lock_ == is_ours) return;
  has_lock_ = is_ours;
  tell_state();
}

void Follower::tell_state() {
  if (!has_contents_ || !has_lock_) return;
  if (on_state) on_state(*has_lock_ ? State::following : State::waiting);
  write_soon();
}

// --- what was committed here
// ----------------------------------------------------------------------

void Follower::write_soon() {
  if (std::exchange(write_posted_, true)) return;
  asio::post(io_, [weak = std::weak_ptr(self_)] {
    const auto self = weak.lock();
    if (!self) return;
    self->write_posted_ = false;
    self->write();
  });
}

void Follower::write() {
  if (!has_contents_ || has_lock_ != true) return;
  json operations = replica_.take_writes();
  if (operations.empty()) return;
  json params = json::array({replica_.database().schema().name});
  for (json& operation : operations) params.push_back(std::move(operation));
  params.push_back({{"op", "assert"}, {"lock", settings_.lock}});
  request("transact", params, &Follower::written);
}

void Follower::written(const rpc::Reply& reply) {
  if (const std::string why = refusal(reply); !why.empty()) {
    log_.limited(refusals_, process::LogLevel::warn, "{}: the server refused a transaction: {}",
                 name_, why);
  }
  replica_.done();
  write_soon();
}

}  // namespace bondway::replica
