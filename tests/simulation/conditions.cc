#include "tests/simulation/conditions.h"

#include "absl/strings/str_cat.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {
namespace {

// Off in half of all seeds; otherwise anything from rare to often.
absl::Duration DrawRate(Random* random, absl::Duration often) {
  if (random->OneIn(2)) return absl::InfiniteDuration();
  return often * static_cast<double>(uint64_t{1} << random->Below(5));
}

void DescribeRate(const char* what, absl::Duration mean, std::string* text) {
  if (mean == absl::InfiniteDuration()) return;
  absl::StrAppend(text, ", ", what, " every ", absl::FormatDuration(mean));
}

}  // namespace

Conditions DrawConditions(uint64_t seed) {
  Random random(seed);
  Conditions drawn;
  drawn.seed = seed;
  drawn.clients = 1 + static_cast<int>(random.Below(4));
  drawn.processors = 1 + static_cast<int>(random.Below(4));
  drawn.balancers = 1 + static_cast<int>(random.Below(2));
  drawn.messages = 1 + random.Below(400);
  drawn.stored = random.OneIn(2);
  drawn.transactional = drawn.stored && random.OneIn(2);
  drawn.latency = absl::Microseconds(uint64_t{20} << random.Below(10));
  drawn.handling = absl::Microseconds(uint64_t{5} << random.Below(12));
  drawn.sending = absl::Microseconds(uint64_t{10} << random.Below(14));
  Conditions::Faults& faults = drawn.faults;
  faults.resets = DrawRate(&random, absl::Milliseconds(100));
  faults.kills = DrawRate(&random, absl::Milliseconds(500));
  faults.drains = DrawRate(&random, absl::Milliseconds(500));
  faults.freezes = DrawRate(&random, absl::Seconds(1));
  faults.partitions = DrawRate(&random, absl::Seconds(1));
  faults.balancer_kills = DrawRate(&random, absl::Seconds(1));
  faults.store_errors = DrawRate(&random, absl::Milliseconds(50));
  drawn.outboxes = random.OneIn(3);
  faults.client_crashes = DrawRate(&random, absl::Milliseconds(300));
  if (random.OneIn(4)) {
    faults.store_losses = absl::Seconds(uint64_t{2} << random.Below(4));
  }
  if (random.OneIn(4)) {
    drawn.retention = absl::Seconds(uint64_t{2} << random.Below(4));
  }
  drawn.workers = !drawn.transactional && random.OneIn(3);
  if (random.OneIn(2)) drawn.poison = uint64_t{50} << random.Below(4);
  faults.worker_deaths = DrawRate(&random, absl::Milliseconds(200));
  drawn.pauses = random.OneIn(4);
  faults.slow_readers = DrawRate(&random, absl::Milliseconds(500));
  if (faults.slow_readers != absl::InfiniteDuration()) {
    drawn.window = uint64_t{64} << random.Below(4);
    drawn.large = random.OneIn(8);
    if (random.OneIn(4)) {
      faults = {.slow_readers = faults.slow_readers};
      drawn.poison = 0;
      drawn.retention = absl::InfiniteDuration();
    }
  }
  drawn.relayed = random.OneIn(3);
  if (drawn.relayed && !drawn.OnlySlow()) {
    faults.relay_kills = DrawRate(&random, absl::Seconds(1));
  }
  drawn.statements = drawn.stored && drawn.workers && random.OneIn(2);
  if (drawn.retention != absl::InfiniteDuration()) {
    faults.clock_steps = DrawRate(&random, absl::Milliseconds(500));
  }
  return drawn;
}

bool Conditions::Peaceful() const {
  return OnlySlow() && faults.slow_readers == absl::InfiniteDuration();
}

bool Conditions::OnlySlow() const {
  for (const absl::Duration mean :
       {faults.resets, faults.kills, faults.drains, faults.freezes,
        faults.partitions, faults.balancer_kills, faults.client_crashes,
        faults.relay_kills}) {
    if (mean != absl::InfiniteDuration()) return false;
  }
  return !StoreFails();
}

bool Conditions::StoreFails() const {
  return stored && (faults.store_errors != absl::InfiniteDuration() ||
                    faults.store_losses != absl::InfiniteDuration() ||
                    retention != absl::InfiniteDuration());
}

std::string Conditions::Describe() const {
  std::string text = absl::StrCat(
      "seed ", seed, ": ", clients, " clients of ", messages, " messages, ",
      processors, " processors, ", balancers, " balancers, ",
      transactional ? "transactions"
      : stored      ? "a store"
                    : "memory",
      outboxes ? ", outboxes" : "", relayed ? ", a relay" : "",
      statements ? ", workers with statements"
      : workers  ? ", workers"
                 : "",
      large ? ", large messages" : "", ", a window of ", window, ", latency ",
      absl::FormatDuration(latency), ", handling ",
      absl::FormatDuration(handling), ", sending every ",
      absl::FormatDuration(sending), pauses ? " with pauses" : "");
  DescribeRate("resets", faults.resets, &text);
  DescribeRate("kills", faults.kills, &text);
  DescribeRate("drains", faults.drains, &text);
  DescribeRate("freezes", faults.freezes, &text);
  DescribeRate("partitions", faults.partitions, &text);
  DescribeRate("balancer kills", faults.balancer_kills, &text);
  if (stored) {
    DescribeRate("store errors", faults.store_errors, &text);
    DescribeRate("store losses", faults.store_losses, &text);
    if (retention != absl::InfiniteDuration()) {
      absl::StrAppend(&text, ", sessions kept for ",
                      absl::FormatDuration(retention));
    }
  }
  if (workers) {
    if (poison > 0) absl::StrAppend(&text, ", poison in one of ", poison);
    DescribeRate("worker deaths", faults.worker_deaths, &text);
  }
  DescribeRate("client crashes", faults.client_crashes, &text);
  DescribeRate("slow readers", faults.slow_readers, &text);
  DescribeRate("relay kills", faults.relay_kills, &text);
  DescribeRate("clock steps", faults.clock_steps, &text);
  return text;
}

}  // namespace msgproc::simulation
