#include "services/processor/workers/worker_estate.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/processor/workers/message_cursor.h"
#include "wire/entry.h"
#include "wire/frame.h"

namespace msgproc::processor {

WorkerEstate::WorkerEstate(DeadWorker worker,
                           const std::vector<WorkItem*>& held)
    : worker_(std::move(worker)) {
  MSGPROC_CHECK(!held.empty());
  for (WorkItem* item : held) held_.push_back(item->batch);
}

void WorkerEstate::Reclaim(std::function<void()> settled) {
  const auto shared =
      std::make_shared<const std::function<void()>>(std::move(settled));
  for (WorkerBatch* work : held_) {
    // The batch may be anybody's by the time that the last one has answered.
    const std::shared_ptr<BatchOwner> owner = work->batch->owner;
    owner->Reclaim(
        [self = shared_from_this(), work, shared](Reclaimed reclaimed) {
          self->OnReclaimed(work, std::move(reclaimed), *shared);
        });
  }
}

void WorkerEstate::OnReclaimed(WorkerBatch* work, Reclaimed reclaimed,
                               const std::function<void()>& settled) {
  {
    MutexLock lock(&mutex_);
    const bool once = claims_.emplace(work, std::move(reclaimed)).second;
    MSGPROC_CHECK(once);
    if (claims_.size() < held_.size()) return;
  }
  settled();
}

uint64_t WorkerEstate::TakeCommitted(WorkerBatch* work) {
  MutexLock lock(&mutex_);
  const Reclaimed& reclaimed = claims_.at(work);
  if (!reclaimed.ours) return 0;
  Batch* const batch = work->batch.get();
  batch->store_epoch = reclaimed.epoch;
  uint64_t taken = 0;
  while (!work->unanswered.Done(work->pieces)) {
    MessageCursor next = work->unanswered;
    const uint64_t sequence = SequenceOf(next.Next(work->pieces));
    if (sequence > reclaimed.committed_through) break;
    auto cursor = reclaimed.results.At(sequence);
    const absl::string_view body = reclaimed.results.Next(&cursor);
    wire::ResultView result;
    const bool parsed = wire::ParseResult(body, &result);
    MSGPROC_CHECK(parsed);
    if (result.failed) ++batch->failed;
    batch->payload_bytes += result.payload.size();
    wire::AppendEncoded(&batch->results, body);
    work->unanswered = next;
    ++taken;
  }
  return taken;
}

void EndBehindGivenUp(WorkerBatch* work) {
  Batch* const batch = work->batch.get();
  work->unanswered.CopyRest(work->pieces, &batch->given_back);
  work->given_up = true;
  work->item.messages = work->item.answered + 1;
  batch->size = work->item.messages;
}

}  // namespace msgproc::processor
