#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine/database.hpp"
#include "db/rpc/json_stream.hpp"
#include "db/rpc/json_text.hpp"
#include "db/server/host.hpp"
#include "db/server/session.hpp"

/// Reads its input as what a client sends: the first octet says into what pieces it is cut.  The
/// pieces make no difference, printed JSON reads back as the same value, and a session, with every
/// method that there is, survives it.
namespace bondway::server {
namespace {

constexpr const char* kSchema = R"({
  "name": "D", "version": "1.0.0", "tables": {
    "T": {"isRoot": true, "indexes": [["name"]], "columns": {
      "name": {"type": "string"},
      "n": {"type": {"key": {"type": "integer", "maxInteger": 9}, "min": 0}},
      "m": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
      "r": {"type": {"key": {"type": "uuid", "refTable": "U"}, "min": 0, "max": "unlimited"}}}},
    "U": {"columns": {"w": {"type": {"key": {"type": "uuid", "refTable": "T", "refType": "weak"},
                                     "min": 0}}}}}})";

constexpr rpc::JsonStream::Limits kLimits{.bytes = std::size_t{1} << 16, .depth = 100};

void require(bool condition) {
  if (!condition) std::abort();
}

struct Cut {
  std::vector<std::string> messages;
  bool failed = false;
  bool operator==(const Cut&) const = default;
};

Cut cut(std::string_view octets, std::size_t piece) {
  rpc::JsonStream stream(kLimits);
  Cut result;
  while (!octets.empty() && !result.failed) {
    stream.feed(octets.substr(0, piece));
    octets.remove_prefix(std::min(piece, octets.size()));
    while (true) {
      const auto message = stream.next();
      result.failed = !message;
      if (!message || !*message) break;
      result.messages.emplace_back(**message);
    }
    require(stream.pending() <= kLimits.bytes + piece);
  }
  return result;
}

/// Counts, and now and then seems to be full.
class Sink final : public Outbox {
 public:
  void send(std::string_view message) override {
    require(rpc::parse_json(message).has_value());
    ++sent_;
  }
  bool congested() const override { return sent_ % 4 == 3; }
  void disconnect(std::string_view) override {}

 private:
  std::size_t sent_ = 0;
};

void check_text(std::string_view message) {
  const auto value = rpc::parse_json(message);
  if (!value) return;
  const std::string text = rpc::to_text(*value);
  const auto again = rpc::parse_json(text);
  require(again && rpc::to_text(*again) == text);
}

void converse(const std::vector<std::string>& messages) {
  Host::TimePoint now{};
  db::Database database(*db::Schema::parse(*rpc::parse_json(kSchema)));
  Host host([&now] { return now; }, [] {});
  host.add({&database});
  Sink own, other;
  Session watcher(host, other, db::Access::read_only);
  require(watcher.receive(R"({"id":0,"method":"monitor_cond","params":["D","m",{"T":{},"U":{}}]})")
              .has_value());
  Session session(host, own, db::Access::read_write, {.monitors = 10, .blocked = 10, .locks = 10});
  for (const std::string& message : messages) {
    if (!session.receive(message)) break;
    host.settle();
    now += std::chrono::milliseconds(1);
    if (const auto deadline = host.deadline(); deadline && *deadline <= now) host.expire();
  }
}

}  // namespace
}  // namespace bondway::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bondway::server;
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Cut whole = cut(octets, size);
  const Cut pieces = cut(octets, data[0] % 32 + std::size_t{1});
  require(whole == pieces);
  for (const std::string& message : whole.messages) check_text(message);
  converse(whole.messages);
  return 0;
}
