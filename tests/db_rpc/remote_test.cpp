#include "db/rpc/remote.hpp"

#include <gtest/gtest.h>

namespace bondway::rpc {
namespace {

TEST(Remote, ParsesEveryKindAndPrintsItInFull) {
  struct Case {
    std::string_view text;
    Remote remote;
    std::string_view canonical;
  };
  using enum Transport;
  using enum Direction;
  const Case cases[] = {
      {"unix:/run/a,b:c", {unix_socket, active, "/run/a,b:c", "", 6640}, "unix:/run/a,b:c"},
      {"punix:db.sock", {unix_socket, passive, "db.sock", "", 6640}, "punix:db.sock"},
      {"tcp:127.0.0.1", {tcp, active, "", "127.0.0.1", 6640}, "tcp:127.0.0.1:6640"},
      {"tcp:localhost:1", {tcp, active, "", "localhost", 1}, "tcp:localhost:1"},
      {"ssl:[::1]:65535", {ssl, active, "", "::1", 65535}, "ssl:[::1]:65535"},
      {"ssl:[fe80::1]", {ssl, active, "", "fe80::1", 6640}, "ssl:[fe80::1]:6640"},
      {"ptcp:", {tcp, passive, "", "", 6640}, "ptcp:6640"},
      {"ptcp:0", {tcp, passive, "", "", 0}, "ptcp:0"},
      {"ptcp:6650:10.0.0.1", {tcp, passive, "", "10.0.0.1", 6650}, "ptcp:6650:10.0.0.1"},
      {"pssl:6650:[::]", {ssl, passive, "", "::", 6650}, "pssl:6650:[::]"},
      {"ptcp::127.0.0.1", {tcp, passive, "", "127.0.0.1", 6640}, "ptcp:6640:127.0.0.1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const auto remote = parse_remote(c.text);
    ASSERT_TRUE(remote);
    EXPECT_EQ(*remote, c.remote);
    EXPECT_EQ(to_string(*remote), c.canonical);
    EXPECT_EQ(*parse_remote(to_string(*remote)), c.remote);
  }
}

TEST(Remote, RefusesEverythingElse) {
  const char* const cases[] = {
      "",         "tcp",         "foo:x",       "unix:",      "punix:",   "tcp:",     "tcp::1",
      "tcp:a:",   "tcp:a:99999", "tcp:a:-1",    "tcp:a:x",    "tcp:[::1", "tcp:[]:1", "tcp:::1",
      "ptcp:abc", "ptcp:-1",     "ptcp:1:[::1", "ptcp:1:a:2", "TCP:a:1",  "db:A,B,C"};
  for (const char* text : cases) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_remote(text));
  }
  EXPECT_EQ(parse_remote("tcp:a:x").error().message, "tcp:a:x: bad port number \"x\"");
}

TEST(Remote, SplitsAListAtWhatLooksLikeARemote) {
  using List = std::vector<std::string>;
  EXPECT_EQ(split_remotes("tcp:a:1,tcp:b:2, ssl:c:3"), (List{"tcp:a:1", "tcp:b:2", "ssl:c:3"}));
  EXPECT_EQ(split_remotes("unix:/a,b,tcp:c"), (List{"unix:/a,b", "tcp:c"}));
  EXPECT_EQ(split_remotes("cid:00000000-0000-0000-0000-000000000000,tcp:a"), List{"tcp:a"});
  EXPECT_EQ(split_remotes(""), List{});
  EXPECT_EQ(split_remotes("unix:/a,"), List{"unix:/a,"});
}

}  // namespace
}  // namespace bondway::rpc
