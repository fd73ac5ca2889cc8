#include "services/processor/workers/worker_batches.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/check.h"
#include "services/processor/workers/message_cursor.h"
#include "services/processor/workers/work_item.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

WorkerBatch* WorkerBatches::Take(std::unique_ptr<Batch> batch) {
  MSGPROC_CHECK(batch != nullptr && batch->owner != nullptr);
  WorkerBatch* work;
  if (free_.empty()) {
    work = &all_.emplace_back();
  } else {
    work = free_.back();
    free_.pop_back();
  }
  work->item = WorkItem();
  work->item.batch = work;
  work->item.session = batch->session_number;
  work->pieces.clear();
  work->pieces.swap(batch->pieces);
  work->unanswered = MessageCursor();
  work->context.reset();
  work->given_up = false;
  work->first_batch_id = 0;
  work->last_batch_id = 0;
  work->item.messages = batch->size;
  for (const wire::Piece& piece : work->pieces) work->item.bytes += piece.size;
  work->item.message_nanoseconds =
      batch->binding->message_nanoseconds.load(std::memory_order_relaxed);
  work->item.ordered = batch->binding->traits.ordered;
  work->item.worker = batch->affinity;
  work->item.attempts = work->item.attempts_behind = batch->deaths;
  work->item.earlier_tries = std::max(0, batch->attempt - 1 - batch->deaths);
  batch->handler_time = absl::ZeroDuration();
  work->batch = std::move(batch);
  return work;
}

void WorkerBatches::Release(WorkerBatch* work) {
  MSGPROC_CHECK(work->batch == nullptr);
  work->pieces.clear();
  work->context.reset();
  free_.push_back(work);
  MSGPROC_CHECK_LE(free_.size(), all_.size());
}

}  // namespace msgproc::processor
