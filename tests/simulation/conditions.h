#ifndef MSGPROC_TESTS_SIMULATION_CONDITIONS_H_
#define MSGPROC_TESTS_SIMULATION_CONDITIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace msgproc::simulation {

// Of a payload, and what a server may hold of all, where they are large.
inline constexpr size_t kLargePayload = 4 << 10;
inline constexpr size_t kLargeBudget = 128 << 10;

// What a fleet is like, and what it meets with: drawn from a seed, so that each
// one tries another mixture (swarm testing: Groce et al. 2012). A plain value.
struct Conditions {
  uint64_t seed = 1;
  int clients = 3;
  int processors = 3;
  int balancers = 2;
  // Of each client.
  uint64_t messages = 200;
  // How many of a session may be without a result.
  uint64_t window = 64;
  // Payloads are large, and servers have little memory for them.
  bool large = false;
  // Whether sessions are kept in a store that all processors share.
  bool stored = false;
  // Whether a store's handlers keep their effects in it.
  bool transactional = false;
  // How long the store keeps a session that nobody uses.
  absl::Duration retention = absl::InfiniteDuration();
  // Whether handlers run in worker processes; and how many messages there are
  // to one over which they die or hang, 0: there is none.
  bool workers = false;
  uint64_t poison = 0;
  // Whether workers say what is to be done in the store with a result.
  bool statements = false;
  // Whether there is a relay between clients and processors, as NGINX is one.
  bool relayed = false;
  // Whether clients keep their messages in outboxes.
  bool outboxes = false;

  absl::Duration latency = absl::Microseconds(200);
  // What a handler takes for a batch, on average.
  absl::Duration handling = absl::Microseconds(300);
  // Between the messages that a client sends, on average.
  absl::Duration sending = absl::Milliseconds(1);
  // Whether a client is silent for seconds now and then: heartbeats.
  bool pauses = false;

  // How long there is trouble. After that everything must come to an end.
  absl::Duration trouble = absl::Seconds(20);

  // Mean times between faults of each kind; infinite: there are none.
  struct Faults {
    absl::Duration resets = absl::InfiniteDuration();
    // A processor is killed, or its machine vanishes.
    absl::Duration kills = absl::InfiniteDuration();
    // A processor is stopped in order, and started again.
    absl::Duration drains = absl::InfiniteDuration();
    // A processor stands still for a while and does not know of it.
    absl::Duration freezes = absl::InfiniteDuration();
    // One way or both, of a client, a processor or a balancer.
    absl::Duration partitions = absl::InfiniteDuration();
    absl::Duration balancer_kills = absl::InfiniteDuration();
    // Of the store: an error, a conflict, a lost answer to a commit.
    absl::Duration store_errors = absl::InfiniteDuration();
    // A worker dies, hangs, or is replaced.
    absl::Duration worker_deaths = absl::InfiniteDuration();
    // The store is emptied, or set back to a backup; it is made anew then, or
    // nobody is told.
    absl::Duration store_losses = absl::InfiniteDuration();
    // A client's program crashes, its machine vanishes, or its disk is full.
    absl::Duration client_crashes = absl::InfiniteDuration();
    // A client's callback does not return for a while, or each takes its time:
    // meanwhile nothing is read.
    absl::Duration slow_readers = absl::InfiniteDuration();
    // The relay is stopped, and all calls over it end.
    absl::Duration relay_kills = absl::InfiniteDuration();
    // The clock of the store's machine is set.
    absl::Duration clock_steps = absl::InfiniteDuration();
  };
  Faults faults;

  // Batches of a session that are with handlers at the same time, and messages
  // of each.
  static constexpr uint64_t kMaxBatches = 4;
  uint64_t MaxMessages() const { return large ? 4 : 16; }
  // What a server keeps of a session's results before its handlers pause, where
  // it does not look at what it keeps of all.
  size_t MaxResultBytes() const { return 8 * window; }

  // Whether nothing goes wrong.
  bool Peaceful() const;
  // Whether nothing does but that clients read slowly.
  bool OnlySlow() const;
  // Whether a store may refuse a commit, or forget one.
  bool StoreFails() const;
  // In one line, for people.
  std::string Describe() const;
};

// Of this seed.
Conditions DrawConditions(uint64_t seed);

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_CONDITIONS_H_
