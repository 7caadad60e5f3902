#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "tests/bench/db/server.hpp"

namespace bondway::bench {

/// How long to measure.
struct Effort {
  std::size_t transactions;  ///< of each kind, pipelined
  std::size_t watchers;      ///< clients that monitor everything
  std::size_t writes;        ///< made while they watch
  std::size_t ports;         ///< in the big database
  std::size_t repeats;       ///< of what is short
};

/// One line of the table.
struct Line {
  std::string_view name, unit;
  bool more_is_better;
  double wanted;  ///< of the ratio to the reference, in our favour
};

/// What is measured together, on a fresh server.  Throws std::runtime_error when an answer is not
/// what it must be.
struct Workload {
  std::vector<Line> lines;
  std::vector<double> (*run)(const Programs& programs, const Effort& effort);  ///< one a line
};

std::vector<Workload> workloads();

}  // namespace bondway::bench
