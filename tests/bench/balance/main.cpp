// How evenly a bond spreads traffic: 10,000 flows whose rates follow Zipf's law, over 2, 4 and 8
// members, before and after each of three rebalances.  Prints the most loaded member's share of all
// octets, as the mean and the worst of many random sets of flows, beside the best share that is
// possible without splitting a bucket.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "vswitchd/bond/bond.hpp"

namespace bondway::bond {
namespace {

constexpr std::size_t kFlows = 10'000, kRebalances = 3, kRuns = 100;
constexpr double kBytesPerInterval = 12.5e9;  // 10 Gbit/s for ten seconds

using Loads = std::vector<double>;  ///< octets in one interval, by bucket

Bucket random_bucket(Mode mode, std::mt19937_64& random) {
  if (mode == Mode::balance_slb) {
    return slb_bucket(MacAddress::from_number(random() & 0xfeff'ffff'ffff), 0, 0);
  }
  FlowFields flow;
  for (std::size_t i = 0; i < 4; ++i) {
    flow.source[i] = static_cast<std::uint8_t>(random());
    flow.destination[i] = static_cast<std::uint8_t>(random());
  }
  flow.protocol = 6;
  flow.source_port = static_cast<std::uint16_t>(random());
  flow.destination_port = 443;
  return tcp_bucket(flow, 0);
}

/// The flow of rank r has a rate in proportion to 1/r.
Loads random_loads(Mode mode, std::mt19937_64& random) {
  double sum = 0;
  for (std::size_t rank = 1; rank <= kFlows; ++rank) sum += 1.0 / static_cast<double>(rank);
  Loads loads(kBucketCount);
  for (std::size_t rank = 1; rank <= kFlows; ++rank) {
    loads[random_bucket(mode, random)] += kBytesPerInterval / sum / static_cast<double>(rank);
  }
  return loads;
}

double largest_share(const Bond& bond, const Loads& loads) {
  const OutputTable table = bond.output();
  std::vector<double> by_member(table.members.size());
  for (std::size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    by_member[static_cast<std::size_t>(table.buckets[bucket])] += loads[bucket];
  }
  return *std::max_element(by_member.begin(), by_member.end()) / kBytesPerInterval;
}

Bond make_bond(Mode mode, std::size_t members, TimePoint now) {
  BondConfig config;
  config.name = "bond0";
  config.mode = mode;
  Bond bond(config, {}, now);
  for (std::size_t i = 0; i < members; ++i) {
    bond.add_member({MemberId(i), fmt::format("e{}", i), MacAddress::from_number(i + 1)}, true);
  }
  (void)bond.update(now);
  return bond;
}

/// The largest share at first and after each rebalance, and the bound below which it cannot go.
std::vector<double> simulate(Mode mode, std::size_t members, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Loads loads = random_loads(mode, random);
  TimePoint now{1000s};
  Bond bond = make_bond(mode, members, now);
  std::vector<double> shares = {largest_share(bond, loads)};
  for (std::size_t i = 0; i < kRebalances; ++i) {
    for (std::size_t bucket = 0; bucket < kBucketCount; ++bucket) {
      bond.account(static_cast<Bucket>(bucket), static_cast<std::uint64_t>(loads[bucket]));
    }
    (void)bond.rebalance(now += 10s);
    shares.push_back(largest_share(bond, loads));
  }
  const double heaviest = *std::max_element(loads.begin(), loads.end()) / kBytesPerInterval;
  shares.push_back(std::max(heaviest, 1.0 / static_cast<double>(members)));
  return shares;
}

void report(Mode mode, std::size_t members) {
  constexpr std::size_t kColumns = kRebalances + 2;
  std::vector<double> mean(kColumns), worst(kColumns);
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const std::vector<double> shares = simulate(mode, members, seed);
    for (std::size_t i = 0; i < kColumns; ++i) {
      mean[i] += shares[i] / kRuns;
      worst[i] = std::max(worst[i], shares[i]);
    }
  }
  fmt::print("| {:11} | {:7} |", to_string(mode), members);
  for (std::size_t i = 0; i < kColumns; ++i) {
    fmt::print(" {:5.1f} % ({:5.1f} %) |", 100 * mean[i], 100 * worst[i]);
  }
  fmt::print("\n");
}

}  // namespace
}  // namespace bondway::bond

int main() {
  using bondway::bond::Mode;
  fmt::print(
      "Share of the most loaded member, mean (worst) of {} sets of {} flows\n\n"
      "| mode        | members | at first          | after 1           | after 2           |"
      " after 3           | best possible     |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n",
      bondway::bond::kRuns, bondway::bond::kFlows);
  for (const Mode mode : {Mode::balance_slb, Mode::balance_tcp}) {
    for (const std::size_t members : {2U, 4U, 8U}) bondway::bond::report(mode, members);
  }
}
