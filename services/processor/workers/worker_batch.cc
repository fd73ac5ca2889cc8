#include "services/processor/workers/worker_batch.h"

#include "absl/strings/str_cat.h"
#include "common/utf8.h"
#include "services/base/log.h"
#include "services/processor/executors/batch_names.h"
#include "services/processor/handlers/session_context.h"
#include "wire/entry.h"
#include "wire/frame.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxErrorText = 1024;

}  // namespace

void AppendError(Batch* batch, uint64_t sequence, const absl::Status& error,
                 bool retryable) {
  wire::AppendError(&batch->results, sequence, static_cast<int>(error.code()),
                    TruncateUtf8(error.message(), kMaxErrorText), retryable);
  ++batch->failed;
}

void AppendGivenUp(WorkerBatch* work, absl::string_view how) {
  const int attempts = work->item.attempts;
  const uint64_t sequence = SequenceOf(work->unanswered.Next(work->pieces));
  const Batch& batch = *work->batch;
  // Each has cost several workers: there are never many such lines.
  base::LogWarning(
      "a message is given up: it killed every worker that had it",
      {{"session", batch.context == nullptr ? "" : batch.context->session_id},
       {"sequence", sequence},
       {"trace_id", TraceIdOf(batch, work->item.answered)},
       {"handler", batch.binding == nullptr ? "" : batch.binding->name},
       {"how", how}});
  AppendError(work->batch.get(), sequence,
              absl::AbortedError(absl::StrCat(
                  "The message killed its worker ", attempts,
                  attempts == 1 ? " time" : " times", " (", how, ").")),
              false);
}

std::vector<WorkerDeath> DeathsOver(const std::vector<WorkItem*>& items) {
  std::vector<WorkerDeath> deaths;
  for (const WorkItem* item : items) {
    if (item->attempts == 0) continue;
    const WorkerBatch& work = *item->batch;
    MessageCursor next = work.unanswered;
    // Where it is looked at, positions are sequences. The next try is about to
    // begin.
    deaths.push_back({.owner = work.batch->owner,
                      .position = SequenceOf(next.Next(work.pieces)),
                      .attempt = item->earlier_tries + item->attempts + 1,
                      .deaths = item->attempts});
  }
  return deaths;
}

uint64_t SequenceOf(absl::string_view message) {
  wire::MessageView view;
  wire::ParseMessage(message, &view);
  return view.sequence;
}

}  // namespace msgproc::processor
