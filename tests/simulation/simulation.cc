#include "tests/simulation/simulation.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/simulation/application.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/nemesis.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/store.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {
namespace {

// From the end of the trouble until all must be answered: clients give up
// connections and back off for seconds, and a fleet registers anew.
constexpr absl::Duration kLiveness = absl::Seconds(120);
// A loop without end is a fault, too.
constexpr uint64_t kMostEvents = 20'000'000;

}  // namespace

Report Simulate(const Conditions& conditions) {
  World world(conditions);
  for (int i = 0; i < conditions.balancers; ++i) {
    world.balancers.push_back(
        std::make_unique<Balancer>(&world, absl::StrCat("balancer", i)));
  }
  for (int i = 0; i < conditions.processors; ++i) {
    world.processors.push_back(std::make_unique<Processor>(
        &world, absl::StrCat("processor", i, ":1")));
  }
  for (int i = 0; i < conditions.clients; ++i) {
    world.clients.push_back(std::make_unique<Application>(&world, i));
  }
  const Nemesis nemesis(&world);
  const absl::Time deadline = world.loop.now() + conditions.trouble + kLiveness;
  while (world.checker.ok() && !world.checker.AllClosed() &&
         world.loop.events() < kMostEvents && world.loop.RunOne(deadline)) {
  }
  if (world.loop.events() >= kMostEvents) {
    world.checker.Fail("liveness", "events follow each other without end");
  }
  world.checker.OnEnd(world.checker.AllClosed());
  if ((conditions.transactional || conditions.statements) &&
      world.checker.ok()) {
    world.checker.OnEffects(world.store->Effects());
  }
  Report report;
  report.violation = world.checker.violation();
  report.story = world.story.text();
  report.fingerprint = world.story.fingerprint();
  report.messages = world.checker.results();
  report.handled = world.checker.handled();
  report.events = world.loop.events();
  report.passed = world.loop.passed();
  return report;
}

Conditions Shrink(Conditions conditions) {
  using Change = std::function<void(Conditions*)>;
  static constexpr absl::Duration kNever = absl::InfiniteDuration();
  const std::vector<Change> changes = {
      [](Conditions* c) { c->faults.resets = kNever; },
      [](Conditions* c) { c->faults.kills = kNever; },
      [](Conditions* c) { c->faults.drains = kNever; },
      [](Conditions* c) { c->faults.freezes = kNever; },
      [](Conditions* c) { c->faults.partitions = kNever; },
      [](Conditions* c) { c->faults.balancer_kills = kNever; },
      [](Conditions* c) { c->faults.store_errors = kNever; },
      [](Conditions* c) { c->faults.worker_deaths = kNever; },
      [](Conditions* c) { c->poison = 0; },
      [](Conditions* c) { c->workers = false; },
      [](Conditions* c) { c->faults.store_losses = kNever; },
      [](Conditions* c) { c->retention = kNever; },
      [](Conditions* c) { c->faults.client_crashes = kNever; },
      [](Conditions* c) { c->outboxes = false; },
      [](Conditions* c) { c->faults.slow_readers = kNever; },
      [](Conditions* c) { c->large = false; },
      [](Conditions* c) { c->faults.relay_kills = kNever; },
      [](Conditions* c) { c->relayed = false; },
      [](Conditions* c) { c->statements = false; },
      [](Conditions* c) { c->faults.clock_steps = kNever; },
      [](Conditions* c) { c->window = 64; },
      [](Conditions* c) { c->balancers = 1; },
      [](Conditions* c) { c->processors = std::max(1, c->processors - 1); },
      [](Conditions* c) { c->clients = std::max(1, c->clients - 1); },
      [](Conditions* c) { c->messages = (c->messages + 1) / 2; },
      [](Conditions* c) { c->trouble = c->trouble / 2; },
  };
  bool smaller = true;
  while (smaller) {
    smaller = false;
    for (const Change& change : changes) {
      Conditions less = conditions;
      change(&less);
      if (less.Describe() == conditions.Describe() &&
          less.trouble == conditions.trouble) {
        continue;
      }
      if (less.trouble < absl::Milliseconds(1)) continue;
      if (Simulate(less).ok()) continue;
      conditions = less;
      smaller = true;
    }
  }
  return conditions;
}

}  // namespace msgproc::simulation
