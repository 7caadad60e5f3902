#include "db/rpc/remote.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace bondway::rpc {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return port;
}

struct HostAndRest {
  std::string_view host;
  std::string_view rest;  ///< from the colon on
};

/// "[::1]:6640" or "host:6640", each with or without the port.
std::optional<HostAndRest> split_host(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    return HostAndRest{text.substr(1, close - 1), text.substr(close + 1)};
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  return HostAndRest{text.substr(0, colon), text.substr(colon)};
}

Result<Remote> parse_active(Remote remote, std::string_view text, std::string_view address) {
  const auto parts = split_host(address);
  if (!parts || parts->host.empty()) return fail("{}: host name or address expected", text);
  remote.host = parts->host;
  if (parts->rest.empty()) return remote;
  const auto port = parts->rest.starts_with(':') ? parse_port(parts->rest.substr(1)) : std::nullopt;
  if (!port) return fail("{}: bad port number \"{}\"", text, parts->rest.substr(1));
  remote.port = *port;
  return remote;
}

Result<Remote> parse_passive(Remote remote, std::string_view text, std::string_view address) {
  const std::size_t colon = std::min(address.find(':'), address.size());
  const std::string_view number = address.substr(0, colon);
  if (!number.empty()) {
    const auto port = parse_port(number);
    if (!port) return fail("{}: bad port number \"{}\"", text, number);
    remote.port = *port;
  }
  if (colon == address.size()) return remote;
  const auto parts = split_host(address.substr(colon + 1));
  if (!parts || !parts->rest.empty()) return fail("{}: bad address to listen on", text);
  remote.host = parts->host;
  return remote;
}

struct Scheme {
  std::string_view name;
  Transport transport;
  Direction direction;
};
constexpr Scheme kSchemes[] = {
    {"unix", Transport::unix_socket, Direction::active},
    {"tcp", Transport::tcp, Direction::active},
    {"ssl", Transport::ssl, Direction::active},
    {"punix", Transport::unix_socket, Direction::passive},
    {"ptcp", Transport::tcp, Direction::passive},
    {"pssl", Transport::ssl, Direction::passive},
};

bool starts_remote(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::size_t letters = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
  return letters != 0 && letters != std::string_view::npos && text[letters] == ':';
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace

Result<Remote> parse_remote(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto* scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                    [&](const Scheme& s) { return s.name == name; });
  if (colon == std::string_view::npos || scheme == std::end(kSchemes))
    return fail("{}: remote must begin with unix:, tcp:, ssl:, punix:, ptcp: or pssl:", text);
  Remote remote;
  remote.transport = scheme->transport;
  remote.direction = scheme->direction;
  const std::string_view address = text.substr(colon + 1);
  if (remote.transport == Transport::unix_socket) {
    if (address.empty()) return fail("{}: file name expected", text);
    remote.path = address;
    return remote;
  }
  return remote.direction == Direction::active ? parse_active(std::move(remote), text, address)
                                               : parse_passive(std::move(remote), text, address);
}

std::string to_string(const Remote& remote) {
  const auto* scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes), [&](const Scheme& s) {
    return s.transport == remote.transport && s.direction == remote.direction;
  });
  if (remote.transport == Transport::unix_socket)
    return fmt::format("{}:{}", scheme->name, remote.path);
  const bool is_ipv6 = remote.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? fmt::format("[{}]", remote.host) : remote.host;
  if (remote.direction == Direction::active)
    return fmt::format("{}:{}:{}", scheme->name, host, remote.port);
  return fmt::format("{}:{}{}{}", scheme->name, remote.port, host.empty() ? "" : ":", host);
}

std::vector<std::string> split_remotes(std::string_view list) {
  std::vector<std::string> remotes;
  while (!list.empty()) {
    std::size_t comma = list.find(',');
    while (comma != std::string_view::npos && !starts_remote(list.substr(comma + 1)))
      comma = list.find(',', comma + 1);
    const std::string_view remote = trimmed(list.substr(0, comma));
    if (!remote.empty() && !remote.starts_with("cid:")) remotes.emplace_back(remote);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return remotes;
}

}  // namespace bondway::rpc
