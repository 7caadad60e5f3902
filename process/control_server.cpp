#include "process/control_server.hpp"

#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_set>

#include "db/rpc/asio.hpp"
#include "db/rpc/json_stream.hpp"
#include "db/rpc/json_text.hpp"
#include "db/rpc/message.hpp"
#include "process/paths.hpp"
#include "process/unix_socket.hpp"

namespace bondway::process {
namespace {

using nlohmann::json;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr rpc::JsonStream::Limits kLimits{.bytes = std::size_t{16} << 20, .depth = 1000};

/// The text as it goes out: an answer that isn't empty ends in a newline.
std::string terminated(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

Result<Args> string_arguments(const rpc::Request& request) {
  Args args;
  for (const json& param : request.params) {
    if (!param.is_string()) {
      return fail("\"{}\" command has non-string argument", request.method);
    }
    args.push_back(param.get_ref<const std::string&>());
  }
  return args;
}

enum class Format { plain, as_json };

/// set-options, which clients of later releases send first: "--format text|json".
Result<Format> parse_set_options(const Args& args, Format before) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::string_view value;
    if (args[i] == "--format" && i + 1 < args.size()) {
      value = args[++i];
    } else if (args[i].starts_with("--format=")) {
      value = std::string_view(args[i]).substr(9);
    } else {
      return fail("\"set-options\" command does not know the option \"{}\"", args[i]);
    }
    if (value != "json" && value != "text")
      return fail("option format has invalid value {}", value);
    before = value == "json" ? Format::as_json : Format::plain;
  }
  return before;
}

class Connection;

}  // namespace

/// Accepts clients and knows who is connected, in order to hang up in the end.
class ControlServer::Impl : public std::enable_shared_from_this<ControlServer::Impl> {
 public:
  Impl(asio::io_context& io, std::string path, const CommandTable& table, Logger log);
  ~Impl() { ::unlink(path_.c_str()); }

  void accept();
  void stop();

  const std::string& path() const { return path_; }
  const CommandTable& table() const { return table_; }
  const Logger& log() const { return log_; }
  LogRateLimit& limit() { return limit_; }
  void forget(const std::shared_ptr<Connection>& connection) { connections_.erase(connection); }

 private:
  void accept_later();

  const std::string path_;
  const CommandTable& table_;
  const Logger log_;
  LogRateLimit limit_{60, 5};
  Local::acceptor acceptor_;
  asio::steady_timer retry_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  unsigned accepted_ = 0;
};

namespace {

/// One client.  At any time it either reads, or performs one request, or writes the answer; so
/// whatever the client does, it costs a bounded amount of memory and no one else's time.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Local::socket socket, std::string name, ControlServer::Impl& server)
      : socket_(std::move(socket)), name_(std::move(name)), server_(&server) {
    socket_.non_blocking(true);
  }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const error_code& error, std::size_t size) {
                              if (self->server_ == nullptr) return;
                              if (error) return self->hang_up();
                              self->stream_.feed({self->buffer_.data(), size});
                              self->next();
                            });
  }

  /// The server goes: nothing may be asked of it any more.
  void stop() {
    server_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void hang_up() {
    ControlServer::Impl& server = *server_;
    stop();
    server.forget(shared_from_this());
  }

  void bad_message(std::string_view why) {
    server_->log().limited(server_->limit(), LogLevel::warn, "{}: received {}", name_, why);
    hang_up();
  }

  /// Performs the next request that has arrived, or waits for it.
  void next() {
    const auto text = stream_.next();
    if (!text) return bad_message("bad JSON: " + text.error().message);
    if (!*text) return read();
    Result<rpc::Message> message = rpc::parse_message(**text);
    if (!message) return bad_message("bad JSON-RPC message: " + message.error().message);
    const auto* request = std::get_if<rpc::Request>(&*message);
    if (request == nullptr) return bad_message("unexpected reply message");
    if (request->is_notification()) return bad_message("unexpected notification message");
    if (server_->log().enabled(LogLevel::dbg)) {
      server_->log().dbg("received request {}{}, id={}", request->method,
                         rpc::to_text(request->params), rpc::to_text(request->id));
    }
    perform(*request);
  }

  void perform(const rpc::Request& request) {
    if (request.method == "set-options") return set_options(request);
    const Result<const Command*> command =
        server_->table().find(request.method, request.params.size());
    if (!command) return refuse(request.id, command.error().message);
    const Result<Args> args = string_arguments(request);
    if (!args) return refuse(request.id, args.error().message);
    run(**command, *args, request.id);
  }

  void run(const Command& command, const Args& args, const json& id) {
    if (command.start) return command.start(args, responder(id));
    if (format_ == Format::plain || !command.json) return reply(id, command.run(args));
    const Result<json> result = command.json(args);
    if (!result) return refuse(id, result.error().message);
    send(rpc::encode_reply(id, *result));
  }

  /// For answers that may come when the client is gone, or never.
  Responder responder(const json& id) {
    return
        [weak = weak_from_this(), id, answered = false](const Result<std::string>& result) mutable {
          assert(!answered);
          answered = true;
          const auto self = weak.lock();
          if (self && self->server_ != nullptr) self->reply(id, result);
        };
  }

  void set_options(const rpc::Request& request) {
    const Result<Args> args = string_arguments(request);
    if (!args) return refuse(request.id, args.error().message);
    const Result<Format> format = parse_set_options(*args, format_);
    if (!format) return refuse(request.id, format.error().message);
    format_ = *format;
    send(rpc::encode_reply(request.id, ""));
  }

  void reply(const json& id, const Result<std::string>& result) {
    if (!result) return refuse(id, result.error().message);
    server_->log().dbg("replying with success, id={}: \"{}\"", rpc::to_text(id), *result);
    if (format_ == Format::plain) return send(rpc::encode_reply(id, terminated(*result)));
    send(rpc::encode_reply(id, json{{"reply", *result}, {"reply-format", "plain"}}));
  }

  void refuse(const json& id, const std::string& why) {
    server_->log().dbg("replying with error, id={}: \"{}\"", rpc::to_text(id), why);
    send(rpc::encode_error(id, terminated(why)));
  }

  /// Writes at once what the socket takes, so that an answer gets out even if the program ends
  /// now, and the rest when the client reads.  Only then comes the next request, and others'
  /// first.
  void send(std::string text) {
    output_ = std::move(text);
    error_code error;
    const std::size_t written = socket_.write_some(asio::buffer(output_), error);
    if (error && error != asio::error::would_block) return hang_up();
    auto resume = [self = shared_from_this()](const error_code& failed, std::size_t) {
      if (self->server_ == nullptr) return;
      if (failed) return self->hang_up();
      self->next();
    };
    if (written == output_.size()) {
      asio::post(socket_.get_executor(), [resume] { resume({}, 0); });
    } else {
      asio::async_write(socket_, asio::buffer(output_) + written, resume);
    }
  }

  Local::socket socket_;
  const std::string name_;
  ControlServer::Impl* server_;  ///< null once we are hung up
  std::array<char, 4096> buffer_{};
  rpc::JsonStream stream_{kLimits};
  std::string output_;  ///< the answer being written
  Format format_ = Format::plain;
};

}  // namespace

ControlServer::Impl::Impl(asio::io_context& io, std::string path, const CommandTable& table,
                          Logger log)
    : path_(std::move(path)), table_(table), log_(log), acceptor_(io), retry_(io) {
  auto listener = listen_unix(path_);
  if (!listener) {
    throw std::runtime_error(fmt::format("{}: could not initialize control socket ({})", path_,
                                         std::strerror(listener.error())));
  }
  acceptor_.assign(Local(), listener->release());
}

void ControlServer::Impl::accept() {
  acceptor_.async_accept([weak = weak_from_this()](const error_code& error, Local::socket socket) {
    const auto self = weak.lock();
    if (!self || error == asio::error::operation_aborted) return;
    if (error) return self->accept_later();
    const auto connection = std::make_shared<Connection>(
        std::move(socket), fmt::format("unix#{}", self->accepted_++), *self);
    self->connections_.insert(connection);
    connection->read();
    self->accept();
  });
}

/// Out of descriptors: whoever waits will be accepted when some are free again.
void ControlServer::Impl::accept_later() {
  log_.limited(limit_, LogLevel::warn, "{}: accept failed", path_);
  retry_.expires_after(std::chrono::milliseconds(100));
  retry_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (self && !error) self->accept();
  });
}

void ControlServer::Impl::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (const auto& connection : connections_) connection->stop();
  connections_.clear();
}

std::string control_socket_path(const Paths& paths, std::string_view program,
                                std::string_view unixctl_option, int pid) {
  if (unixctl_option == "none") return "";
  if (!unixctl_option.empty()) return paths.in_rundir(unixctl_option);
  return paths.in_rundir(fmt::format("{}.{}.ctl", program, pid));
}

ControlServer::ControlServer(asio::io_context& io, std::string path, const CommandTable& table,
                             Logger log)
    : impl_(std::make_shared<Impl>(io, std::move(path), table, log)) {
  impl_->accept();
}

ControlServer::~ControlServer() { impl_->stop(); }

const std::string& ControlServer::path() const { return impl_->path(); }

}  // namespace bondway::process
