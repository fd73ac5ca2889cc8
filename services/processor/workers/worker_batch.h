#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCH_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/processor/executors/batch.h"
#include "services/processor/workers/message_cursor.h"
#include "services/processor/workers/work_item.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// A batch with what the master needs to send it, again if it must, and to check
// its results. In one thread's hands at a time.
struct WorkerBatch {
  WorkerBatch() = default;
  WorkerBatch(const WorkerBatch&) = delete;
  WorkerBatch& operator=(const WorkerBatch&) = delete;

  WorkItem item;
  std::unique_ptr<Batch> batch;
  // The messages; they outlive the batch's own, as a write may.
  std::vector<wire::Piece> pieces;
  // The first message without a result in batch->results.
  MessageCursor unanswered;
  // What workers are told of who sent the messages: fields of the protocol's
  // Context, encoded. Null: nothing.
  std::shared_ptr<const std::string> context;
  // The last message that has a result killed its workers, and none has
  // committed that.
  bool given_up = false;
  // The names under which it was written to the last worker that got it; 0:
  // none.
  uint64_t first_batch_id = 0;
  uint64_t last_batch_id = 0;
  // Messages that were answered before they were sent, by their place in the
  // batch; `pieces` lacks them.
  struct Refusal {
    uint64_t index = 0;
    uint64_t sequence = 0;
  };
  std::vector<Refusal> refused;
};

// Appends an Error as the next result of the batch. Long texts are cut.
void AppendError(Batch* batch, uint64_t sequence, const absl::Status& error,
                 bool retryable);

// Appends the Error of the next message, over which its workers have died;
// moves behind it. `how`: the last one, for people.
void AppendGivenUp(WorkerBatch* work, absl::string_view how);

// What a session is to know, since workers have died over its batch: of the
// next message, which is not given up yet.
struct WorkerDeath {
  std::shared_ptr<BatchOwner> owner;
  uint64_t position = 0;
  int attempt = 0;
  int deaths = 0;

  void Tell() const { owner->OnWorkerDied(position, attempt, deaths); }
};
std::vector<WorkerDeath> DeathsOver(const std::vector<WorkItem*>& items);

// The sequence of an encoded message.
uint64_t SequenceOf(absl::string_view message);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCH_H_
