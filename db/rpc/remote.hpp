#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vswitchd/net/result.hpp"

namespace bondway::rpc {

/// Assigned by IANA to OVSDB; RFC 7047, 7.
inline constexpr std::uint16_t kDefaultPort = 6640;

enum class Transport : std::uint8_t { unix_socket, tcp, ssl };
enum class Direction : std::uint8_t {
  active,   ///< unix: tcp: ssl: we connect
  passive,  ///< punix: ptcp: pssl: we listen
};

/// Where to connect to or to listen: unix:FILE, tcp:HOST[:PORT], ssl:HOST[:PORT], punix:FILE,
/// ptcp:[PORT][:IP], pssl:[PORT][:IP].  IPv6 addresses stand in brackets.
struct Remote {
  Transport transport = Transport::unix_socket;
  Direction direction = Direction::active;
  std::string path;                   ///< unix_socket only
  std::string host;                   ///< tcp and ssl, without brackets; empty if passive: any
  std::uint16_t port = kDefaultPort;  ///< tcp and ssl; 0 if passive: the kernel chooses
  bool operator==(const Remote&) const = default;
};

Result<Remote> parse_remote(std::string_view text);

/// Its canonical text, the port always named: "tcp:[::1]:6640", "ptcp:6640:127.0.0.1".
std::string to_string(const Remote& remote);

/// Splits a comma-separated list.  A comma starts a new remote only when blanks, lower-case letters
/// and a colon follow, since file names may contain commas, too.  Elements "cid:UUID", the name of
/// a cluster, are left out.  Never empty elements.
std::vector<std::string> split_remotes(std::string_view list);

}  // namespace bondway::rpc
