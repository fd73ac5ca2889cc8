// What one pick costs.
//   Pick/<policy>/<servers>       the policy alone, from an immutable roster
//   FleetPick/<policy>/<servers>  as GetServer does it, per thread of 1 and 4
//   Rebuild/<policy>/<servers>    a new policy after servers came or went
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "common/clock.h"
#include "services/balancer/fleet.h"
#include "services/balancer/policy_kind.h"

namespace msgproc::balancer {
namespace {

constexpr PolicyKind kPolicies[] = {
    PolicyKind::kLeastSessions, PolicyKind::kRoundRobin, PolicyKind::kRandom,
    PolicyKind::kConsistentHash};

std::shared_ptr<const Roster> MakeRoster(int64_t size) {
  std::vector<std::shared_ptr<Member>> members;
  for (int64_t i = 0; i < size; ++i) {
    members.push_back(std::make_shared<Member>(
        absl::StrCat("server-", i), absl::StrCat("server-", i, ":50051"), 1));
  }
  return std::make_shared<const Roster>(std::move(members));
}

std::vector<std::string> Keys() {
  std::vector<std::string> keys;
  for (int i = 0; i < 4096; ++i) keys.push_back(absl::StrCat("user-", i));
  return keys;
}

void BM_Pick(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto policy = NewPickPolicy(kPolicies[state.range(0)],
                                    MakeRoster(state.range(1)), random);
  const std::vector<std::string> keys = Keys();
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        policy->Pick({keys[++i % keys.size()], {}}, random));
  }
  state.SetLabel(std::string(PolicyName(kPolicies[state.range(0)])));
}

void BM_FleetPick(benchmark::State& state) {
  static std::unique_ptr<Fleet> fleet;
  if (state.thread_index() == 0) {
    Fleet::Options options;
    options.policy = kPolicies[state.range(0)];
    fleet = std::make_unique<Fleet>(options, Clock::Monotonic(), 1);
    for (int64_t i = 0; i < state.range(1); ++i) {
      ServerReport report;
      report.server_id = absl::StrCat("server-", i);
      report.address = absl::StrCat("server-", i, ":50051");
      fleet->Register(report, nullptr).IgnoreError();
      fleet->SetHealth(report.address, Health::kServing);
    }
  }
  std::mt19937_64 random(state.thread_index());
  const std::vector<std::string> keys = Keys();
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        fleet->Pick({keys[++i % keys.size()], {}}, random));
  }
  state.SetLabel(std::string(PolicyName(kPolicies[state.range(0)])));
}

void BM_Rebuild(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto roster = MakeRoster(state.range(1));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        NewPickPolicy(kPolicies[state.range(0)], roster, random));
  }
  state.SetLabel(std::string(PolicyName(kPolicies[state.range(0)])));
}

void PoliciesAndSizes(benchmark::internal::Benchmark* benchmark) {
  for (int policy = 0; policy < 4; ++policy) {
    for (const int64_t servers : {3, 1000}) {
      benchmark->Args({policy, servers});
    }
  }
}

BENCHMARK(BM_Pick)->Name("Pick")->Apply(PoliciesAndSizes);
BENCHMARK(BM_FleetPick)
    ->Name("FleetPick")
    ->Apply(PoliciesAndSizes)
    ->Threads(1)
    ->Threads(4);
BENCHMARK(BM_Rebuild)->Name("Rebuild")->Apply(PoliciesAndSizes);

}  // namespace
}  // namespace msgproc::balancer

BENCHMARK_MAIN();
