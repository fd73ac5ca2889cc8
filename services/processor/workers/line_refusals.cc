#include "services/processor/workers/line_refusals.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/entry.h"
#include "proto/wire/frame.h"
#include "services/processor/workers/line_codec.h"

namespace msgproc::processor {

bool TakeOutRefusals(Parcel* parcel) {
  parcel->refused.clear();
  std::vector<wire::Piece> kept;
  MessageCursor cursor;
  for (uint64_t i = 0; i < parcel->messages; ++i) {
    MessageCursor here = cursor;
    wire::MessageView message;
    wire::ParseMessage(cursor.Next(parcel->pieces), &message);
    if (LineCodec::Fits(message.payload)) {
      here.Take(parcel->pieces, 1, &kept);
    } else {
      parcel->refused.push_back({i, message.sequence});
    }
  }
  if (parcel->refused.empty()) return false;
  parcel->pieces = std::move(kept);
  parcel->messages -= parcel->refused.size();
  return parcel->messages == 0;
}

void PutInRefusals(Parcel* parcel) {
  if (parcel->refused.empty()) return;
  Batch* batch = parcel->batch.get();
  wire::EntryLog answered = std::move(batch->results);
  batch->results = wire::EntryLog();
  wire::EntryLog::Cursor cursor = answered.At(answered.first_position());
  auto refusal = parcel->refused.begin();
  for (uint64_t i = 0; i < batch->size; ++i) {
    if (refusal != parcel->refused.end() && refusal->index == i) {
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
  parcel->refused.clear();
}

}  // namespace msgproc::processor
