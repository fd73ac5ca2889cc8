#ifndef MSGPROC_TESTS_SIMULATION_COVERAGE_H_
#define MSGPROC_TESTS_SIMULATION_COVERAGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"

namespace msgproc::simulation {

// A way from one state of a machine to another.
struct Edge {
  std::string machine;
  std::string from;
  std::string to;

  bool operator<(const Edge& other) const {
    return std::tie(machine, from, to) <
           std::tie(other.machine, other.from, other.to);
  }
};

// A machine has told of it.
void CountTransition(absl::string_view machine, absl::string_view from,
                     absl::string_view to);

// Of each drawing: in the headers of the machines, or in docs/simulation.md.
const std::vector<Edge>& DrawnEdges();

// How often each edge was taken in this process, drawn or not.
const std::map<Edge, uint64_t>& TakenEdges();

// A table, for people.
std::string DescribeCoverage();

// Those that are drawn and were not taken, and those that were taken and are
// not drawn.
std::vector<Edge> EdgesNotTaken();
std::vector<Edge> EdgesNotDrawn();

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_COVERAGE_H_
