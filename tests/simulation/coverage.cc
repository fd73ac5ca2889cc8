#include "tests/simulation/coverage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "common/transition.h"

namespace msgproc::simulation {
namespace {

using Names = std::array<absl::string_view, 3>;

// The simulation has one thread; what is linked with it may have more.
Mutex& CountsMutex() {
  static Mutex& mutex = *new Mutex();
  return mutex;
}

// Names are those of the machines' own tables, which last.
std::map<Names, uint64_t>& Counts() {
  static std::map<Names, uint64_t>& counts = *new std::map<Names, uint64_t>();
  return counts;
}

}  // namespace

void CountTransition(absl::string_view machine, absl::string_view from,
                     absl::string_view to) {
  const MutexLock lock(&CountsMutex());
  ++Counts()[{machine, from, to}];
}

const std::vector<Edge>& DrawnEdges() {
  static const std::vector<Edge>& edges = *new std::vector<Edge>{
      // client/connection_state.h
      {"client::ConnectionState", "waiting", "locating"},
      {"client::ConnectionState", "locating", "waiting"},
      {"client::ConnectionState", "waiting", "calling"},
      {"client::ConnectionState", "calling", "waiting"},
      {"client::ConnectionState", "waiting", "ended"},
      {"client::ConnectionState", "locating", "ended"},
      // client/session.h
      {"client::Session", "detached", "opening"},
      {"client::Session", "opening", "open"},
      {"client::Session", "opening", "draining"},
      {"client::Session", "open", "draining"},
      {"client::Session", "open", "half-closed"},
      {"client::Session", "draining", "half-closed"},
      {"client::Session", "opening", "detached"},
      {"client::Session", "open", "detached"},
      {"client::Session", "draining", "detached"},
      {"client::Session", "half-closed", "detached"},
      // services/processor/stream/stream_state.h
      {"processor::StreamState", "opening", "open"},
      {"processor::StreamState", "opening", "answering"},
      {"processor::StreamState", "opening", "cutting"},
      {"processor::StreamState", "open", "answering"},
      {"processor::StreamState", "open", "cutting"},
      {"processor::StreamState", "answering", "cutting"},
      {"processor::StreamState", "answering", "finished"},
      {"processor::StreamState", "cutting", "finished"},
      // services/processor/store/group_commit.h
      {"processor::GroupCommit", "absent", "waiting"},
      {"processor::GroupCommit", "waiting", "in flight"},
      {"processor::GroupCommit", "in flight", "waiting"},
      {"processor::GroupCommit", "in flight", "absent"},
      // docs/simulation.md
      {"processor::SessionTable", "absent", "attached"},
      {"processor::SessionTable", "attached", "detached"},
      {"processor::SessionTable", "detached", "attached"},
      {"processor::SessionTable", "attached", "absent"},
      {"processor::SessionTable", "detached", "absent"},
      {"balancer::ServerRegistry", "held back", "handed out"},
      {"balancer::ServerRegistry", "handed out", "held back"},
      {"balancer::FailStatic", "off", "on"},
      {"balancer::FailStatic", "on", "off"},
  };
  return edges;
}

const std::map<Edge, uint64_t>& TakenEdges() {
  static std::map<Edge, uint64_t>& taken = *new std::map<Edge, uint64_t>();
  const MutexLock lock(&CountsMutex());
  for (const auto& [names, times] : Counts()) {
    taken[{std::string(names[0]), std::string(names[1]),
           std::string(names[2])}] = times;
  }
  return taken;
}

std::vector<Edge> EdgesNotTaken() {
  std::vector<Edge> edges;
  for (const Edge& edge : DrawnEdges()) {
    if (TakenEdges().count(edge) == 0) edges.push_back(edge);
  }
  return edges;
}

std::vector<Edge> EdgesNotDrawn() {
  const std::vector<Edge>& drawn = DrawnEdges();
  std::vector<Edge> edges;
  for (const auto& [edge, times] : TakenEdges()) {
    const bool known = std::any_of(drawn.begin(), drawn.end(),
                                   [&edge = edge](const Edge& one) {
                                     return !(one < edge || edge < one);
                                   });
    if (!known) edges.push_back(edge);
  }
  return edges;
}

std::string DescribeCoverage() {
  std::map<Edge, uint64_t> table = TakenEdges();
  for (const Edge& edge : DrawnEdges()) table.emplace(edge, 0);
  const std::vector<Edge> undrawn = EdgesNotDrawn();
  std::string text;
  for (const auto& [edge, times] : table) {
    const bool drawn = std::none_of(undrawn.begin(), undrawn.end(),
                                    [&edge = edge](const Edge& one) {
                                      return !(one < edge || edge < one);
                                    });
    absl::StrAppendFormat(&text, "%-26s %-12s -> %-12s %10u%s\n", edge.machine,
                          edge.from, edge.to, times,
                          !drawn       ? "  NOT DRAWN"
                          : times == 0 ? "  NOT TAKEN"
                                       : "");
  }
  return text;
}

}  // namespace msgproc::simulation

void msgproc::OnTransition(absl::string_view machine, absl::string_view from,
                           absl::string_view to) {
  msgproc::simulation::CountTransition(machine, from, to);
}
