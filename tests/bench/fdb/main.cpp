// What the MAC table costs per frame: a known station, its look-up, and a flood of addresses never
// seen before, with a table of the default and of the largest size.

#include <benchmark/benchmark.h>

#include <random>

#include "vswitchd/fdb/table.hpp"

namespace bondway::fdb {
namespace {

MacAddress station(std::uint64_t number) {
  return MacAddress::from_number(number * 2654435761U % (1ULL << 40));
}

Table full_table(std::size_t size) {
  Table table({.max_entries = size}, 42);
  for (std::size_t i = 0; i < size; ++i) {
    table.learn(station(i), {}, PortId(i % 48), TimePoint{});
  }
  return table;
}

void refresh(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  Table table = full_table(size);
  std::mt19937_64 random(1);
  TimePoint now{};
  for (auto _ : state) {
    const std::uint64_t i = random() % size;
    benchmark::DoNotOptimize(table.learn(station(i), {}, PortId(i % 48), now += 1us));
  }
}
BENCHMARK(refresh)->Arg(8192)->Arg(1'000'000);

void lookup(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Table table = full_table(size);
  std::mt19937_64 random(1);
  for (auto _ : state) benchmark::DoNotOptimize(table.lookup(station(random() % size), {}, {}));
}
BENCHMARK(lookup)->Arg(8192)->Arg(1'000'000);

void flood(benchmark::State& state) {
  Table table = full_table(static_cast<std::size_t>(state.range(0)));
  std::uint64_t i = 2'000'000;
  TimePoint now{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.learn(station(++i), {}, PortId(7), now += 1us));
  }
}
BENCHMARK(flood)->Arg(8192)->Arg(1'000'000);

}  // namespace
}  // namespace bondway::fdb

BENCHMARK_MAIN();
