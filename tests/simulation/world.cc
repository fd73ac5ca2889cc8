#include "tests/simulation/world.h"

#include "common/clock.h"
#include "tests/simulation/application.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/store.h"

namespace msgproc::simulation {
namespace {

template <typename Part>
Part* Find(const std::vector<std::unique_ptr<Part>>& parts,
           const std::string& name) {
  for (const auto& part : parts) {
    if (part->name() == name) return part.get();
  }
  return nullptr;
}

}  // namespace

World::World(const Conditions& all)
    : conditions(all),
      random(all.seed),
      network(all.latency, random.Fork()),
      story(&loop),
      checker(all.clients, all.stored),
      fleet_checker(&loop, &checker, all.StoreFails(), all.Peaceful(), {}) {
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
