#ifndef MSGPROC_TESTS_SIMULATION_WORKERS_H_
#define MSGPROC_TESTS_SIMULATION_WORKERS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/executors/executor.h"
#include "services/processor/workers/dispatcher.h"
#include "services/processor/workers/supervisor.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

struct World;

// How payloads end over which workers die, or hang.
inline constexpr absl::string_view kKills = "kills";
inline constexpr absl::string_view kHangs = "hangs";

// Runs batches in worker processes: the product's Dispatcher and Supervisor,
// and what WorkerProcessExecutor and WorkerPool do with them. Workers die over
// messages that say so, or without a reason, and hang.
class Workers final : public processor::Executor {
 public:
  Workers(World* world, Host* host, std::string server, Random random);

  Limits LimitsFor(
      const processor::HandlerBinding& /*binding*/) const override {
    return {.max_batches = Conditions::kMaxBatches,
            .max_messages = max_messages_};
  }
  std::unique_ptr<processor::Batch> Execute(
      std::unique_ptr<processor::Batch> batch) override;

  // One of them dies, or stands still, over whatever it is at.
  void KillOne(Random* random);
  void HangOne(Random* random);
  // SIGHUP.
  void Replace();

  // The process is dead: its batches go before the sessions that have them.
  void Drop() { items_.clear(); }

 private:
  // Of each message of an item: workers that died and may have begun with it,
  // and that had.
  struct Deaths {
    int held = 0;
    int begun = 0;
  };
  struct Item : processor::WorkItem {
    std::unique_ptr<processor::Batch> out;
    std::vector<Deaths> deaths;
  };
  struct Worker {
    std::deque<processor::Assignment::Part> held;
    bool begun = false;  // With the first message that it holds.
    bool hangs = false;
    bool retiring = false;
  };
  using Finished = std::vector<std::unique_ptr<processor::Batch>>;

  static Item* ItemOf(processor::WorkItem* item) {
    return static_cast<Item*>(item);
  }
  absl::Time Now() const;
  // Whatever follows from what has happened.
  void GoOn(Finished* finished);
  void Supervise();
  void Dispatch();
  void OnReady(processor::WorkerId id);
  void CheckAttempt(const processor::Assignment::Part& part);
  void Begin(processor::WorkerId id, Worker* worker);
  void Answer(processor::WorkerId id);
  void Die(processor::WorkerId id, processor::Departure departure);
  void GiveUp(Item* item, Finished* finished);
  void Finish(Item* item, Finished* finished);
  void LeaveIfIdle(processor::WorkerId id);
  void Tick();
  Worker* AnyWorker(Random* random, processor::WorkerId* id);

  World* const world_;
  Host* const host_;
  const std::string server_;
  const uint64_t max_messages_;
  Random random_;
  processor::Dispatcher dispatcher_;
  processor::Supervisor supervisor_;
  std::set<processor::WorkerId> starting_;
  std::map<processor::WorkerId, Worker> workers_;
  std::map<processor::WorkItem*, std::unique_ptr<Item>> items_;
  uint64_t alarms_ = 0;  // The last one counts.
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_WORKERS_H_
