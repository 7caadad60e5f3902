#include "tests/bench/db/workloads.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/db/client.hpp"

namespace bondway::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// Requests under way at once on one socket.
constexpr std::size_t kPipeline = 32;
constexpr std::size_t kSmallPorts = 16;
constexpr std::size_t kWatchedPorts = 100;

void expect(std::string_view answer, std::string_view part) {
  if (answer.find(part) == std::string_view::npos || answer.find("\"error\":\"") != answer.npos)
    throw std::runtime_error(fmt::format("expected {} in {}", part, answer.substr(0, 2000)));
}

std::string transact(std::string_view operations, std::size_t id = 0) {
  return fmt::format(R"({{"method":"transact","params":["Open_vSwitch",{}],"id":{}}})", operations,
                     id);
}

/// Some ports of one bridge, each with an interface.
std::string insert_ports(std::size_t first, std::size_t count) {
  std::string inserts, names;
  for (std::size_t i = first; i < first + count; ++i) {
    inserts += fmt::format(
        R"({{"op":"insert","table":"Interface","uuid-name":"i{0}","row":{{"name":"p{0}",)"
        R"("type":"internal","external_ids":["map",[["iface-id","vm-{0}"],["attached-mac","52:54:00:00:00:01"]]]}}}},)"
        R"({{"op":"insert","table":"Port","uuid-name":"p{0}","row":{{"name":"p{0}",)"
        R"("interfaces":["named-uuid","i{0}"],"tag":{1}}}}},)",
        i, i % 4096);
    names += fmt::format(R"({}["named-uuid","p{}"])", names.empty() ? "" : ",", i);
  }
  return fmt::format(R"({}{{"op":"mutate","table":"Bridge","where":[["name","==","br0"]],)"
                     R"("mutations":[["ports","insert",["set",[{}]]]]}})",
                     inserts, names);
}

void fill(Client& client, std::size_t ports) {
  constexpr std::size_t kAtOnce = 250;
  expect(client.call(transact(
             R"({"op":"insert","table":"Bridge","uuid-name":"b","row":{"name":"br0"}},)"
             R"({"op":"insert","table":"Open_vSwitch","row":{"bridges":["named-uuid","b"]}})")),
         "\"uuid\"");
  for (std::size_t done = 0; done < ports; done += kAtOnce)
    expect(client.call(transact(insert_ports(done, std::min(kAtOnce, ports - done)))),
           "{\"count\":1}");
}

/// Requests per second, and microseconds of the server's time for each, which other work on the
/// machine hardly changes.
std::vector<double> pipelined(const Server& server, Client& client, std::size_t count,
                              std::string_view expected,
                              const std::function<std::string(std::size_t)>& request) {
  const Seconds used = server.cpu_time();
  const auto begin = Clock::now();
  std::size_t sent = 0;
  for (std::size_t received = 0; received < count; ++received) {
    if (sent - received <=
        kPipeline / 2) {  // in halves, so that the socket is not what is measured
      std::string batch;
      for (; sent < count && sent - received < kPipeline; ++sent) batch += request(sent);
      client.send(batch);
    }
    expect(client.receive(), expected);
  }
  const auto requests = static_cast<double>(count);
  return {requests / Seconds(Clock::now() - begin).count(),
          (server.cpu_time() - used).count() * 1e6 / requests};
}

std::string mutate(std::size_t i, std::string_view more = "") {
  return transact(fmt::format(R"({{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[)"
                              R"(["external_ids","delete",["set",["key"]]],)"
                              R"(["external_ids","insert",["map",[["key","{}"]]]]]}}{})",
                              i, more),
                  i);
}

std::vector<double> mutations(const Programs& programs, const Effort& effort) {
  const Server server(programs);
  Client client(server.socket_path());
  fill(client, kSmallPorts);
  return pipelined(server, client, effort.transactions, "{\"count\":1}",
                   [](auto i) { return mutate(i); });
}

std::vector<double> durable_mutations(const Programs& programs, const Effort& effort) {
  const Server server(programs);
  Client client(server.socket_path());
  fill(client, kSmallPorts);
  return pipelined(server, client, effort.transactions / 4, "{\"count\":1},{}",
                   [](auto i) { return mutate(i, R"(,{"op":"commit","durable":true})"); });
}

std::vector<double> selects(const Programs& programs, std::size_t ports, std::size_t count) {
  const Server server(programs);
  Client client(server.socket_path());
  fill(client, ports);
  return pipelined(server, client, count, "\"tag\":7", [](auto i) {
    return transact(R"({"op":"select","table":"Port","where":[["name","==","p7"]]})", i);
  });
}

std::vector<double> selects_of_few(const Programs& programs, const Effort& effort) {
  return selects(programs, kSmallPorts, effort.transactions);
}

std::vector<double> selects_of_many(const Programs& programs, const Effort& effort) {
  return selects(programs, effort.ports, effort.transactions / 40);
}

constexpr std::string_view kMonitorAll =
    R"({"method":"monitor_cond_since","id":1,"params":["Open_vSwitch","m",)"
    R"({"Open_vSwitch":{},"Bridge":{},"Port":{},"Interface":{},"Controller":{},"Manager":{},)"
    R"("Mirror":{},"QoS":{},"Queue":{},"SSL":{}},"00000000-0000-0000-0000-000000000000"]})";

/// Waits until every client has had one more message.
void await_all(const std::vector<std::unique_ptr<Client>>& clients) {
  std::vector<pollfd> waiting;
  for (const auto& client : clients) waiting.push_back({client->descriptor(), POLLIN, 0});
  std::vector<Client*> owners;
  for (const auto& client : clients) owners.push_back(client.get());
  while (!waiting.empty()) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = waiting.size(); i-- > 0;) {
      if ((waiting[i].revents & (POLLIN | POLLHUP)) == 0 || owners[i]->drain() == 0) continue;
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
      owners.erase(owners.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

/// What a crowd that monitors everything costs: the time until all have the contents; from a write
/// until the last has heard of it, on average; the server's time for it; the memory they took.
std::vector<double> watch(const Programs& programs, const Effort& effort) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  const Server server(programs);
  Client writer(server.socket_path());
  fill(writer, kWatchedPorts);
  const auto resident = static_cast<double>(server.resident_kib());
  const auto begin = Clock::now();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < effort.watchers; ++i) {
    clients.push_back(std::make_unique<Client>(server.socket_path()));
    clients.back()->send(kMonitorAll);
  }
  await_all(clients);
  const Seconds joining = Clock::now() - begin;
  const Seconds used = server.cpu_time();
  Seconds hearing{0};
  auto next = Clock::now();
  for (std::size_t i = 0; i < effort.writes; ++i) {
    std::this_thread::sleep_until(next += kInterval);
    const auto written = Clock::now();
    writer.send(mutate(i));
    await_all(clients);
    hearing += Clock::now() - written;
    expect(writer.receive(), "{\"count\":1}");
  }
  const auto writes = static_cast<double>(effort.writes);
  return {joining.count(), hearing.count() * 1e3 / writes,
          (server.cpu_time() - used).count() * 1e3 / writes,
          (static_cast<double>(server.resident_kib()) - resident) / 1024};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<double> initial_monitor(const Programs& programs, const Effort& effort) {
  const Server server(programs);
  {
    Client client(server.socket_path());
    fill(client, effort.ports);
  }
  std::vector<double> millis;
  for (std::size_t i = 0; i < effort.repeats; ++i) {
    Client client(server.socket_path());
    const auto begin = Clock::now();
    client.send(
        R"({"method":"monitor_cond","id":1,"params":["Open_vSwitch","m",{"Port":{},"Interface":{}}]})");
    expect(client.receive(), fmt::format("\"vm-{}\"", effort.ports - 1));
    millis.push_back(Seconds(Clock::now() - begin).count() * 1e3);
  }
  return {median(std::move(millis))};
}

std::vector<double> open_time(const Programs& programs, const Effort& effort) {
  Server server(programs);
  {
    Client client(server.socket_path());
    fill(client, effort.ports);
  }
  std::vector<double> millis;
  for (std::size_t i = 0; i < effort.repeats; ++i) millis.push_back(server.restart().count() * 1e3);
  return {median(std::move(millis))};
}

}  // namespace

std::vector<Workload> workloads() {
  const Line processor{"  the server's processor time of one", "us", false, 1.0};
  return {
      {{{"mutate one key, pipelined by 32", "/s", true, 1.0}, processor}, mutations},
      {{{"the same with commit durable", "/s", true, 1.5}, processor}, durable_mutations},
      {{{"select by name, one of 16 ports", "/s", true, 1.0}, processor}, selects_of_few},
      {{{"select by name, one of all ports", "/s", true, 1.0}, processor}, selects_of_many},
      {{{"watchers: all have joined after", "s", false, 1.0},
        {"  all have heard of a write after", "ms", false, 1.0},
        {"  the server's processor time of a write", "ms", false, 1.0},
        {"  memory of the server", "MiB", false, 1.0}},
       watch},
      {{{"initial monitor of all ports", "ms", false, 1.0}}, initial_monitor},
      {{{"opening the database of all ports", "ms", false, 1.0}}, open_time},
  };
}

}  // namespace bondway::bench
