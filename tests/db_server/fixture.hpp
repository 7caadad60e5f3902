#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "db/server/host.hpp"
#include "db/server/outbox.hpp"
#include "db/server/session.hpp"

namespace bondway::server {

inline constexpr const char* kSchema = R"({
  "name": "Zoo", "version": "1.0.0", "tables": {
    "Animal": {"isRoot": true, "indexes": [["name"]], "columns": {
      "name": {"type": "string", "mutable": false},
      "legs": {"type": "integer"},
      "weight": {"type": {"key": "real", "min": 0}},
      "tags": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
      "notes": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
      "keeper": {"type": {"key": {"type": "uuid", "refTable": "Keeper", "refType": "weak"},
                          "min": 0}}}},
    "Keeper": {"isRoot": true, "columns": {
      "name": {"type": "string"},
      "mood": {"type": "string", "ephemeral": true}}}}})";

inline db::Schema zoo_schema() { return *db::Schema::parse(nlohmann::json::parse(kSchema)); }

/// Uuids that a test can write down.
inline std::string uuid(int number) {
  return fmt::format("{:08}-0000-4000-8000-000000000000", number);
}

/// Keeps what is sent.
class Recorder final : public Outbox {
 public:
  void send(std::string_view message) override { sent.emplace_back(message); }
  bool congested() const override { return is_congested; }
  void disconnect(std::string_view why) override { disconnected = why; }

  std::vector<std::string> sent;
  bool is_congested = false;
  std::string disconnected;
};

/// A session whose messages are strings, on a host with a clock of the test's.
class Client {
 public:
  explicit Client(Host& host, db::Access access = db::Access::read_write,
                  const SessionLimits& limits = {})
      : host_(host), session_(std::make_unique<Session>(host, recorder, access, limits)) {}

  /// What the server says to a message, in order, once all is settled.
  std::vector<std::string> say(std::string_view message) {
    const auto received = session_->receive(message);
    host_.settle();
    auto sent = heard();
    if (!received) sent.emplace_back("closed");
    return sent;
  }

  /// The same for a request "1"; single quotes stand for double ones.
  std::vector<std::string> ask(std::string_view method, std::string params) {
    for (char& c : params)
      if (c == '\'') c = '"';
    return say(fmt::format(R"({{"id":1,"method":"{}","params":{}}})", method, params));
  }

  /// What has been sent since.
  std::vector<std::string> heard() { return std::exchange(recorder.sent, {}); }

  void leave() { session_.reset(); }
  Session& session() { return *session_; }

  Recorder recorder;

 private:
  Host& host_;
  std::unique_ptr<Session> session_;
};

class HostTest : public testing::Test {
 protected:
  HostTest() : database(zoo_schema()), host([this] { return now; }, [] {}) {
    host.add({&database, {}, {}});
  }

  using Said = std::vector<std::string>;
  Host::TimePoint now{};
  db::Database database;
  Host host;
};

}  // namespace bondway::server
