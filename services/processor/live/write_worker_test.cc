#include "services/processor/live/write_worker.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/base/live/json_writer.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {
namespace {

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

TEST(WriteWorkerTest, SaysWhatIsKnownOfOne) {
  WorkerFacts facts;
  facts.id = 3;
  facts.slot = 1;
  facts.pid = 4711;
  facts.phase = WorkerPhase::kServing;
  facts.started = kNow - absl::Seconds(90);
  facts.restarts = 2;
  facts.last_exit = "exit code 7";
  facts.exited = kNow - absl::Seconds(91);
  facts.load = {.held_messages = 4,
                .sessions = 3,
                .oldest = kNow - absl::Milliseconds(500)};
  facts.messages = 8;
  facts.memory = 4096;
  base::JsonWriter json;
  json.BeginArray();
  WriteWorker(facts, kNow, &json);
  EXPECT_EQ(json.End().Take(),
            R"([{"slot":1,"state":"serving","restarts":2,"in_flight":4,)"
            R"("sessions":3,"messages":8,"pid":4711,"age_seconds":90,)"
            R"("memory":4096,"oldest_seconds":0.5,)"
            R"("last_exit":"exit code 7","last_exit_seconds":91}])");
}

TEST(WriteWorkerTest, ASlotWithoutAProcessIsAbsent) {
  base::JsonWriter json;
  json.BeginArray();
  WriteWorker(WorkerFacts(), kNow, &json);
  EXPECT_EQ(json.End().Take(),
            R"([{"slot":0,"state":"absent","restarts":0,"in_flight":0,)"
            R"("sessions":0,"messages":0}])");
}

}  // namespace
}  // namespace msgproc::processor
