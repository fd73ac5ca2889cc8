#include "services/processor/workers/line_refusals.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/check.h"
#include "services/processor/workers/line_codec.h"
#include "wire/entry.h"
#include "wire/frame.h"

namespace msgproc::processor {

bool TakeOutRefusals(WorkerBatch* work) {
  work->refused.clear();
  std::vector<wire::Piece> kept;
  MessageCursor cursor;
  for (uint64_t i = 0; i < work->item.messages; ++i) {
    MessageCursor here = cursor;
    wire::MessageView message;
    wire::ParseMessage(cursor.Next(work->pieces), &message);
    if (LineCodec::Fits(message.payload)) {
      here.Take(work->pieces, 1, &kept);
    } else {
      work->refused.push_back({i, message.sequence});
    }
  }
  if (work->refused.empty()) return false;
  work->pieces = std::move(kept);
  work->item.messages -= work->refused.size();
  return work->item.messages == 0;
}

void PutInRefusals(WorkerBatch* work) {
  if (work->refused.empty()) return;
  Batch* batch = work->batch.get();
  wire::EntryLog answered = std::move(batch->results);
  batch->results = wire::EntryLog();
  wire::EntryLog::Cursor cursor = answered.At(answered.first_position());
  auto refusal = work->refused.begin();
  for (uint64_t i = 0; i < batch->size; ++i) {
    if (refusal != work->refused.end() && refusal->index == i) {
      AppendError(batch, refusal->sequence,
                  absl::InvalidArgumentError(
                      "The payload contains a newline, and the workers take "
                      "a line a message (--worker_lines)."),
                  false);
      ++refusal;
    } else {
      wire::AppendEncoded(&batch->results, answered.Next(&cursor));
    }
  }
  MSGPROC_CHECK(refusal == work->refused.end());
  work->refused.clear();
}

}  // namespace msgproc::processor
