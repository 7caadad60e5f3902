// The reference ovsdb-server and ours, in turn in one run on the same client code: a table of what
// each achieves and of the ratios, above 1 in our favour.
//
//   db_bench --bin build/release/bin --schema schemas/vswitch.ovsschema [--rounds N] [--only WORD]
//            [--ours-only]
//
// Without a reference on this machine only ours is measured.  --brief is for correctness only.

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/db/workloads.hpp"

namespace bondway::bench {
namespace {

constexpr Effort kFull{
    .transactions = 40'000, .watchers = 500, .writes = 40, .ports = 10'000, .repeats = 5};
constexpr Effort kBrief{
    .transactions = 400, .watchers = 20, .writes = 3, .ports = 300, .repeats = 1};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What was measured of one line, by program.
using Figures = std::map<std::string, std::vector<double>>;

void print_heading(const std::vector<Programs>& programs) {
  fmt::print("{:<44}", "");
  for (const Programs& some : programs) fmt::print("{:>12}", some.name);
  fmt::print("{:>9}{:>9}\n", "ratio", "wanted");
}

void print_line(const Line& line, const std::vector<Programs>& programs, const Figures& figures) {
  fmt::print("{:<44}", fmt::format("{} ({})", line.name, line.unit));
  std::vector<double> values;
  for (const Programs& some : programs) {
    values.push_back(median(figures.at(some.name)));
    fmt::print("{:>12.{}f}", values.back(), values.back() < 100 ? 2 : 0);
  }
  if (values.size() == 2)
    fmt::print("{:>9.2f}{:>9.1f}",
               line.more_is_better ? values[1] / values[0] : values[0] / values[1], line.wanted);
  fmt::print("\n");
  std::fflush(stdout);
}

struct Choice {
  std::vector<Programs> programs;
  Effort effort;
  std::size_t rounds = 1;
  std::string only;
};

bool is_chosen(const Workload& workload, const std::string& only) {
  return std::any_of(workload.lines.begin(), workload.lines.end(), [&](const Line& line) {
    return line.name.find(only) != std::string_view::npos;
  });
}

void run(const Choice& choice) {
  print_heading(choice.programs);
  for (const Workload& workload : workloads()) {
    if (!is_chosen(workload, choice.only)) continue;
    std::vector<Figures> figures(workload.lines.size());
    for (std::size_t round = 0; round < choice.rounds; ++round) {
      for (const Programs& programs : choice.programs) {
        const auto values = workload.run(programs, choice.effort);
        for (std::size_t i = 0; i < values.size(); ++i)
          figures[i][programs.name].push_back(values[i]);
      }
    }
    for (std::size_t i = 0; i < workload.lines.size(); ++i)
      print_line(workload.lines[i], choice.programs, figures[i]);
  }
}

Choice parse(int argc, char** argv) {
  namespace po = boost::program_options;
  Choice choice;
  std::string bin, schema;
  Programs reference{"reference", "/usr/sbin/ovsdb-server", "/usr/bin/ovsdb-tool", {}};
  po::options_description options;
  options.add_options()("brief", "")("ours-only", "")("bin", po::value(&bin)->required())(
      "schema", po::value(&schema)->required())("rounds", po::value(&choice.rounds))(
      "only", po::value(&choice.only));
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  po::notify(given);
  reference.schema = schema;
  if (given.count("ours-only") == 0 && std::filesystem::exists(reference.server))
    choice.programs.push_back(reference);
  choice.programs.push_back({"ours", bin + "/ovsdb-server", bin + "/ovsdb-tool", schema});
  choice.effort = given.count("brief") > 0 ? kBrief : kFull;
  return choice;
}

}  // namespace
}  // namespace bondway::bench

int main(int argc, char** argv) {
  try {
    bondway::bench::run(bondway::bench::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "db_bench: " << error.what() << "\n";
    return 1;
  }
}
