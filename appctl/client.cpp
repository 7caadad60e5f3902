#include "appctl/client.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <variant>

#include "appctl/answer.hpp"
#include "db/rpc/json_text.hpp"
#include "db/rpc/message.hpp"
#include "process/unix_socket.hpp"

namespace bondway::appctl {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

/// Bounds the next blocking call on the socket; false if the deadline has passed.
bool bound(const process::UniqueFd& fd, int option, const Deadline& deadline) {
  if (!deadline) return true;
  const auto left = std::chrono::ceil<microseconds>(*deadline - steady_clock::now()).count();
  if (left <= 0) return false;
  const timeval timeout{left / 1'000'000, left % 1'000'000};
  ::setsockopt(fd.get(), SOL_SOCKET, option, &timeout, sizeof timeout);
  return true;
}

constexpr Failure kTimeout{.error = ETIMEDOUT, .timed_out = true};

Failure system_failure() {
  if (errno == EAGAIN) return kTimeout;
  return {.error = errno};
}

}  // namespace

std::string to_string(const Failure& failure) {
  return failure.error == 0 ? "End of file" : std::strerror(failure.error);
}

Client::Client(process::UniqueFd fd, std::string name, Deadline deadline, process::Log& log)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      deadline_(deadline),
      jsonrpc_log_(log.module("jsonrpc")) {}

tl::expected<Client, Failure> Client::connect(const std::string& path, Deadline deadline,
                                              process::Log& log) {
  const auto address = process::unix_address(path);
  if (!address) return tl::unexpected(Failure{.error = address.error()});
  process::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return tl::unexpected(system_failure());
  if (!bound(fd, SO_SNDTIMEO, deadline)) return tl::unexpected(kTimeout);
  if (::connect(fd.get(), address->get(), sizeof address->address) != 0) {
    return tl::unexpected(system_failure());
  }
  return Client(std::move(fd), "unix:" + path, deadline, log);
}

tl::expected<Answer, Failure> Client::call(std::string_view command,
                                           const std::vector<std::string>& args) {
  const int id = next_id_++;
  jsonrpc_log_.dbg("{}: send request, method=\"{}\", params={}, id={}", name_, command,
                   rpc::to_text(args), id);
  if (const auto failure = send(rpc::encode_request(command, args, id))) {
    return tl::unexpected(*failure);
  }
  for (;;) {
    const auto text = stream_.next();
    if (!text) {
      jsonrpc_log_.warn("{}: error parsing stream: {}", name_, text.error().message);
      return tl::unexpected(Failure{.error = EPROTO});
    }
    if (!*text) {
      if (const auto failure = receive()) return tl::unexpected(*failure);
      continue;
    }
    Result<rpc::Message> message = rpc::parse_message(**text);
    if (!message) {
      jsonrpc_log_.warn("{}: received bad JSON-RPC message: {}", name_, message.error().message);
      return tl::unexpected(Failure{.error = EPROTO});
    }
    auto* reply = std::get_if<rpc::Reply>(&*message);
    if (reply == nullptr || reply->id != id) continue;  // not an answer to our question
    jsonrpc_log_.dbg("{}: received reply, id={}", name_, id);
    return Answer{std::move(reply->result), std::move(reply->error)};
  }
}

std::optional<Failure> Client::send(std::string_view text) {
  while (!text.empty()) {
    if (!bound(fd_, SO_SNDTIMEO, deadline_)) return kTimeout;
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_failure();
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return std::nullopt;
}

std::optional<Failure> Client::receive() {
  std::array<char, 65536> buffer;
  for (;;) {
    if (!bound(fd_, SO_RCVTIMEO, deadline_)) return kTimeout;
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure();
    if (size == 0) return Failure{.error = 0};
    stream_.feed({buffer.data(), static_cast<std::size_t>(size)});
    return std::nullopt;
  }
}

}  // namespace bondway::appctl
