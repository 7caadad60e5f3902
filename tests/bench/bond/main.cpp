// What a bond costs: a pass in which nothing happened, a link that flaps, a rebalance, the choice
// for one frame, and the memory of one bond among thousands.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <memory>

#include "vswitchd/bond/bond.hpp"

namespace bondway::bond {
namespace {

std::unique_ptr<Bond> make_bond(Mode mode, std::int64_t members) {
  BondConfig config;
  config.name = "bond0";
  config.mode = mode;
  auto bond = std::make_unique<Bond>(config, MacAddress(), TimePoint{});
  for (std::int64_t i = 0; i < members; ++i) {
    bond->add_member({MemberId(i), fmt::format("e{}", i),
                      MacAddress::from_number(static_cast<std::uint64_t>(i) + 1)},
                     true);
    bond->set_may_enable(MemberId(i), true);
  }
  bond->set_lacp_status(LacpStatus::negotiated);
  (void)bond->update(TimePoint{});
  return bond;
}

void idle_pass(benchmark::State& state) {
  const auto bond = make_bond(Mode::balance_tcp, state.range(0));
  TimePoint now{};
  for (auto _ : state) benchmark::DoNotOptimize(bond->update(now += 1ms));
}
BENCHMARK(idle_pass)->RangeMultiplier(4)->Range(2, 512);

void link_flap(benchmark::State& state) {
  const auto bond = make_bond(Mode::balance_tcp, state.range(0));
  TimePoint now{};
  bool up = true;
  for (auto _ : state) {
    bond->set_carrier(MemberId(0), up = !up);
    benchmark::DoNotOptimize(bond->update(now += 1ms));
  }
}
BENCHMARK(link_flap)->RangeMultiplier(4)->Range(2, 512);

void rebalance(benchmark::State& state) {
  const auto bond = make_bond(Mode::balance_tcp, state.range(0));
  TimePoint now{};
  for (auto _ : state) {
    for (unsigned bucket = 0; bucket < kBucketCount; ++bucket) {
      bond->account(static_cast<Bucket>(bucket), 1'000'000U * (bucket % 7 + 1));
    }
    benchmark::DoNotOptimize(bond->rebalance(now += 10s));
  }
}
BENCHMARK(rebalance)->Arg(2)->Arg(8);

void choose_for_a_frame(benchmark::State& state) {
  const OutputTable table = make_bond(static_cast<Mode>(state.range(0)), 4)->output();
  Headers headers;
  headers.source = MacAddress::from_number(0x505400000001);
  headers.flow.protocol = 6;
  for (auto _ : state) {
    ++headers.flow.source_port;
    benchmark::DoNotOptimize(choose(table, headers, VlanId()));
  }
}
BENCHMARK(choose_for_a_frame)->Arg(0)->Arg(1)->Arg(2);

void memory_of_one_bond(benchmark::State& state) {
  const auto mode = static_cast<Mode>(state.range(0));
  constexpr std::size_t kBonds = 1000;
  std::vector<std::unique_ptr<Bond>> bonds;
  bonds.reserve(kBonds);
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kBonds; ++i) bonds.push_back(make_bond(mode, 2));
  const std::size_t each = (mallinfo2().uordblks - before) / kBonds;
  for (auto _ : state) benchmark::DoNotOptimize(bonds.data());
  state.counters["bytes"] = static_cast<double>(each);
  state.counters["output"] = sizeof(OutputTable);
}
BENCHMARK(memory_of_one_bond)->Arg(0)->Arg(2)->Iterations(1);

}  // namespace
}  // namespace bondway::bond

BENCHMARK_MAIN();
