#include "tests/simulation/world.h"

#include <cstddef>

#include "common/clock.h"
#include "tests/simulation/application.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/store.h"

namespace msgproc::simulation {
namespace {

// What a session may hold however little memory there is.
constexpr size_t kSessionFloor = 64 << 10;

template <typename Part>
Part* Find(const std::vector<std::unique_ptr<Part>>& parts,
           const std::string& name) {
  for (const auto& part : parts) {
    if (part->name() == name) return part.get();
  }
  return nullptr;
}

// Handlers may be at as many messages as it gives them before they pause.
Checker::Bounds BoundsOf(const Conditions& all) {
  // Of a result beside the payload's padding.
  constexpr size_t kRest = 64;
  const size_t handled = Conditions::kMaxBatches * all.MaxMessages();
  Checker::Bounds bounds;
  bounds.window = all.window;
  if (!all.large) {
    bounds.session_bytes = all.MaxResultBytes() + (handled + 1) * kRest;
    return bounds;
  }
  // As docs/operations.md says of --memory_budget: what each may have always is
  // beside it.
  bounds.server_bytes =
      kLargeBudget +
      static_cast<size_t>(all.clients) *
          (kSessionFloor + (handled + 1) * (kLargePayload + kRest));
  return bounds;
}

}  // namespace

World::World(const Conditions& all)
    : conditions(all),
      random(all.seed),
      network(all.latency, random.Fork()),
      story(&loop),
      checker(all.clients, all.stored, BoundsOf(all)),
      // Where memory is full, servers forget sessions that nobody is on.
      fleet_checker(&loop, &checker, all.StoreFails() || all.large,
                    all.Peaceful(), {.kept_rows = all.window + 16 + 1}) {
  Clock::ReplaceMonotonic(loop.clock());
  if (all.stored) store = std::make_unique<Store>(this);
}

World::~World() {
  clients.clear();
  processors.clear();
  balancers.clear();
  // Store connections that died hang there.
  loop.Clear();
  Clock::ReplaceMonotonic(nullptr);
}

Balancer* World::FindBalancer(const std::string& name) const {
  return Find(balancers, name);
}

Processor* World::FindProcessor(const std::string& name) const {
  return Find(processors, name);
}

}  // namespace msgproc::simulation
